"""What the journal keeps, back to events; and events to what the journal keeps.

Decoding never fails on what a reader has accepted: a payload that cannot be made into
its declared type (because the declaration changed since) stays as it is, and a Forward
record with damaged text is repaired. Attributes of Forward events are built only when
someone looks.
"""

from __future__ import annotations

import binascii
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from eventd.errors import InvalidEvent
from eventd.event import AttributeValue, Block, Draft, Encoding, Event
from eventd.formats import msgpack_events
from eventd.formats.forward_blocks import decode_forward
from eventd.formats.forward_entries import array_header
from eventd.formats.parts import check_msgpack_parts
from eventd.formats.payloads import Fill, distinct
from eventd.formats.rules import Schemas

__all__ = ["MERGED_BYTES", "decode", "draft_of", "merge", "split"]

#: Bodies are joined up to this size: a reader that wants one event reads a whole block, and
#: events of a larger one, decoded together, fall out of the processor's caches (bench a: 0.9 of the rate).
MERGED_BYTES = 1 << 18

Types = Mapping[str, type[Event]]

class _Lean(msgspec.Struct, gc=False):
    """What nearly every handler looks at; a decoder that skips the rest is twice as fast."""

    type: str
    data: Any = UNSET
    data_base64: str | None = None


_JSON = msgspec.json.Decoder(list[_Lean]).decode, msgspec.json.Decoder(list[dict[str, Any]]).decode
_JSON_RAWS = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MSGPACK_RAWS = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_MSGPACK = msgspec.msgpack.Decoder(list[_Lean]).decode, msgspec.msgpack.Decoder(list[dict[str, Any]]).decode

#: Members that are no attributes.
_OTHERS = ("specversion", "data", "data_base64")

_NO_TYPES: Types = {}


class _Attributes:
    """Builds the attributes of one block's events when somebody looks at the first of them."""

    __slots__ = ("_array", "_decode", "_first", "_members")

    def __init__(self, array: bytes, decode: Callable[[bytes], list[dict[str, Any]]], first: int) -> None:
        self._array = array
        self._decode = decode
        self._first = first
        self._members: list[dict[str, Any]] | None = None

    def attributes(self, offset: int) -> dict[str, AttributeValue]:
        """The attributes of the event at ``offset``."""
        if self._members is None:
            self._members = self._decode(self._array)
            self._array = b""
        members = self._members[offset - self._first]
        return {name: value for name, value in members.items() if value is not None and name not in _OTHERS}


def decode(block: Block, types: Types = _NO_TYPES) -> list[Event]:
    """Make the events of a block.

    :param types: the class for each event type; ``Event`` for all others.
    """
    if block.encoding == Encoding.FORWARD:
        return decode_forward(block, types)
    json = block.encoding == Encoding.JSON
    lean, whole = _JSON if json else _MSGPACK
    array = b"[%b]" % block.body if json else array_header(block.count) + block.body
    origin = _Attributes(array, whole, block.first)
    declared = bool(types) and (not block.types or not types.keys().isdisjoint(block.types))
    return _events(lean(array), origin, block.first, types if declared else _NO_TYPES, json=json)


def draft_of(events: Sequence[Event], schemas: Schemas, node: str, *, fill: Fill | None = None) -> Draft:
    """Write what a handler or source emits; id, source and time are set where absent.

    :raises InvalidEvent: with the index of the event that breaks a rule. :raises TooLarge: when one has too many parts.
    """
    return msgpack_events.read_events(
        [_written(event, index) for index, event in enumerate(events)], schemas, fill or _fill_of(node)
    )


def _written(event: Event, index: int) -> bytes:
    try:
        written = msgpack_events.write(event)
    except InvalidEvent as error:
        error.index = index
        raise
    check_msgpack_parts(written)
    return written


def merge(drafts: Sequence[Draft], limit: int = MERGED_BYTES) -> list[Draft]:
    """Join neighbours that are written alike, so that the journal has fewer rows."""
    merged: list[Draft] = []
    alike: list[Draft] = []
    size = 0
    for draft in drafts:
        if alike and (size + len(draft.body) > limit or not _alike(alike[0], draft)):
            merged.append(_join(alike))
            alike, size = [], 0
        alike.append(draft)
        size += len(draft.body)
    if alike:
        merged.append(_join(alike))
    return merged


def split(draft: Draft, limit: int = MERGED_BYTES) -> list[Draft]:
    """Cut a large draft between events into parts of about ``limit`` bytes: a reader decodes a block at once."""
    if len(draft.body) < 2 * limit or draft.count < 2:
        return [draft]
    json = draft.encoding is Encoding.JSON
    if json:
        raws = _JSON_RAWS(b"[%b]" % draft.body)
    else:
        raws = _MSGPACK_RAWS(array_header(draft.count) + draft.body)
    step = max(1, draft.count * limit // len(draft.body))
    parts = [raws[begin : begin + step] for begin in range(0, len(raws), step)]
    separator = b"," if json else b""
    return [Draft(draft.encoding, len(part), draft.types, separator.join(part), draft.origin) for part in parts]


def _events(leans: list[_Lean], origin: _Attributes, first: int, types: Types, *, json: bool) -> list[Event]:
    events = []
    new = Event.__new__
    offset = first
    for lean in leans:
        data = lean.data
        if lean.data_base64 is not None:
            data = binascii.a2b_base64(lean.data_base64)
        cls = types.get(lean.type, Event) if types else Event
        event = new(cls)
        event._origin = origin
        event.data = data if cls is Event else _convert(cls, data, json=json)
        event.offset = offset
        offset += 1
        events.append(event)
    return events


def _convert(cls: type[Event], data: Any, *, json: bool) -> Any:
    """The payload as what the event type declares, or as it is where it does not fit."""
    payload = getattr(cls, "Data", None)
    if payload is None:
        return data
    try:
        return msgspec.convert(data, payload, str_keys=json)
    except msgspec.ValidationError:
        return data


def _alike(one: Draft, other: Draft) -> bool:
    """Whether two drafts can be one; a Forward body says its type only in the draft."""
    return (
        one.encoding is other.encoding
        and one.origin == other.origin
        and (one.encoding is not Encoding.FORWARD or one.types == other.types)
    )


def _join(drafts: list[Draft]) -> Draft:
    first = drafts[0]
    if len(drafts) == 1:
        return first
    separator = b"," if first.encoding is Encoding.JSON else b""
    types = first.types
    if any([draft.types != types for draft in drafts]):  # noqa: C419 - on this path, a list is faster
        known = all([draft.types for draft in drafts])  # noqa: C419 - the same
        types = distinct([type for draft in drafts for type in draft.types]) if known else ()
    count = sum([draft.count for draft in drafts])
    return Draft(first.encoding, count, types, separator.join([draft.body for draft in drafts]), first.origin)


_fills: dict[str, Fill] = {}


def _fill_of(node: str) -> Fill:
    """One ``Fill`` a node, so that its ids go on from call to call."""
    if node not in _fills:
        _fills[node] = Fill(f"eventd://{node}", f"{secrets.token_hex(6)}-")
    return _fills[node]
