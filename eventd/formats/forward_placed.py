"""Forward entries as CloudEvents with their place, a block in one go.

Each is the same event as ``json_events.write`` and ``msgpack_events.write`` make of it, at a third of their time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from eventd.event import Block
from eventd.formats.forward_blocks import CONTENT_TYPE, entries_of, id_of, taken_apart, time_of
from eventd.formats.rules import SPECVERSION

__all__ = ["placed_entries"]

#: What the encoders say of what they cannot write as it is.
NOT_WRITTEN = (TypeError, ValueError, OverflowError, RecursionError)

_json, _msgpack = msgspec.json.Encoder().encode, msgspec.msgpack.Encoder().encode


class _Placed(msgspec.Struct, gc=False):
    specversion: str
    id: str
    source: str
    type: str
    time: str
    datacontenttype: str
    data: Any
    eventdoffset: int | UnsetType


def placed_entries(block: Block, indices: Sequence[int], *, json: bool) -> list[bytes | None]:
    """The events at ``indices``; ``None`` for one that needs a closer look.

    It has metadata, or a record that was damaged or cannot be written as it is.
    """
    entries, first, received = entries_of(block), block.first, block.received
    source, type, encode = block.origin, block.types[0], _json if json else _msgpack
    written: list[bytes | None] = []
    for index in indices:
        time, metadata = taken_apart(entries[index][0])
        record, offset = entries[index][1], first + index
        if metadata or not isinstance(record, dict):
            written.append(None)
            continue
        event = _Placed(
            SPECVERSION, id_of(received, offset), source, type, time_of(time, received), CONTENT_TYPE, record,
            offset if offset >= 0 else UNSET,
        )  # fmt: skip
        try:
            written.append(encode(event))
        except NOT_WRITTEN:
            written.append(None)
    return written
