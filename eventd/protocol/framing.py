"""The frames of RFC 6455, by the sans-I/O protocol of ``websockets``.

A parser that stands between two messages remembers nothing of them, since compression
works without context takeover. So it is taken when bytes arrive and given back when
they are used up: idle connections have none, and busy ones need not build one for each
message (8 µs against 2.5).

It does not put messages together: ``eventd.protocol.websocket`` does.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Generator

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import Protocol, Side, State
from websockets.streams import StreamReader

__all__ = ["BINARY", "TEXT", "Parser", "drop", "give_back", "message_frame", "server_frame", "take"]

#: First bytes of a frame that is final, uncompressed data.
TEXT, BINARY = 0x81, 0x82
#: The flag of a compressed message, RSV1.
COMPRESSED = 0x40
#: Below this a compressed message is hardly smaller and costs thirty times the time.
LEAST_COMPRESSED = 512
#: Ends every message that was flushed with Z_SYNC_FLUSH; left off on the wire (RFC 7692, 7.2.1).
_TAIL = b"\x00\x00\xff\xff"

#: Parsers kept for the next connection. As many connections as are in the middle of
#: a message at one moment can use more; those are built and dropped.
MOST_SPARE = 16

#: The largest window there is: it inflates what any smaller one deflated.
ANY_WINDOW = 15

#: Frames come and go by the million, and the library tells each one at DEBUG.
_log = logging.getLogger("eventd.websocket.frames")
_log.setLevel(logging.WARNING)

_spare: dict[tuple[int, bool], list[Parser]] = {}


class _Reader(StreamReader):
    """Knows whether the parser waits for the first byte of a frame."""

    between = False

    def at_eof(self) -> Generator[None, None, bool]:
        self.between = True
        ended = yield from super().at_eof()
        self.between = False
        return ended


class Parser(Protocol):
    """The server's end of an open connection."""

    def __init__(self, max_size: int, deflate: bool) -> None:
        super().__init__(Side.SERVER, state=State.OPEN, max_size=max_size, logger=_log)
        if deflate:
            # What we send is compressed by the session: these are the client's terms.
            self.extensions = [PerMessageDeflate(True, True, ANY_WINDOW, ANY_WINDOW)]
        # The library starts its parser on a reader of its own.
        self._reader = _Reader()
        self.reader = self._reader
        self.parser = self.parse()
        next(self.parser)

    @property
    def waiting(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._reader.buffer)

    @property
    def between_messages(self) -> bool:
        """Whether nothing would be lost with this parser."""
        return (
            self._reader.between
            and not self._reader.buffer
            and self.current_size is None
            and self.state is State.OPEN
            and self.parser_exc is None
        )


def take(max_size: int, deflate: bool) -> Parser:
    """A parser that stands before the first byte of a message."""
    spare = _spare.get((max_size, deflate))
    return spare.pop() if spare else Parser(max_size, deflate)


def give_back(parser: Parser, max_size: int, deflate: bool) -> None:
    """Keep a parser that is ``between_messages`` for the next who needs one."""
    spare = _spare.setdefault((max_size, deflate), [])
    if len(spare) < MOST_SPARE:
        spare.append(parser)


def drop(parser: Parser) -> None:
    """Let a parser go that nobody can use: it and its generator hold each other until the collector comes."""
    parser.parser.close()


def server_frame(first: int, data: bytes) -> bytes:
    """One unmasked frame; ``first`` is its first byte, with the opcode and the flags."""
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


def message_frame(data: bytes, text: bool, deflate: int) -> bytes:
    """A whole message as one unmasked frame; ``deflate`` is the compression's window in bits, 0 for none."""
    first = TEXT if text else BINARY
    if deflate and len(data) >= LEAST_COMPRESSED:
        compressor = zlib.compressobj(wbits=-deflate, memLevel=5)
        data = (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
        first |= COMPRESSED
    return server_frame(first, data)
