"""CloudEvents in msgpack: ``application/cloudevents+msgpack`` and its batch, eventd's own.

A map of attributes and ``data``, modelled on the JSON format: strings, booleans and
integers as they are, bytes as ``bin``, a payload as a native value or as ``bin``; nil
is unset, and there is no ``data_base64``. ``time`` may be msgpack's own timestamp and
becomes text. ``docs/formats.md`` has the whole format.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import Draft, Encoding, Event
from eventd.formats import plain, rules
from eventd.formats.breath import Breathe, hold
from eventd.formats.forward_entries import array_header
from eventd.formats.parts import check_msgpack_parts
from eventd.formats.payloads import Fill, check_depth, check_payload, distinct, read_each
from eventd.formats.rules import Schemas

__all__ = ["Fill", "plain_types", "read_batch", "read_event", "read_events", "write"]

#: What a msgpack decoder raises on bytes that it cannot make values of; TypeError for
#: maps in the keys of maps.
NOT_MSGPACK = (msgspec.DecodeError, ValueError, TypeError, RecursionError)

#: The first bytes of arrays and maps: fewer of them than ``DEEPEST``, and nothing is too deep.
_CONTAINERS = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])

_NOT_CONTAINERS = bytes(set(range(256)) - set(_CONTAINERS))

#: The first bytes of maps with their length in the next two or four bytes.
MAP_16, MAP_32 = 0xDE, 0xDF

_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
_decode_any = msgspec.msgpack.Decoder().decode
_decode_plain = msgspec.msgpack.Decoder(plain.Plain).decode
_decode_plains = msgspec.msgpack.Decoder(list[plain.Plain]).decode
_decode_array_of_any = msgspec.msgpack.Decoder(list[Any]).decode
_decode_array = msgspec.msgpack.Decoder(list[Raw]).decode
_encode = msgspec.msgpack.Encoder().encode


def read_event(raw: bytes | Raw, schemas: Schemas, *, fill: Fill | None = None) -> Draft:
    """Read one event.

    :raises MalformedInput: when it is no msgpack map with strings as keys.
    :raises InvalidEvent: when it breaks a rule or its payload is not of its type.
    :raises TooLarge: when it has too many arrays and maps.
    """
    raw = bytes(raw)
    check_msgpack_parts(raw)
    body, type = _read(raw, schemas, fill)
    return Draft(Encoding.MSGPACK, 1, (type,), body)


def read_events(
    raws: Sequence[Raw | bytes], schemas: Schemas, fill: Fill | None = None, breathe: Breathe = hold
) -> Draft:
    """Read events that stand or fall together; the error has the index of the wrong one."""
    bodies, types = read_each(raws, lambda raw: _read(raw, schemas, fill), breathe)
    return Draft(Encoding.MSGPACK, len(bodies), distinct(types), b"".join(bodies))


def read_batch(
    body: bytes | Raw, schemas: Schemas, fill: Fill | None = None, breathe: Breathe = hold
) -> Draft:
    """Read an array of events; an empty one makes a draft of none."""
    body = bytes(body)
    check_msgpack_parts(body)
    breathe()
    try:
        raws = _decode_array(body)
    except NOT_MSGPACK as error:
        raise MalformedInput(f"not a msgpack array: {error}") from None
    return read_events(raws, schemas, fill, breathe)


def plain_types(body: bytes, count: int) -> tuple[str, ...] | None:
    """The distinct types of ``count`` events, one behind the other; ``None`` where they are not certainly valid.

    Payloads are not held against their types, and an optional attribute may be there twice, or be empty.
    """
    try:
        events = _decode_plains(array_header(count) + body)
        data = [bytes(event.data) for event in events]
        data = [each for each in data if each]
        _decode_array_of_any(array_header(len(data)) + b"".join(data))
    except NOT_MSGPACK:
        return None
    shallow = max(map(len, data), default=0) <= rules.DEEPEST or all(map(_is_shallow, data))
    return distinct([event.type for event in events]) if shallow and plain.accepts_all(events) else None


def write(event: Event) -> bytes:
    """Write an event as one map.

    :raises InvalidEvent: when its payload is of a kind that msgpack cannot say.
    """
    attributes: dict[str, Any] = {"specversion": rules.SPECVERSION}
    attributes.update((name, value) for name, value in event.attributes.items() if value is not None)
    if event.data is not UNSET:
        attributes["data"] = event.data
    try:
        return _encode(attributes)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidEvent(f"cannot be written: {error}", attribute="data") from None


def _read(raw: bytes, schemas: Schemas, fill: Fill | None) -> tuple[bytes, str]:
    type = _read_plain(raw, schemas, timed=fill is not None)
    return _read_carefully(raw, schemas, fill) if type is None else (raw, type)


def _read_plain(raw: bytes, schemas: Schemas, *, timed: bool = False) -> str | None:
    """The type of an event that is certainly valid; none where a closer look is needed, or where it should be timed."""
    try:
        event = _decode_plain(raw)
        data = bytes(event.data)
        if data:
            _decode_any(data)
            if event.type in schemas:
                plain.payload_decoder(msgspec.msgpack, schemas[event.type])(data)
    except NOT_MSGPACK:
        return None
    certain = (
        plain.members(event) + bool(data) == _members(raw)
        and _is_shallow(data)
        and (data or event.type not in schemas)
        and plain.accepts(event)
        and (event.time != "" or not timed)
    )
    return event.type if certain else None


def _read_carefully(raw: bytes, schemas: Schemas, fill: Fill | None) -> tuple[bytes, str]:
    try:
        event = _decode(raw)
    except NOT_MSGPACK as error:
        raise MalformedInput(f"not a msgpack map of strings: {error}") from None
    if len(event) != _members(raw):
        raise InvalidEvent("an attribute is there twice")
    changed = isinstance(event.get("time"), dt.datetime)
    if changed:
        event["time"] = event["time"].isoformat().replace("+00:00", "Z")
    absent = fill.absent(event) if fill is not None else {}
    if changed or absent:
        event.update(absent)
        raw = _encode(event)
    _check(raw, event, schemas)
    return raw, event["type"]


def _members(raw: bytes) -> int:
    """How many members a map says that it has: fewer were decoded when one comes twice (R13)."""
    if raw[0] == MAP_16:
        return int.from_bytes(raw[1:3], "big")
    if raw[0] == MAP_32:
        return int.from_bytes(raw[1:5], "big")
    return raw[0] & 0x0F


def _check(raw: bytes, event: dict[str, Any], schemas: Schemas) -> None:
    data = event.pop("data", UNSET)
    if not _is_shallow(raw):
        check_depth(data)
    if None in event.values():
        event = {name: value for name, value in event.items() if value is not None}
    rules.check(event)
    if event["type"] in schemas:
        check_payload(data, schemas[event["type"]], json=False)


def _is_shallow(value: bytes) -> bool:
    """Whether a value has too few arrays and maps to be nested too deep."""
    return len(value) <= rules.DEEPEST or len(value.translate(None, _NOT_CONTAINERS)) <= rules.DEEPEST
