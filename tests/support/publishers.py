"""Many publishers of the native protocol in one thread, each with one publish under way, and how long acks take."""

from __future__ import annotations

import contextlib
import heapq
import json
import random
import selectors
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = ["Publisher", "Publishers", "frame", "upgraded"]

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"%b\r\n"
)
CLOSE = 8


def frame(data: bytes, opcode: int = 1) -> bytes:
    """A client's frame; its mask is zero, which leaves the data as it is."""
    size = len(data)
    if size < 126:
        length = bytes([0x80 | size])
    else:
        length = b"\xfe" + size.to_bytes(2, "big") if size < 1 << 16 else b"\xff" + size.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + data


def upgraded(port: int, subprotocol: str = "eventd.v1.json") -> socket.socket:
    """A connection behind the opening handshake."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    offer = b"Sec-WebSocket-Protocol: %b\r\n" % subprotocol.encode() if subprotocol else b""
    sock.sendall(UPGRADE % offer)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = sock.recv(1)
        assert more, head
        head += more
    assert head.startswith(b"HTTP/1.1 101"), head
    return sock


class Publisher:
    """One of them: publishes, waits for the answer, rests, and publishes again, until it is told to go."""

    def __init__(self, name: str, port: int, type: str) -> None:
        self.name = name
        self.type = type
        self.socket = upgraded(port)
        self.socket.setblocking(False)
        self.acked = 0
        self.sent_at = 0.0
        #: When the server said ``bye``, and the code with which it closed.
        self.told = 0.0
        self.code: int | None = None
        self.ended = False
        self._rest = b""

    def publish(self, now: float) -> None:
        event = {"specversion": "1.0", "id": f"{self.name}-{self.acked}", "source": "/s", "type": self.type}
        self.sent_at = now
        with contextlib.suppress(OSError):
            self.socket.send(frame(json.dumps({"op": "publish", "id": self.acked, "events": [event]}).encode()))

    def hear(self, now: float) -> float | None:
        """Read; seconds that the answer to its publish took, ``None`` where there was none."""
        took = None
        for opcode, data in self._frames():
            if opcode == CLOSE:
                self.code = int.from_bytes(data[:2], "big")
                self.ended = True
                return took
            if opcode != 1:
                continue
            message: dict[str, Any] = json.loads(data)
            if message["op"] == "bye":
                self.told = now
            else:
                assert (message["op"], message["id"]) == ("ack", self.acked), message
                self.acked += 1
                took = now - self.sent_at
        return took

    def _frames(self) -> list[tuple[int, bytes]]:
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        self.ended = self.ended or not data
        self._rest += data
        frames = []
        while len(self._rest) >= 2:
            size, start = self._rest[1], 2
            if size == 126:
                size, start = int.from_bytes(self._rest[2:4], "big"), 4
            if len(self._rest) < start + size:
                break
            frames.append((self._rest[0] & 15, self._rest[start : start + size]))
            self._rest = self._rest[start + size :]
        return frames


class Publishers:
    """``count`` publishers, each of which rests about ``pause`` seconds between an ack and its next event."""

    def __init__(self, port: int, count: int, pause: float, type: str = "slow.event") -> None:
        self.all = [Publisher(f"p{number}", port, type) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        began = time.perf_counter()
        self._due = [(began + pause * number / count, number) for number in range(count)]
        self._pause = pause
        for number, publisher in enumerate(self.all):
            self._selector.register(publisher.socket, selectors.EVENT_READ, number)

    def __enter__(self) -> Publishers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        for publisher in self.all:
            publisher.socket.close()

    @property
    def acked(self) -> int:
        return sum(publisher.acked for publisher in self.all)

    def run(self, over: Callable[[], object]) -> list[float]:
        """Publish until ``over``; the seconds that each ack took."""
        took: list[float] = []
        while not over():
            now = time.perf_counter()
            while self._due and self._due[0][0] <= now:
                self.all[heapq.heappop(self._due)[1]].publish(now)
            wait = min(0.05, max(0.0, self._due[0][0] - now)) if self._due else 0.05
            for key, _ in self._selector.select(wait):
                self._hear(key.data, took)
        return took

    def run_for(self, seconds: float) -> list[float]:
        """The same for so many seconds."""
        end = time.perf_counter() + seconds
        return self.run(lambda: time.perf_counter() >= end)

    def _hear(self, number: int, took: list[float]) -> None:
        publisher, now = self.all[number], time.perf_counter()
        answer = publisher.hear(now)
        if publisher.ended:
            self._selector.unregister(publisher.socket)
        if answer is not None:
            took.append(answer)
            if not publisher.told:
                # By chance, or those that waited for the same ack would publish together from then on.
                heapq.heappush(self._due, (now + self._pause * random.uniform(0.5, 1.5), number))
