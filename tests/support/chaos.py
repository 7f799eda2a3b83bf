"""A network that fails: a TCP proxy between clients and a server, whose faults a seed decides.

    with ChaosProxy(port_of_the_server, seed) as proxy:
        …connect to proxy.port…
        proxy.storm()    faults, in turn and in random order, until
        proxy.calm()     nothing new goes wrong; what is half-open stays so

``chaos_link`` has the faults. ``proxy.done`` counts them, each when it has happened.
"""

from __future__ import annotations

import math
import random
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType

from tests.support.chaos_link import Link, close, cut, lag, stall, trickle

__all__ = ["KINDS", "ChaosProxy"]

#: What a storm does.
KINDS = ("lag", "trickle", "cut", "half_open", "half_open_for_ever", "close_late", "close_early", "refuse")

#: Seconds between two faults of a storm, and seconds that each kind lasts or is late at most.
BETWEEN = (0.05, 0.4)
LONGEST = 1.5
#: In a storm, each connection's bytes are up to so many seconds late.
USUAL_LAG = 0.03
#: Connections at once, and of those how many may be half-open for ever.
MOST_LINKS, MOST_STALLED = 256, 64
#: Seconds until the server has to take a connection.
CONNECT_WITHIN = 2.0
#: Seconds for the thread to do what it was asked for.
DONE_WITHIN = 10.0


