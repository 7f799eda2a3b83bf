"""The events of a block, each written with its place in the journal: the attribute ``eventdoffset``.

Where a block is in the format that is asked for, the events' own bytes are kept and the
attribute is put behind their last member; only what is in another format is decoded and
written anew. What CloudEvents JSON can say and msgpack cannot (integers of more than 64
bits) goes on as the JSON text that it was.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eventd.errors import InvalidEvent
from eventd.event import Block, Encoding, Event
from eventd.formats import blocks, json_events, msgpack_events
from eventd.formats.apart import pieces
from eventd.formats.forward_placed import placed_entries

__all__ = ["OFFSET", "placed"]

#: The attribute that carries the offset. Its type is wider than CloudEvents' Integer.
OFFSET = "eventdoffset"

_NAME = OFFSET.encode()
#: The key and the head of an unsigned integer of 64 bits, in msgpack.
_KEY = bytes([0xA0 + len(_NAME)]) + _NAME + b"\xcf"
#: How JSON escapes any of its letters, but for the last digit.
_ESCAPES = (b"\\u006", b"\\u007")
#: The heads of maps: the last one with its length in itself, and of up to 65,535 members.
_FIX_MAP_END, _MAP_16 = 0x8F, 0xDE


def placed(block: Block, indices: Sequence[int] | None = None, *, json: bool) -> list[bytes]:
    """The events at ``indices``, or all, in CloudEvents JSON or eventd's msgpack.

    Events without a place (those of a block whose offsets are negative) are written without one.
    """
    if indices is None:
        indices = range(block.count)
    if block.encoding is Encoding.FORWARD:
        return _entries(block, indices, json=json)
    own = Encoding.JSON if json else Encoding.MSGPACK
    if block.encoding is not own or _is_used(block):
        return _rewritten(block, indices, json=json)
    raws = pieces(block)
    first = block.first
    if first < 0:
        return [bytes(raws[index]) for index in indices]
    put = _put_json if json else _put_msgpack
    return [put(bytes(raws[index]), first + index) for index in indices]


def _is_used(block: Block) -> bool:
    """Whether a sender may have used the attribute's name: then it is replaced, not given twice."""
    if _NAME in block.body:
        return True
    return block.encoding is Encoding.JSON and any(escape in block.body for escape in _ESCAPES)


def _put_json(event: bytes, offset: int) -> bytes:
    return b'%b,"eventdoffset":%d}' % (event[:-1], offset)


def _put_msgpack(event: bytes, offset: int) -> bytes:
    head = event[0]
    if head < _FIX_MAP_END:
        start, rest = bytes((head + 1,)), event[1:]
    else:
        size = 1 if head == _FIX_MAP_END else 3 if head == _MAP_16 else 5
        start, rest = _map_head(16 if size == 1 else int.from_bytes(event[1:size], "big") + 1), event[size:]
    return b"%b%b%b%b" % (start, rest, _KEY, offset.to_bytes(8, "big"))


def _map_head(members: int) -> bytes:
    return b"\xde" + members.to_bytes(2, "big") if members < 1 << 16 else b"\xdf" + members.to_bytes(4, "big")


def _entries(block: Block, indices: Sequence[int], *, json: bool) -> list[bytes]:
    written = placed_entries(block, indices, json=json)
    others = [index for index, event in zip(indices, written, strict=True) if event is None]
    rewritten = iter(_rewritten(block, others, json=json) if others else ())
    return [next(rewritten) if event is None else event for event in written]


def _rewritten(block: Block, indices: Sequence[int], *, json: bool) -> list[bytes]:
    events = blocks.decode(block)
    write = json_events.write if json else _write_msgpack
    return [write(_with_offset(events[index])) for index in indices]


def _with_offset(event: Event) -> Event:
    if event.offset >= 0:
        event.attributes[OFFSET] = event.offset
    else:
        event.attributes.pop(OFFSET, None)
    return event


def _write_msgpack(event: Event) -> bytes:
    try:
        return msgpack_events.write(event)
    except InvalidEvent:
        event.data = msgspec.json.encode(event.data)
        event.attributes.setdefault("datacontenttype", "application/json")
        return msgpack_events.write(event)
