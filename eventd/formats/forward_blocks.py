"""Blocks of Forward entries, back to events whose attributes are built when someone looks.

A Forward entry has a time and a record; the tag is the type and the listener the
source. The id is made of what never changes: when the block came and the offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import msgspec
from msgspec.msgpack import Ext

from eventd.errors import InvalidEvent
from eventd.event import AttributeValue, Block, Event
from eventd.formats import rules
from eventd.formats.forward_entries import array_header, typed_entries
from eventd.formats.times import rfc3339

__all__ = ["CONTENT_TYPE", "decode_forward", "entries_of", "id_of", "taken_apart", "time_of"]

#: What attributes of an entry are made by eventd; its metadata cannot replace them.
OWN = frozenset({"specversion", "id", "source", "type", "time", "datacontenttype"})

#: EventTime: ext type 0 with seconds and nanoseconds of four bytes each.
EVENT_TIME, EVENT_TIME_SIZE = 0, 8

NANOSECONDS = 1_000_000_000

#: Of all records: they are maps.
CONTENT_TYPE = "application/json"

#: What decoders raise on damaged text, on keys that no dict can have, and on nesting.
NOT_DECODED = (msgspec.DecodeError, ValueError, TypeError, RecursionError, OverflowError)

_decode_entry = msgspec.msgpack.Decoder(tuple[object, dict[object, object]]).decode
#: The door has seen that each record is a map; a decoder that is told so again does not remember keys.
_decode_plain = msgspec.msgpack.Decoder(list[tuple[Any, Any]]).decode


class ForwardOrigin:
    """Builds the attributes of one block's events."""

    __slots__ = ("_first", "_received", "_source", "_times", "_type")

    def __init__(self, block: Block, times: Sequence[object]) -> None:
        self._first = block.first
        self._received = block.received
        self._source = block.origin
        self._type = block.types[0]
        self._times = times

    def attributes(self, offset: int) -> dict[str, AttributeValue]:
        """The attributes of the event at ``offset``."""
        time, metadata = taken_apart(self._times[offset - self._first])
        attributes: dict[str, AttributeValue] = {
            "id": id_of(self._received, offset),
            "source": self._source,
            "type": self._type,
            "time": time_of(time, self._received),
            "datacontenttype": CONTENT_TYPE,
        }
        attributes.update(_valid(metadata))
        return attributes


def decode_forward(block: Block, types: Mapping[str, type[Event]]) -> list[Event]:
    """Make the events of a block of Forward entries."""
    cls = types.get(block.types[0], Event)
    entries = entries_of(block, getattr(cls, "Data", None))
    origin = ForwardOrigin(block, [time for time, _ in entries])
    events = []
    offset = block.first
    new = cls.__new__
    for _, record in entries:
        event = new(cls)
        event._origin = origin
        event.data = record
        event.offset = offset
        offset += 1
        events.append(event)
    return events


def entries_of(block: Block, payload: type | None = None) -> Sequence[tuple[object, Any]]:
    """Times, with metadata where they came so, and records; those of ``payload``, where they can be."""
    array = array_header(block.count) + block.body
    try:
        entries: list[tuple[object, Any]] = (typed_entries(payload) if payload else _decode_plain)(array)
        return entries
    except NOT_DECODED:
        entries = _mended(block)
    return [(time, _typed(record, payload)) for time, record in entries] if payload else entries


def _mended(block: Block) -> list[tuple[object, Any]]:
    """Decode entries one by one, with damaged text mended; what is beyond that stays bytes."""
    unpacker = msgpack.Unpacker(max_buffer_size=max(1, len(block.body)))
    unpacker.feed(block.body)
    entries = []
    start = 0
    for _ in range(block.count):
        unpacker.skip()
        end = unpacker.tell()
        entries.append(_mended_entry(block.body[start:end]))
        start = end
    return entries


def _mended_entry(entry: bytes) -> tuple[object, Any]:
    try:
        return _decode_entry(entry)
    except NOT_DECODED:
        pass
    try:
        time, record = msgpack.unpackb(
            entry, unicode_errors="replace", strict_map_key=False, ext_hook=Ext, use_list=False, timestamp=3
        )
    except NOT_DECODED:
        return None, entry
    return time, record


def _typed(record: object, payload: type) -> Any:
    try:
        return msgspec.convert(record, payload)
    except msgspec.ValidationError:
        return record


def id_of(received: int, offset: int) -> str:
    """The id of an entry: what never changes of it.

    :param received: when its block came, in nanoseconds since 1970.
    """
    return f"{received:x}-{offset}"


def time_of(time: object, received: int) -> str:
    """An entry's time as text, or when it was received where the sender did not say."""
    return rfc3339(_nanoseconds(time) or received)


def taken_apart(time: object) -> tuple[object, Mapping[object, object]]:
    """The time of an entry and its metadata, if it has any."""
    if isinstance(time, list | tuple) and len(time) == 2 and isinstance(time[1], dict):
        return time[0], time[1]
    return time, {}


def _nanoseconds(time: Any) -> int:
    """A time as nanoseconds since 1970; 0 where the sender did not say, or not so that it can be read."""
    if isinstance(time, Ext):
        data = bytes(time.data)
        if time.code != EVENT_TIME or len(data) != EVENT_TIME_SIZE:
            return 0
        return int.from_bytes(data[:4], "big") * NANOSECONDS + int.from_bytes(data[4:], "big")
    try:
        if isinstance(time, int):
            return time * NANOSECONDS
        seconds = time if isinstance(time, float) else time.timestamp()
        return int(seconds * 1_000_000) * 1000
    except (AttributeError, ValueError, OverflowError):
        return 0


def _valid(metadata: Mapping[Any, Any]) -> dict[str, AttributeValue]:
    """What of an entry's metadata can be attributes of its event."""
    valid: dict[str, AttributeValue] = {}
    for name, value in metadata.items():
        if isinstance(name, str) and name not in OWN:
            try:
                rules.check_one(name, value)
            except InvalidEvent:
                continue
            valid[name] = value
    return valid
