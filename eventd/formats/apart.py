"""Takes a block apart: each of its events as a block of its own, in the bytes that it was written in."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from eventd.event import Block, Encoding
from eventd.formats.forward_entries import array_header

__all__ = ["alone", "pieces", "span"]

_json = msgspec.json.Decoder(list[Raw]).decode
_msgpack = msgspec.msgpack.Decoder(list[Raw]).decode


def pieces(block: Block) -> Sequence[Raw]:
    """The bytes of each event; they keep those of the block alive."""
    if block.encoding == Encoding.JSON:
        return _json(b"[%b]" % block.body)
    return _msgpack(array_header(block.count) + block.body)


def alone(block: Block, pieces: Sequence[Raw], index: int) -> Block:
    """One event of ``block``, at its offset."""
    return Block(
        block.first + index, 1, block.encoding, block.types, block.received, bytes(pieces[index]), block.origin
    )


def span(block: Block, pieces: Sequence[Raw], start: int, end: int) -> Block:
    """The events of ``block`` from index ``start`` up to ``end``, at their offsets."""
    between = b"," if block.encoding == Encoding.JSON else b""
    return Block(
        block.first + start, end - start, block.encoding, block.types, block.received,
        between.join(pieces[start:end]), block.origin,
    )  # fmt: skip
