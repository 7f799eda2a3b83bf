"""One WebSocket connection after its opening handshake: bytes in, messages out.

Whole, uncompressed data frames, which are nearly all there are, are read here; fragments,
control frames, compressed frames, frames that arrive in pieces and every fault go to the
parser of ``eventd.protocol.framing``. A session without a message under way holds no
parser and no buffer.

What ends a session, and the close frame that is then the last thing to send:

    the client's close frame     ``closed``; ``farewell`` has the echo, to be sent behind the acks
    a fault in what it sent      raised, ``closed``; ``fail`` has 1002, 1007 or 1009
    ``fail``                     ``closed``; it has the error's code
    ``close``                    ``closed`` once the client has echoed it

Messages are not understood here: see ``native`` and ``plain``.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import SEND_EOF, State

from eventd.errors import ClientError, EventdError, MalformedInput, TooLarge
from eventd.protocol.framing import BINARY, TEXT, Parser, drop, give_back, message_frame, server_frame, take
from eventd.protocol.limits import Limits
from eventd.protocol.upgrade import Handshake, handshake

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which websockets has no compiled wheel
    from websockets.utils import apply_mask

__all__ = ["Handshake", "Message", "WebSocketSession", "handshake"]

#: First byte of a close frame.
CLOSE = 0x88
#: A close frame's payload has 125 bytes, of which the code takes two (RFC 6455, 5.5).
MOST_REASON = 123

PING = server_frame(0x89, b"")


class Message(msgspec.Struct, gc=False):
    """One message; that of a text message is valid UTF-8."""

    text: bool
    data: bytes


class _End(msgspec.Struct, gc=False):
    """How a session ends: with which close code, and for which fault."""

    code: int
    reason: str
    error: EventdError | None


class WebSocketSession:
    """The server's end of one connection.

    :param deflate: the window of our compression in bits, 0 where it was not negotiated.
    """

    __slots__ = (
        "_end",
        "_fragments",
        "_last",
        "_out",
        "_parser",
        "_text",
        "close_code",
        "close_reason",
        "closed",
        "deflate",
        "limits",
        "subprotocol",
    )

    def __init__(self, subprotocol: str | None, deflate: int, limits: Limits) -> None:
        self.subprotocol = subprotocol
        self.deflate = deflate
        self.limits = limits
        #: Nothing more is read: the stream is to be closed.
        self.closed = False
        #: What the client closed with, or we for its fault; 1005 where it said nothing.
        self.close_code: int | None = None
        self.close_reason = ""
        self._parser: Parser | None = None
        self._fragments: bytearray | None = None
        self._text = False
        #: What is to be sent now, and the close frame behind it.
        self._out = self._last = b""
        #: How the session ends when the messages before that are handed out.
        self._end: _End | None = None

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._parser is not None and not self._closing

    @property
    def buffered(self) -> int:
        """Bytes held of a message that is not complete."""
        frame = 0 if self._parser is None else self._parser.waiting
        return frame if self._fragments is None else frame + len(self._fragments)

    def receive(self, data: bytes) -> Iterator[Message]:
        """Read on, and hand out the messages that are complete.

        The bytes are read when the iteration starts; it stops when ``fail`` is called.

        :raises ClientError: behind the good messages, when what came is no WebSocket or
            too large. Send what ``fail`` has for it and close.
        """
        for message in [] if self.closed else self._read(data):
            yield message
            if self.closed:
                return
        if self._end is not None and not self.closed:
            self._finish(self._end)

    def data_to_send(self) -> bytes:
        """Pongs that ``receive`` gave rise to."""
        out, self._out = self._out, b""
        return out

    def farewell(self) -> bytes:
        """The last frame of a session that is ``closed``: send it behind everything else."""
        last, self._last = self._last, b""
        return last

    def send(self, data: bytes, text: bool) -> bytes:
        """A message, as one frame."""
        return message_frame(data, text, self.deflate)

    def ping(self) -> bytes:
        """A ping, to hear whether the client lives."""
        return PING

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        """Start the closing handshake; what the client still sends is dropped."""
        parser = self._hold_parser()
        if self.closed or parser.state is not State.OPEN:
            return b""
        parser.send_close(code, _short(reason))
        return b"".join(parser.data_to_send())

    def fail(self, error: EventdError) -> bytes:
        """Give up on the client for ``error``: what is to be sent, and then nothing more is read."""
        if not self.closed:
            if self._end is None:
                self._give_up(error)
            self.closed = True
        return self.data_to_send() + self.farewell()

    def abandon(self) -> None:
        """The connection is gone, and with it what was not complete."""
        if self._parser is not None:
            drop(self._parser)
            self._parser = None

    def _read(self, data: bytes) -> list[Message]:
        messages: list[Message] = []
        rest = self._read_whole(data, messages) if self._parser is None else 0
        if rest < len(data) and self._end is None:
            self._parse(data[rest:] if rest else data, messages)
        return messages

    def _read_whole(self, data: bytes, messages: list[Message]) -> int:
        """Read the whole and plain frames at the start of ``data``; return where they end."""
        at, size, limit = 0, len(data), self.limits.message_size
        while size - at >= 6:
            first = data[at]
            if first != TEXT and first != BINARY:
                break
            length = data[at + 1] - 128
            start = at + 6
            if length >= 126:
                start = at + 8 if length == 126 else at + 14
                length = int.from_bytes(data[at + 2 : start - 4], "big")
            end = start + length
            if length < 0 or end > size or length > limit:
                break
            payload = apply_mask(data[start:end], data[start - 4 : start])
            at = end
            if not self._deliver(first == TEXT, payload, messages):
                break
        return at

    def _parse(self, data: bytes, messages: list[Message]) -> None:
        parser = self._hold_parser()
        # Asked before: the client's close frame may come together with the messages before it.
        dropping = self._closing
        parser.receive_data(data)
        for frame in parser.events_received():
            assert isinstance(frame, Frame)  # the parser was never in an opening handshake
            self._take_frame(frame, messages, dropping)
            if self._end is not None:
                break
        if self._end is None and parser.parser_exc is not None:
            self._end = _fault(parser.parser_exc, parser.close_sent)
        self._sort(parser)

    def _sort(self, parser: Parser) -> None:
        """Send pongs now and a close frame at the end, and drop a parser that stands still."""
        writes = [data for data in parser.data_to_send() if data is not SEND_EOF]
        if self._end is not None:
            self._fragments = None
            self.abandon()
            if writes and writes[-1][0] == CLOSE:
                self._last = writes.pop()
        elif parser.between_messages:
            give_back(parser, self.limits.message_size, bool(self.deflate))
            self._parser = None
        self._out += b"".join(writes)

    def _hold_parser(self) -> Parser:
        if self._parser is None:
            self._parser = take(self.limits.message_size, bool(self.deflate))
        return self._parser

    def _take_frame(self, frame: Frame, messages: list[Message], dropping: bool) -> None:
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            close = Close.parse(bytes(frame.data))
            self._end = _End(close.code, close.reason, None)
        elif opcode is Opcode.PING or opcode is Opcode.PONG or dropping:
            return
        elif frame.fin and opcode is not Opcode.CONT:
            self._deliver(opcode is Opcode.TEXT, bytes(frame.data), messages)
        else:
            self._take_fragment(frame, messages)

    def _take_fragment(self, frame: Frame, messages: list[Message]) -> None:
        if self._fragments is None:
            self._fragments, self._text = bytearray(), frame.opcode is Opcode.TEXT
        self._fragments += frame.data
        if frame.fin:
            data, self._fragments = bytes(self._fragments), None
            self._deliver(self._text, data, messages)

    def _deliver(self, text: bool, data: bytes, messages: list[Message]) -> bool:
        if text and not data.isascii() and not _is_utf8(data):
            self._give_up(MalformedInput("a text message is not valid UTF-8", reason="bad_utf8"))
            return False
        messages.append(Message(text, data))
        return True

    @property
    def _closing(self) -> bool:
        return self._parser is not None and self._parser.state is not State.OPEN

    def _give_up(self, error: EventdError) -> None:
        """End for a fault that the parser does not know."""
        parser = self._hold_parser()
        parser.fail(error.close_code, _short(error.message))
        self._end = _End(error.close_code, error.message, error)
        self._sort(parser)

    def _finish(self, end: _End) -> None:
        self.closed = True
        self.close_code, self.close_reason = end.code, end.reason
        if end.error is not None:
            raise end.error


def _fault(why: Exception, sent: Close | None) -> _End:
    """What the parser stumbled over, in our words."""
    error: ClientError
    if isinstance(why, PayloadTooBig):
        error = TooLarge(f"WebSocket: {why}")
    else:
        error = MalformedInput(f"WebSocket: {why}")
    return _End(sent.code if sent is not None else 1002, str(why), error)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _short(reason: str) -> str:
    """As much of ``reason`` as a close frame can carry."""
    return reason.encode(errors="replace")[:MOST_REASON].decode(errors="ignore")