class ChaosProxy(threading.Thread):
    """Passes connections on to ``port`` of this machine."""

    def __init__(self, port: int, seed: str = "") -> None:
        super().__init__(name="chaos", daemon=True)
        self._target = port
        self._chance = random.Random(f"chaos {seed}")
        # Bound and never listening: it keeps the port while connects are refused.
        self._keeper = socket.socket()
        self._keeper.bind(("127.0.0.1", 0))
        self.port: int = self._keeper.getsockname()[1]
        # Not before it has a port: it would be given one that others share already.
        _share(self._keeper)
        self._listener: socket.socket | None = None
        self._listen_at = 0.0
        self._links: list[Link] = []
        self._calls: deque[Callable[[], None]] = deque()
        self._doorbell, self._bell = socket.socketpair()
        self._doorbell.setblocking(False)
        self._over = False
        self._next = math.inf
        self._bag: list[str] = []
        #: How often each kind of fault has happened; ``links`` counts connections.
        self.done: Counter[str] = Counter()

    # For other threads.

    @property
    def links(self) -> int:
        """Connections that are there now."""
        return len(self._links)

    def storm(self) -> None:
        """Let things go wrong."""
        self._do(lambda: self._set_next(time.monotonic()))

    def calm(self) -> None:
        """Let nothing new go wrong."""
        self._do(self._calm)

    def refuse(self, seconds: float) -> None:
        """Refuse connects for so long."""
        self._do(lambda: self._refuse(seconds))

    def inflict(self, fault: Callable[[Link], None]) -> None:
        """Do a fault to the connection that was made last."""
        self._do(lambda: fault(self._links[-1]))

    def stop(self) -> None:
        """Cut all connections, and end."""
        self._over = True
        self._bell.send(b"!")
        self.join(DONE_WITHIN)

    def __enter__(self) -> ChaosProxy:
        self._listen()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _do(self, call: Callable[[], None]) -> None:
        done = threading.Event()

        def both() -> None:
            call()
            done.set()

        self._calls.append(both)
        self._bell.send(b"!")
        assert done.wait(DONE_WITHIN), "the proxy's thread does not answer"

    # The thread.

    def run(self) -> None:
        """Move bytes until told to stop."""
        try:
            while not self._over:
                self._pass()
        finally:
            for link in self._links:
                link.reset()
            for sock in (self._listener, self._keeper, self._doorbell, self._bell):
                if sock is not None:
                    sock.close()

    def _pass(self) -> None:
        while self._calls:
            self._calls.popleft()()
        now = time.monotonic()
        if self._listener is None and now >= self._listen_at:
            self._listen()
        if now >= self._next:
            self._strike()
            self._set_next(now + self._chance.uniform(*BETWEEN))
        for link in self._links:
            link.look(now)
        self._links = [link for link in self._links if not link.over]
        self._move(self._wait())

    def _wait(self) -> dict[int, int]:
        """Wait for sockets, or until something is due."""
        now = time.monotonic()
        masks = {self._doorbell.fileno(): select.POLLIN}
        if self._listener is not None:
            masks[self._listener.fileno()] = select.POLLIN
        due = min(self._next, self._listen_at if self._listener is None else math.inf)
        for link in self._links:
            due = min(due, link.due(now))
            for pipe in link.pipes.values():
                # One that wants neither is not asked for: its end would be told again and again.
                if pipe.takes:
                    masks[pipe.source.fileno()] = masks.get(pipe.source.fileno(), 0) | select.POLLIN
                if pipe.gives(now):
                    masks[pipe.sink.fileno()] = masks.get(pipe.sink.fileno(), 0) | select.POLLOUT
        poll = select.poll()
        for number, mask in masks.items():
            poll.register(number, mask)
        return dict(poll.poll(None if due == math.inf else math.ceil(max(0.0, due - now) * 1000)))

    def _move(self, ready: dict[int, int]) -> None:
        now = time.monotonic()
        if self._doorbell.fileno() in ready:
            self._doorbell.recv(4096)
        for link in list(self._links):
            try:
                for pipe in link.pipes.values():
                    if pipe.takes and ready.get(pipe.source.fileno(), 0) & ~select.POLLOUT:
                        pipe.take(now)
                    if not link.over and pipe.gives(now):
                        pipe.give(now)
                    if link.over:
                        break
            except OSError:
                # One side is gone: so is the other, at once.
                link.reset()
        if self._listener is not None and self._listener.fileno() in ready:
            self._accept(self._listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            front, _ = listener.accept()
        except OSError:
            return  # it is gone already
        if len(self._links) >= MOST_LINKS:
            front.close()
            return
        try:
            back = socket.create_connection(("127.0.0.1", self._target), CONNECT_WITHIN)
        except OSError:
            # The server is down. It closes without having read: its client is reset.
            front.close()
            return
        link = Link(front, back, self._chance)
        if self._next < math.inf:
            lag(link, self._chance.uniform(0, USUAL_LAG))
        self._links.append(link)
        self.done["links"] += 1

    def _listen(self) -> None:
        self._listener = socket.socket()
        _share(self._listener)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        self._listener.listen(64)

    def _refuse(self, seconds: float) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._listen_at = time.monotonic() + seconds
        self.done["refuse"] += 1

    def _calm(self) -> None:
        self._set_next(math.inf)
        if self._listener is None:
            self._listen()
        for link in self._links:
            for pipe in link.pipes.values():
                pipe.calm()

    def _set_next(self, moment: float) -> None:
        self._next = moment

    def _strike(self) -> None:
        """The next fault: all kinds in turn, each round in another order; none twice to one connection."""
        if not self._bag:
            self._bag = self._chance.sample(KINDS, len(KINDS))
        kind = self._bag[-1]
        whole = [link for link in self._links if not link.struck]
        if kind == "refuse":
            self._refuse(self._chance.uniform(0, LONGEST))
        elif whole:
            link = self._chance.choice(whole)
            link.struck = True
            self._inflict(kind, link)
        else:
            return
        self._bag.pop()

    def _inflict(self, kind: str, link: Link) -> None:
        chance = self._chance
        way, seconds = chance.choice(["up", "down"]), chance.uniform(0.05, LONGEST)
        match kind:
            case "lag":
                lag(link, seconds / 3)
            case "trickle":
                trickle(link, seconds)
            case "cut":
                # Counted when it happens.
                cut(link, way, lambda: self._count("cut"), reset=chance.random() < 0.5)
                return
            case "half_open":
                stall(link, chance.choice(["up", "down", "up down"]), seconds)
            case "half_open_for_ever":
                many = sum(each.stalled for each in self._links) >= MOST_STALLED
                stall(link, chance.choice(["up", "down", "up down"]), seconds if many else None)
            case "close_late" | "close_early":
                close(link, way, seconds, hold=kind == "close_early")
        self._count(kind)

    def _count(self, kind: str) -> None:
        self.done[kind] += 1


def _share(sock: socket.socket) -> None:
    """Let other sockets of ours have the same port."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
