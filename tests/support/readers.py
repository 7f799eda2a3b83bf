"""Many subscribers in one thread: raw sockets that speak as much WebSocket as is needed to count and to check.

Everything is wanted of the journal, so each event has to come to each reader, in order and without a gap.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.wait import SCALE

__all__ = ["Crowd", "Publisher", "Reader"]

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: eventd.v1.json\r\n\r\n"
)
OFFSET = re.compile(rb'"eventdoffset":(\d+)')
#: Bytes taken at once, and messages that are known by their bytes: all readers get the same ones.
AT_ONCE, KNOWN = 1 << 18, 64
#: Of a narrow connection, in bytes: what the client's kernel holds, and a segment as an ordinary network has it.
#: The daemon's kernel then holds tens of KB for it, where loopback would have it hold megabytes.
BUFFER, SEGMENT = 4096, 1400


class Connection:
    """A WebSocket: bytes in, messages out."""

    def __init__(self, port: int, *, narrow: bool = False) -> None:
        self.socket = socket.socket()
        if narrow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(UPGRADE)
        self.socket.setblocking(False)
        self._held = bytearray()
        self._open = False

    def say(self, **message: Any) -> None:
        """Send one message, whole."""
        self.socket.setblocking(True)
        self.socket.sendall(_framed(message))
        self.socket.setblocking(False)

    def receive(self) -> list[bytes]:
        """The messages that one read completes.

        :raises AssertionError: when it was closed.
        """
        try:
            data = self.socket.recv(AT_ONCE)
        except BlockingIOError:
            return []
        assert data, "the daemon has closed the connection"
        self._held += data
        if not self._open:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return []
            assert self._held.startswith(b"HTTP/1.1 101"), bytes(self._held)
            del self._held[: end + 4]
            self._open = True
        return self._frames()

    def _frames(self) -> list[bytes]:
        held, at, found = self._held, 0, []
        while len(held) - at >= 2:
            short = held[at + 1]
            start = at + 2 + {126: 2, 127: 8}.get(short, 0)
            end = start + (short if short < 126 else int.from_bytes(held[at + 2 : start], "big"))
            if len(held) < max(start, end):
                break
            assert held[at] == 0x81, f"a frame that begins with {held[at]:#x}"
            found.append(bytes(held[start:end]))
            at = end
        del held[:at]
        return found


class Publisher(Connection):
    """Publishes one event after the other."""

    def publish(self, number: int, data: str) -> None:
        """Send an event; acks of before are read and checked."""
        for answer in self.receive():
            assert answer.startswith(b'{"op":"ack"'), answer
        event = {"specversion": "1.0", "id": str(number), "source": "/many", "type": "many.event", "data": data}
        self.say(op="publish", id=number, events=[event])


class Reader(Connection):
    """A subscriber to everything, from the end of the journal on.

    :param own: a pattern that only this one asks for, so that its messages are its own, too.
    """

    def __init__(self, port: int, *, narrow: bool = False, own: str | None = None) -> None:
        super().__init__(port, narrow=narrow)
        #: The offset that comes next; ``None`` before it is subscribed.
        self.next: int | None = None
        self.say(op="subscribe", id=1, types=[">", *([own] if own else [])])

    def begin(self, message: bytes) -> None:
        """It is subscribed."""
        told = json.loads(message)
        assert told["op"] == "subscribed", message
        self.next = told["offset"]

    def came(self, offsets: Iterable[int]) -> None:
        """These events have come."""
        for offset in offsets:
            assert offset == self.next, f"{offset} came where {self.next} is next"
            self.next = offset + 1


class Crowd:
    """Readers in one loop. ``arrivals`` has the moments at which each event came to them, by offset."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.EpollSelector()
        self._known: OrderedDict[bytes, list[int]] = OrderedDict()
        #: Those that are read.
        self.readers: set[Reader] = set()
        self.arrivals: dict[int, list[float]] = {}

    def join(self, many: int, *, narrow: bool = False, alike: bool = True) -> list[Reader]:
        """More readers, all of them subscribed; ``alike``, or each to something of its own, too."""
        joined = []
        for number in range(many):
            reader = Reader(self._port, narrow=narrow, own=None if alike else f"own.{number}")
            joined.append(reader)
            self.heed([reader])
        self.read(lambda: all(reader.next is not None for reader in joined), 30)
        return joined

    def heed(self, readers: Iterable[Reader]) -> None:
        """Read these from now on."""
        for reader in readers:
            self._selector.register(reader.socket, selectors.EVENT_READ, reader)
            self.readers.add(reader)

    def neglect(self, readers: Iterable[Reader]) -> None:
        """Read these no more."""
        for reader in readers:
            self._selector.unregister(reader.socket)
            self.readers.discard(reader)

    def read(self, until: Callable[[], bool], timeout: float) -> None:
        """Read until something is true.

        :raises AssertionError: when it is not in time, or something came that should not.
        """
        deadline = time.monotonic() + timeout * SCALE
        while not until():
            left = deadline - time.monotonic()
            assert left > 0, f"in vain: who has least waits for {min(each.next or 0 for each in self.readers)}"
            for key, _ in self._selector.select(left):
                self._take(key.data)

    def close(self) -> None:
        """Close all that are read."""
        self._selector.close()
        for reader in self.readers:
            reader.socket.close()

    def _take(self, reader: Reader) -> None:
        messages = reader.receive()
        now = time.perf_counter()
        for message in messages:
            if reader.next is None:
                reader.begin(message)
                continue
            offsets = self._offsets(message)
            reader.came(offsets)
            for offset in offsets:
                self.arrivals.setdefault(offset, []).append(now)

    def _offsets(self, message: bytes) -> list[int]:
        found = self._known.get(message)
        if found is None:
            # Nothing else may come, the word of a gap least of all.
            assert message.startswith(b'{"op":"events"'), message[:200]
            found = self._known[message] = [int(digits) for digits in OFFSET.findall(message)]
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
        return found


def _framed(message: dict[str, Any]) -> bytes:
    """A client's text frame; its mask is zero, so that the payload stands as it is."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    size = len(payload)
    short = size if size < 126 else 126 if size < 65536 else 127
    wide = b"" if size < 126 else size.to_bytes(2 if size < 65536 else 8, "big")
    return bytes((0x81, 0x80 | short)) + wide + bytes(4) + payload
