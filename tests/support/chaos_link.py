"""One proxied connection, and what can go wrong with it.

    client ◄──► front │ up ──►   │ back ◄──► server
                      │ ◄── down │

A ``Pipe`` is one direction: a bounded queue of bytes, each with the moment from which on it is
delivered. A fault is a function of a ``Link``; none blocks, and none runs beside the proxy's thread.
"""

from __future__ import annotations

import math
import random
import socket
import struct
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Frames", "Link", "Pipe", "close", "cut", "lag", "stall", "trickle"]

#: Bytes taken at once, and bytes that may be under way in one direction before no more are taken.
AT_ONCE, UNDER_WAY = 1 << 16, 1 << 18
#: Bytes among which a place for a cut is looked for.
CUT_WITHIN = 4096
#: Of one that trickles: the most bytes at once, and seconds between two drops.
DROP, BETWEEN_DROPS = 16, (0.002, 0.02)


class Frames:
    """Follows a WebSocket stream from its HTTP head on: is a place within a frame, or between two?"""

    def __init__(self) -> None:
        self._http = True
        self._head = bytearray()
        self._left = 0

    @property
    def inside(self) -> bool:
        """Whether what was fed ends within a frame, or within the HTTP head."""
        return bool(self._head or self._left)

    def feed(self, data: bytes) -> None:
        """Go on."""
        at = 0
        while at < len(data):
            step = min(self._left, len(data) - at)
            if step:
                self._left -= step
                at += step
                continue
            self._head.append(data[at])
            at += 1
            self._look()

    def places(self, data: bytes) -> list[int]:
        """Where ``data``, which comes next, could be cut within a frame."""
        trial = Frames()
        trial._http, trial._head, trial._left = self._http, bytearray(self._head), self._left
        found = []
        for place in range(1, min(len(data), CUT_WITHIN)):
            trial.feed(data[place - 1 : place])
            if trial.inside:
                found.append(place)
        return found

    def _look(self) -> None:
        head = self._head
        if self._http:
            if head.endswith(b"\r\n\r\n"):
                self._http = False
                head.clear()
            return
        if len(head) < 2:
            return
        short, masked = head[1] & 0x7F, head[1] & 0x80
        wide = {126: 2, 127: 8}.get(short, 0)
        if len(head) == 2 + wide + (4 if masked else 0):
            self._left = int.from_bytes(head[2 : 2 + wide], "big") if wide else short
            head.clear()


class Pipe:
    """Bytes on their way from ``source`` to ``sink``."""

    def __init__(self, source: socket.socket, sink: socket.socket, chance: random.Random) -> None:
        self.source = source
        self.sink = sink
        self._chance = chance
        self._queue: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._frames = Frames()
        #: Seconds that bytes may be late.
        self.lag = 0.0
        #: Nothing is taken, nothing is delivered, and nobody is told.
        self.stalled = False
        #: Nothing is delivered before this moment.
        self.held_until = 0.0
        #: It trickles until then.
        self.slow_until = 0.0
        #: Called instead of delivering on, in the middle of the next frame.
        self.cutting: Callable[[], None] | None = None
        #: When it ends, whatever its source does; the end of its source is kept back until then.
        self.end_at = math.inf
        #: No more is taken; the sink was told that nothing more comes.
        self.ended = self.finished = False

    @property
    def takes(self) -> bool:
        """Whether it reads from its source."""
        return not (self.stalled or self.ended or self._size >= UNDER_WAY)

    def gives(self, now: float) -> bool:
        """Whether something is to be delivered now."""
        return bool(self._queue) and not self.stalled and max(self._queue[0][0], self.held_until) <= now

    def due(self, now: float) -> float:
        """When something is to be done that the clock tells; what is due already waits for its sink."""
        if self.stalled or self.finished:
            return math.inf
        delivery = max(self._queue[0][0], self.held_until) if self._queue else math.inf
        return min(delivery if delivery > now else math.inf, self.end_at)

    def take(self, now: float) -> None:
        """Read once.

        :raises OSError: when the connection is broken.
        """
        try:
            data = self.source.recv(AT_ONCE)
        except BlockingIOError:
            return
        if data:
            self._put(data, now)
        elif self.end_at == math.inf:
            self.end(now)
        else:
            self.ended = True

    def give(self, now: float) -> None:
        """Deliver what is due.

        :raises OSError: when the connection is broken.
        """
        while self.gives(now):
            due, data = self._queue.popleft()
            if not data:
                self.finish()
                return
            sent = self._deliver(data, now)
            self._size -= sent
            if sent < len(data):
                self._queue.appendleft((due, data[sent:]))
                return

    def end(self, now: float) -> None:
        """Deliver what is under way, and then the end."""
        self.ended = True
        self.end_at = math.inf
        self._put(b"", now)

    def finish(self) -> None:
        """Tell the sink that nothing more comes; what was under way is lost."""
        self._queue.clear()
        self.ended = self.finished = True
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it is gone already

    def calm(self) -> None:
        """Do nothing wrong any more, but for what is stalled."""
        self.lag = self.slow_until = 0.0
        self.cutting = None

    def _put(self, data: bytes, now: float) -> None:
        last = self._queue[-1][0] if self._queue else 0.0
        late = self._chance.uniform(0, self.lag) if self.lag else 0.0
        self._queue.append((max(last, now + late), data))
        self._size += len(data)

    def _deliver(self, data: bytes, now: float) -> int:
        call = self.cutting
        places = self._frames.places(data) if call is not None else []
        if places:
            data = data[: self._chance.choice(places)]
        if now < self.slow_until:
            data = data[: self._chance.randint(1, DROP)]
            self.held_until = now + self._chance.uniform(*BETWEEN_DROPS)
        try:
            sent = self.sink.send(data)
        except BlockingIOError:
            return 0
        self._frames.feed(data[:sent])
        if places and call is not None and self._frames.inside:
            call()
        return sent


