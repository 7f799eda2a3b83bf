"""A client's WebSocket without a socket: bytes in, messages and bytes out.

The opening handshake, fragments, control frames and every fault are the business of
``websockets``. Whole, unmasked data frames, which are nearly all there are, are cut out
here; what the library gets is always whole frames, so that it never stands within one.

Compression is not offered: it costs more than it saves on the networks of one house.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from eventd.client.ends import End

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform for which websockets has no compiled wheel
    from websockets.utils import apply_mask

__all__ = ["Link"]

#: First bytes of a frame that is final, uncompressed data.
TEXT, BINARY = 0x81, 0x82
#: The flag of a masked payload, in the byte of the length.
MASKED = 0x80
#: The longest head of an HTTP answer, in bytes.
MOST_HEAD = 64 * 1024
#: The longest message of a server, in bytes: several times what a daemon takes in one.
MOST_MESSAGE = 256 * 1024 * 1024
#: How much of a refusal's body is told, in characters.
MOST_TOLD = 200

#: Who uses the link tells what goes wrong with it; the library would tell it again.
_log = logging.getLogger("eventd.client.frames")
_log.disabled = True


class Link:
    """One connection, from its opening handshake to its end.

    :param text: whether messages are text messages.
    """

    def __init__(self, uri: WebSocketURI, subprotocol: str, headers: Mapping[str, str], *, text: bool) -> None:
        #: The handshake is done, and messages may be sent.
        self.opened = False
        #: Nothing more is read, and the socket is to be closed.
        self.end: End | None = None
        self._subprotocol = subprotocol
        self._first = TEXT if text else BINARY
        self._kind = "text" if text else "binary"
        #: The head of the HTTP answer was read.
        self._answered = False
        self._held = bytearray()
        #: Nothing is to be read before so many bytes are held.
        self._wanted = 0
        self._fragments: bytearray | None = None
        self._protocol = ClientProtocol(
            uri, subprotocols=[Subprotocol(subprotocol)], max_size=MOST_MESSAGE, logger=_log
        )
        request = self._protocol.connect()
        request.headers.update(Headers(headers))
        self._protocol.send_request(request)
        self._out: list[bytes] = []
        #: Bytes that ``outgoing`` would give.
        self.unsent = 0
        self._collect()

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        out, self._out = b"".join(self._out), []
        self.unsent = 0
        return out

    def send(self, message: bytes) -> None:
        """Send a message, as one frame."""
        size = len(message)
        if size < 126:
            head = bytes((self._first, MASKED | size))
        elif size < 65536:
            head = bytes((self._first, MASKED | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((self._first, MASKED | 127)) + size.to_bytes(8, "big")
        mask = os.urandom(4)
        self._write(head + mask + apply_mask(message, mask))

    def ping(self) -> None:
        """Ask whether the server lives."""
        self._protocol.send_ping(b"")
        self._collect()

    def close(self) -> None:
        """Say farewell; nothing is sent behind it."""
        if self.opened and self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._collect()

    def receive(self, data: bytes) -> list[bytes]:
        """Read on; an empty ``data`` is the end of the stream.

        :returns: the messages that are complete.
        """
        messages: list[bytes] = []
        if self.end is not None:
            return messages
        if not data:
            self._end_of_stream()
            return messages
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return messages
            data = bytes(self._held)
            self._held.clear()
        rest = self._read_frames(data, messages) if self.opened else self._shake_hands(data, messages)
        self._held += data[rest:] if self.end is None else b""
        return messages

    def _shake_hands(self, data: bytes, messages: list[bytes]) -> int:
        """Read the answer to the opening handshake, and what is behind it; return where that was read to."""
        end = len(data)
        if not self._answered:
            found = data.find(b"\r\n\r\n")
            if found < 0 and len(data) <= MOST_HEAD:
                return 0
            end = found + 4 if found >= 0 else end
            self._answered = True
        self._protocol.receive_data(data[:end])
        if self._protocol.state is State.OPEN:
            return end + self._open(data[end:], messages)
        if end < len(data):
            self._protocol.receive_data(data[end:])
        self._refused()
        return len(data)

    def _open(self, data: bytes, messages: list[bytes]) -> int:
        self._protocol.events_received()
        if self._protocol.subprotocol != self._subprotocol:
            self.end = End(f"the server does not speak {self._subprotocol}")
            return len(data)
        self.opened = True
        return self._read_frames(data, messages)

    def _refused(self) -> None:
        """Tell the HTTP answer, as soon as all of it is there."""
        error = self._protocol.handshake_exc
        if isinstance(error, InvalidStatus):
            self.end = _refusal(error.response)
        elif error is not None:
            cause = f": {error.__cause__}" if error.__cause__ is not None else ""
            self.end = End(f"no WebSocket: {error}{cause}")

    def _end_of_stream(self) -> None:
        if not self.opened:
            self._protocol.receive_eof()
            self._refused()
        if self.end is None:
            self.end = End("the server closed the connection")

    def _read_frames(self, data: bytes, messages: list[bytes]) -> int:
        """Read the whole frames at the start of ``data``; return where they end."""
        at, size = 0, len(data)
        self._wanted = 0
        while size - at >= 2 and self.end is None:
            length, start = data[at + 1], at + 2
            if length >= 126:
                start = at + (4 if length == 126 else 10)
                if length < MASKED and size < start:
                    break
                length = int.from_bytes(data[at + 2 : start], "big") if length < MASKED else MOST_MESSAGE + 1
            end = start + length
            if length > MOST_MESSAGE:
                # The library says what is wrong with it.
                end = size
            elif end > size:
                self._wanted = end - at
                break
            if data[at] == self._first and self._fragments is None and length <= MOST_MESSAGE:
                messages.append(data[start:end])
            else:
                self._feed(data[at:end], messages)
            at = end
        return at

    def _feed(self, frame: bytes, messages: list[bytes]) -> None:
        """Give a frame to the library."""
        protocol = self._protocol
        protocol.receive_data(frame)
        for event in protocol.events_received():
            assert isinstance(event, Frame)  # the handshake is over
            if event.opcode is Opcode.CLOSE:
                self._closed()
            elif event.opcode not in (Opcode.PING, Opcode.PONG):
                self._take(event, messages)
        if protocol.parser_exc is not None and self.end is None:
            self.end = End(f"the server broke the WebSocket protocol: {protocol.parser_exc}")
        self._collect()

    def _take(self, frame: Frame, messages: list[bytes]) -> None:
        """Put a message together of its fragments."""
        if frame.opcode is not Opcode.CONT:
            if (frame.opcode is Opcode.TEXT) is not (self._first == TEXT):
                self.end = End(f"the server sent a message that is not {self._kind}")
                return
            self._fragments = bytearray()
        assert self._fragments is not None  # the library refuses a continuation of nothing
        self._fragments += frame.data
        if frame.fin:
            messages.append(bytes(self._fragments))
            self._fragments = None

    def _closed(self) -> None:
        close = self._protocol.close_rcvd
        assert close is not None
        self.end = End(f"the server closed the connection: {close}", close.code)

    def _collect(self) -> None:
        for data in self._protocol.data_to_send():
            self._write(data)

    def _write(self, data: bytes) -> None:
        self._out.append(data)
        self.unsent += len(data)


def _refusal(response: Response) -> End:
    body = bytes(response.body or b"").decode("utf-8", "replace").strip()
    told = f": {body[:MOST_TOLD]}" if body.isprintable() and body else ""
    reason = f"the server answered {response.status_code} {response.reason_phrase}{told}"
    return End(reason, response.status_code, _seconds(response.headers.get_all("Retry-After")))


def _seconds(values: Sequence[str]) -> float | None:
    """What ``Retry-After`` asks for; none where it names a date."""
    return next((float(value) for value in values if value.isascii() and value.isdigit()), None)
