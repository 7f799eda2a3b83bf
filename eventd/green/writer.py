"""The writing half of a connected socket.

Anyone on the hub may write; what is written within one pass of the loop is sent by one
system call at its end, and what the kernel does not take waits for readiness. Nobody waits
in ``write``: who cares for a slow peer sets ``over`` or waits in ``drain``. Reading and
ending are ``stream.py``'s.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from eventd.green.hub import Hub, hub
from eventd.green.waiting import Signal
from eventd.green.watch import Watch

__all__ = ["WRITE_LIMIT", "Writer"]

#: Unsent bytes above which the peer is called slow.
WRITE_LIMIT = 8 * 1024 * 1024


class Writer:
    """Gathers what is written to ``sock`` and sends it."""

    __slots__ = (
        "_head", "_hub", "_limit", "_queue", "_queued", "_scheduled", "_socket", "_watch", "_written", "broken", "over",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, write_limit: int) -> None:
        sock.setblocking(False)
        self._hub: Hub = hub()
        self._socket = sock
        #: Made when there is something to wait for.
        self._watch: Watch | None = None
        self._limit = write_limit
        #: Called, each time a write finds more than ``write_limit`` bytes unsent.
        self.over: Callable[[], None] | None = None
        #: Nothing can be sent any more.
        self.broken = False
        #: What is being sent; the queue is joined and takes its place when it is out.
        self._head: bytes | memoryview = b""
        self._queue: list[bytes] | None = None
        self._queued = 0
        self._scheduled = False
        #: Made when somebody waits for all to be sent.
        self._written: Signal | None = None

    @property
    def buffered(self) -> int:
        """Bytes written and not yet sent."""
        return self._queued + len(self._head)

    def write(self, data: bytes) -> None:
        """Send ``data`` at the end of this pass, together with all else that was written by then."""
        if self.broken or not data:
            return
        if self._queue is None:
            self._queue = [data]
        else:
            self._queue.append(data)
        self._queued += len(data)
        if not self._scheduled and not self._head:
            self._scheduled = True
            self._hub.call_soon(self._flush)
        if self._queued + len(self._head) > self._limit:
            self._tell_over()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all is sent; false when it was not within ``timeout`` seconds, or cannot be."""
        while self.buffered and not self.broken:
            if self._written is None:
                self._written = Signal()
            if not self._written.wait(timeout):
                return False
        return not self.buffered and not self.broken

    def _flush(self) -> None:
        self._scheduled = False
        if self.broken:
            return
        if not self._head and not self._gather():
            return
        try:
            sent = self._socket.send(self._head)
        except BlockingIOError:
            sent = 0
        except OSError:
            # What the peer sent before it went may still be read.
            self._lose_output()
            return
        self._head = memoryview(self._head)[sent:] if sent < len(self._head) else b""
        if self._head or self._queue:
            self._write_later()
        else:
            self._all_sent()

    def _gather(self) -> bool:
        queue, self._queue = self._queue, None
        self._queued = 0
        if queue:
            self._head = queue[0] if len(queue) == 1 else b"".join(queue)
        return bool(queue)

    def _write_later(self) -> None:
        if not self._head:
            self._gather()
        if self._watch is None:
            self._watch = self._hub.watch(self._socket.fileno(), self._ready, False, True)
        else:
            self._watch.want(self._watch.readable, True)

    def _all_sent(self) -> None:
        if self._watch is not None:
            self._watch.want(self._watch.readable, False)
        self._wake_drain()

    def _tell_over(self) -> None:
        if self.over is not None:
            self.over()

    def _wake_drain(self) -> None:
        if self._written is not None:
            self._written.set()
            self._written = None


    def _ready(self, events: int) -> None:
        """What the watch calls."""
        raise NotImplementedError

    def _lose_output(self) -> None:
        """Nothing more can be sent, and what waits is thrown away."""
        self.broken = True
        self._queue, self._queued, self._head = None, 0, b""
        if self._watch is not None:
            self._watch.want(self._watch.readable, False)
        self._wake_drain()