class Link:
    """A connection from its client to its server."""

    def __init__(self, front: socket.socket, back: socket.socket, chance: random.Random) -> None:
        for sock in (front, back):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.front = front
        self.back = back
        self.up, self.down = Pipe(front, back, chance), Pipe(back, front, chance)
        self.pipes = {"up": self.up, "down": self.down}
        #: A fault was done to it.
        self.struck = False
        #: When it is reset, whoever is still there.
        self.reset_at = math.inf
        self.over = False

    @property
    def stalled(self) -> bool:
        """Whether it is half-open in one direction, or both."""
        return self.up.stalled or self.down.stalled

    def due(self, now: float) -> float:
        """When something is to be done that the clock tells."""
        return min(self.up.due(now), self.down.due(now), self.reset_at)

    def look(self, now: float) -> None:
        """Do what is due."""
        if now >= self.reset_at:
            self.reset()
            return
        for pipe in self.pipes.values():
            if now >= pipe.end_at:
                pipe.end(now)
        if self.up.finished and self.down.finished:
            self.close()

    def reset(self) -> None:
        """RST to both sides; what is under way is lost."""
        for sock in (self.front, self.back):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                continue
        self.close()

    def close(self) -> None:
        """FIN to both sides."""
        self.over = True
        self.front.close()
        self.back.close()


# The faults. ``way`` is "up", to the server, or "down".


def lag(link: Link, seconds: float) -> None:
    """From now on, bytes are up to so many seconds late in each direction, by chance."""
    for pipe in link.pipes.values():
        pipe.lag = seconds


def trickle(link: Link, seconds: float) -> None:
    """For so long, a few bytes at a time come through."""
    for pipe in link.pipes.values():
        pipe.slow_until = time.monotonic() + seconds


def cut(link: Link, way: str, done: Callable[[], object], *, reset: bool = True) -> None:
    """The next frame that goes this way is delivered in part; then both sides see an end, or a reset.

    ``done`` is called when that happens: where nothing is sent, nothing can be cut.
    """

    def now() -> None:
        done()
        link.reset() if reset else link.close()

    link.pipes[way].cutting = now


def stall(link: Link, ways: str, reset_after: float | None) -> None:
    """Nothing comes through any more and nobody is told: half-open. ``ways`` are "up", "down" or "up down".

    After some seconds both sides are reset, or, without them, never.
    """
    for way in ways.split():
        link.pipes[way].stalled = True
    if reset_after is not None:
        link.reset_at = time.monotonic() + reset_after


def close(link: Link, way: str, late: float, *, hold: bool) -> None:
    """Who is at the end of ``way`` sees its peer close now, and the peer the same only after ``late`` seconds.

    Until then, what goes the other way still arrives; with ``hold``, it arrives then: the end
    has overtaken what was sent before it.
    """
    back = "down" if way == "up" else "up"
    link.pipes[way].finish()
    pipe = link.pipes[back]
    if not pipe.ended:
        pipe.end_at = time.monotonic() + late
    if hold:
        pipe.held_until = time.monotonic() + late
