"""Inflate what a sender compressed, up to a limit: gzip, deflate and zstd.

A few bytes can inflate to gigabytes, so nothing is ever inflated in one go: the output
is counted while it grows, and what passes the limit is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import zstandard

from eventd.errors import MalformedInput, TooLarge, UnsupportedFormat

__all__ = ["Grown", "ignore", "inflate"]

#: Told how many bytes there are by now; it may wait, and raise to give up.
Grown = Callable[[int], object]

#: Output made at once; what may be held beyond the limit.
PIECE = 1 << 20

#: Compressed bytes given at once. What is behind the end of a member is handed back as a
#: copy, so that large steps would make many small members costly; and 4 bytes of zstd can
#: become 128 KiB, with no way to ask for less.
ZLIB_STEP, ZSTD_STEP = 4096, 256

#: ``wbits`` of zlib: gzip with its header, the zlib format, and deflate without a header.
GZIP, ZLIB, BARE = 31, 15, -15

#: No zstd frame may ask for a window larger than this: 2^27 is what its command line accepts.
MOST_WINDOW = 1 << 27


def ignore(size: int) -> None:
    """Care for no size."""


def inflate(kind: str, data: bytes, limit: int, grown: Grown = ignore) -> bytes:
    """Inflate ``data``, all of its members or frames one behind the other.

    :param kind: ``gzip``, ``deflate`` or ``zstd``.
    :param limit: the most bytes that may come out; 0 is no limit.
    :param grown: called behind each piece.
    :raises UnsupportedFormat: for any other kind.
    :raises TooLarge: when more than ``limit`` bytes come out.
    :raises MalformedInput: when ``data`` is damaged or cut short.
    """
    if kind == "gzip":
        pieces = _members(data, GZIP)
    elif kind == "deflate":
        # The name means the zlib format (RFC 9110), and some senders leave its header away.
        pieces = _members(data, ZLIB if data[:1] and data[0] & 0x0F == 8 else BARE)
    elif kind == "zstd":
        pieces = _frames(data)
    else:
        raise UnsupportedFormat(f"unknown compression {kind!r}", hint="gzip, deflate and zstd are understood")
    try:
        return _gather(pieces, limit, grown)
    except (zlib.error, zstandard.ZstdError) as error:
        raise MalformedInput(f"damaged {kind}: {error}") from None


def _gather(pieces: Iterator[bytes], limit: int, grown: Grown) -> bytes:
    gathered, size = [], 0
    for piece in pieces:
        size += len(piece)
        if limit and size > limit:
            raise TooLarge(f"inflates to more than {limit} bytes")
        gathered.append(piece)
        grown(size)
    return b"".join(gathered)


def _members(data: bytes, wbits: int) -> Iterator[bytes]:
    position, view = 0, memoryview(data)
    while position < len(data):
        member = zlib.decompressobj(wbits)
        while not member.eof:
            given = member.unconsumed_tail or view[position : position + ZLIB_STEP]
            if not given:
                raise MalformedInput("compressed data is cut short")
            if not member.unconsumed_tail:
                position += len(given)
            yield member.decompress(given, PIECE)
        position -= len(member.unused_data)


def _frames(data: bytes) -> Iterator[bytes]:
    position, view = 0, memoryview(data)
    # One for all frames: making it costs fifteen times what a small frame does.
    decompressor = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)
    while position < len(data):
        frame = decompressor.decompressobj()
        while not frame.eof:
            given = view[position : position + ZSTD_STEP]
            if not given:
                raise MalformedInput("compressed data is cut short")
            position += len(given)
            yield frame.decompress(given)
        position -= len(frame.unused_data)
