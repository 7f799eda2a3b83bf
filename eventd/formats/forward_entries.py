"""Entries of the Fluentd Forward protocol: ``[time, record]``, many of one tag.

Entries are kept as they came: looked through so far that their number is right and
each record is a map, decoded only when a handler looks. A bad entry in a good frame is
skipped and counted. The frames round the entries belong to ``eventd.protocol.forward``.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgpack
import msgspec
from msgspec import Raw
from msgspec.msgpack import Ext

from eventd.errors import InvalidEvent, MalformedInput, TooLarge
from eventd.event import Draft, Encoding
from eventd.formats import rules
from eventd.formats.breath import Breathe, hold, paced
from eventd.formats.parts import check_msgpack_parts
from eventd.formats.rules import Schemas

__all__ = ["GROUP_MARKER", "INVALID", "array_header", "read_entries", "read_packed"]

#: Why an entry is skipped: it is no event, or it is none that can be kept.
GROUP_MARKER, INVALID = "group_marker", "invalid_event"

#: How an EventTime of a group marker begins: seconds 0xFFFFFFFF (start) and 0xFFFFFFFE (end)
#: stand for a group of OpenTelemetry logs, not for a time in 2106.
MARKER = b"\xff\xff\xff"
MARKERS = (b"\xff\xff\xff\xff\0\0\0\0", b"\xff\xff\xff\xfe\0\0\0\0")

#: Entries that are looked at one by one in a row, some 0.3 ms.
IN_A_ROW = 64

#: First bytes of msgpack: small arrays from, small maps from and to, then the long forms.
FIX_ARRAY, ARRAY_16, ARRAY_32 = 0x90, 0xDC, 0xDD
FIX_MAP, MAPS = 0x80, frozenset([*range(0x80, 0x90), 0xDE, 0xDF])


#: What says that entries are not all plain, or that one is none: TypeError comes from maps
#: in the keys of maps, InvalidEvent from a tag that can be no type.
NOT_PLAIN = (msgspec.DecodeError, InvalidEvent, ValueError, TypeError, RecursionError)


class _Map(msgspec.Struct, gc=False):
    """Any map with strings as keys, stepped over without decoding its values."""


Skipped = Counter[str]

_scan = msgspec.msgpack.Decoder(list[tuple[int | float | Ext, _Map]]).decode
_pair = msgspec.msgpack.Decoder(tuple[Raw, Raw]).decode
_time = msgspec.msgpack.Decoder().decode


def read_entries(
    tag: str, entries: bytes | Raw | Sequence[bytes], *, origin: str, schemas: Schemas, breathe: Breathe = hold
) -> tuple[Draft | None, Skipped]:
    """Read entries that come as a msgpack array, header and all, or as a list of single ones.

    :param breathe: called now and then.
    :returns: the draft, or none where nothing is left, and how many were skipped why.
    :raises MalformedInput: when the bytes are no array of whole values.
    """
    if not isinstance(entries, bytes | Raw):
        joined = b"".join(entries)
        check_msgpack_parts(joined)
        return _read(tag, joined, len(entries), origin, schemas, breathe)
    body = bytes(entries)
    check_msgpack_parts(body)
    count, size = _read_array_header(body)
    return _read(tag, body[size:], count, origin, schemas, breathe)


def read_packed(
    tag: str, payload: bytes, *, size_hint: int | None = None, origin: str, schemas: Schemas, breathe: Breathe = hold
) -> tuple[Draft | None, Skipped]:
    """Read entries that come one behind the other, as PackedForward has them.

    :param size_hint: what the sender says their number is; it is tried, not believed.
    :param breathe: called now and then.
    """
    check_msgpack_parts(payload)
    if size_hint is not None and 0 < size_hint <= len(payload):
        try:
            return _accept(tag, payload, size_hint, origin, schemas)
        except NOT_PLAIN:
            pass
    return _read(tag, payload, len(_split(payload)), origin, schemas, breathe)


def array_header(count: int) -> bytes:
    """The header of a msgpack array of ``count`` items."""
    return b"\xdd" + count.to_bytes(4, "big")


def _read_array_header(body: bytes) -> tuple[int, int]:
    """The number of items and the size of the header."""
    first = body[0] if body else 0
    if FIX_ARRAY <= first < FIX_ARRAY + 16:
        return first & 0x0F, 1
    if first == ARRAY_16 and len(body) >= 3:
        return int.from_bytes(body[1:3], "big"), 3
    if first == ARRAY_32 and len(body) >= 5:
        return int.from_bytes(body[1:5], "big"), 5
    raise MalformedInput("entries must be a msgpack array")


def _read(
    tag: str, body: bytes, count: int, origin: str, schemas: Schemas, breathe: Breathe
) -> tuple[Draft | None, Skipped]:
    breathe()
    try:
        return _accept(tag, body, count, origin, schemas)
    except NOT_PLAIN:
        breathe()
        return _pick(tag, body, count, origin, schemas, breathe)


def _accept(tag: str, body: bytes, count: int, origin: str, schemas: Schemas) -> tuple[Draft | None, Skipped]:
    """Take all entries at once where all are plain; raises where they are not."""
    if not count:
        return None, Counter()
    rules.check_one("type", tag)
    if MARKER in body:
        raise ValueError("there may be group markers")
    array = array_header(count) + body
    _scan(array)
    if tag in schemas:
        typed_entries(schemas[tag])(array)
    return Draft(Encoding.FORWARD, count, (tag,), body, origin), Counter()


def _pick(
    tag: str, body: bytes, count: int, origin: str, schemas: Schemas, breathe: Breathe
) -> tuple[Draft | None, Skipped]:
    """Take the good entries one by one."""
    entries = _split(body)
    if len(entries) != count:
        raise MalformedInput(f"{count} entries were announced and {len(entries)} came")
    kept, skipped = [], Skipped()
    for entry in paced(entries, breathe, IN_A_ROW):
        reason = _fault(tag, entry, schemas)
        if reason is None:
            kept.append(entry)
        else:
            skipped[reason] += 1
    if not kept:
        return None, skipped
    return Draft(Encoding.FORWARD, len(kept), (tag,), b"".join(kept), origin), skipped


def _split(body: bytes) -> list[bytes]:
    """Cut values that stand one behind the other."""
    unpacker = msgpack.Unpacker(max_buffer_size=max(1, len(body)))
    unpacker.feed(body)
    ends = [0]
    try:
        while ends[-1] < len(body):
            unpacker.skip()
            ends.append(unpacker.tell())
    except msgpack.OutOfData:
        raise MalformedInput("the last entry is cut short") from None
    except msgpack.StackError:
        raise TooLarge("an entry is nested too deep") from None
    except ValueError as error:
        raise MalformedInput(f"entries are not msgpack: {error}") from None
    return [body[start:end] for start, end in pairwise(ends)]


def _fault(tag: str, entry: bytes, schemas: Schemas) -> str | None:
    """Why an entry cannot be an event; none where it can."""
    try:
        rules.check_one("type", tag)
        time, record = map(bytes, _pair(entry))
        if record[0] not in MAPS or not _is_time(time):
            return INVALID
        if _is_marker(time):
            return GROUP_MARKER
        if tag in schemas:
            _typed_record(schemas[tag])(record)
    except NOT_PLAIN:
        return INVALID
    return None


def _is_time(time: bytes) -> bool:
    """Whether it is what some client sends for a time: a number, nil, an ext, or an array of time and map."""
    value: Any = _time(time)
    if isinstance(value, list):
        return len(value) == 2 and isinstance(value[1], dict)
    return value is None or isinstance(value, int | float | Ext) or hasattr(value, "timestamp")


def _is_marker(time: bytes) -> bool:
    value: Any = _time(time)
    if isinstance(value, list):
        value = value[0]
    return isinstance(value, Ext) and value.data in MARKERS


@functools.lru_cache(1024)
def typed_entries(payload: Any) -> Any:
    """The function that decodes an array of entries with records of a declared type."""
    return msgspec.msgpack.Decoder(list[tuple[object, payload]]).decode


@functools.lru_cache(1024)
def _typed_record(payload: Any) -> Any:
    return msgspec.msgpack.Decoder(payload).decode
