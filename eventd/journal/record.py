"""A row of the table of blocks, and the block that it stands for.

It computes and checks the checksum. It does not touch the database: docs/journal.md is
the format, ``schema.py`` has the SQL.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from eventd.event import Block, Draft, Encoding

__all__ = ["COLUMNS", "DamagedRow", "Row", "block_of", "from_row", "to_row"]

#: In the order of ``Row``. The body is last, so that the others are read without its overflow pages.
COLUMNS = "first, count, received, encoding, crc, types, origin, body"

#: first, count, received, encoding, crc, types, origin, body. A reader's text comes as bytes.
Row = tuple[int, int, int, int, int, str | bytes, str | bytes, bytes]

#: The part of the checksum's input with a fixed size: first, count, received, encoding.
HEADER = struct.Struct("<qqqB")

#: By its number, without a call of the enumeration's class.
ENCODINGS = {int(encoding): encoding for encoding in Encoding}

_encode_types = msgspec.json.Encoder().encode
_decode_types = msgspec.json.Decoder(tuple[str, ...]).decode


class DamagedRow(Exception):
    """A row is not what was written: ``first`` as far as it can be told, and why."""

    def __init__(self, first: int, why: str) -> None:
        super().__init__(f"the row at offset {first} is damaged: {why}")
        self.first = first
        self.why = why


def block_of(draft: Draft, first: int, received: int) -> Block:
    """The block that ``draft`` becomes at offset ``first``."""
    return Block(first, draft.count, draft.encoding, draft.types, received, draft.body, draft.origin)


def to_row(block: Block) -> Row:
    """What is written for ``block``."""
    types, origin = _encode_types(block.types), block.origin.encode()
    crc = _checksum(block.first, block.count, block.received, block.encoding, types, origin, block.body)
    return (
        block.first, block.count, block.received, int(block.encoding), crc, types.decode(), block.origin, block.body,
    )  # fmt: skip


def from_row(row: Row) -> Block:
    """The block of a row that was read.

    :raises DamagedRow: when it is not what was written.
    """
    first, count, received, encoding, crc, types, origin, body = row
    try:
        types = types.encode() if isinstance(types, str) else types
        origin = origin.encode() if isinstance(origin, str) else origin
        if _checksum(first, count, received, encoding, types, origin, body) != crc:
            raise DamagedRow(first, "its checksum differs")
        return Block(first, count, ENCODINGS[encoding], _decode_types(types), received, body, origin.decode())
    except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise DamagedRow(first, f"{error.__class__.__name__}: {error}") from error


def _checksum(first: int, count: int, received: int, encoding: int, types: bytes, origin: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(HEADER.pack(first, count, received, encoding) + types + origin))
