"""How a green thread waits: for a signal, or for a while.

Only for green threads of the hub's own native thread; a native thread reaches the hub
through a ``Bridge``.
"""

from __future__ import annotations

from eventd.green.engine import getcurrent, greenlet
from eventd.green.hub import Hub, hub
from eventd.green.timer import Timer

__all__ = ["Signal", "Waiter", "give_way", "sleep", "stand_back"]


class Waiter:
    """One wait of one green thread.

    Whoever is late – a timer, a signal, the result of a thread – finds it empty and does
    nothing: a green thread is only ever woken from the wait that it is in.
    """

    __slots__ = ("_greenlet", "_hub", "_left", "_timer", "queued", "woken")

    def __init__(self) -> None:
        self._hub: Hub = hub()
        self._greenlet: greenlet = getcurrent()
        self._left = False
        self._timer: Timer | None = None
        self.queued = False
        self.woken = False

    @property
    def name(self) -> str:
        """The name of the green thread that waits."""
        return getattr(self._greenlet, "name", "main")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until ``wake``; false when ``timeout`` seconds passed first."""
        if not self.woken:
            if timeout is not None:
                self._timer = self._hub.call_later(max(0.0, timeout), self.switch)
            try:
                self._hub.park()
            finally:
                self.leave()
        return self.woken

    def wake(self) -> None:
        """Let the green thread go on at the end of this pass."""
        self.woken = True
        if not self.queued and not self._left:
            self.queued = True
            self._hub.call_soon(self.switch)

    def switch(self) -> None:
        """Let the green thread go on now; only for callbacks of the hub."""
        if not self._left:
            self._greenlet.switch()

    def leave(self) -> None:
        """Wait no more."""
        self._left = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Signal:
    """Something that happens, and may be waited for by any number of green threads."""

    __slots__ = ("_set", "_waiters", "value")

    def __init__(self) -> None:
        self._set = False
        self._waiters: list[Waiter] | None = None
        #: What ``set`` was given last.
        self.value: object = None

    def is_set(self) -> bool:
        """Whether it happened and was not cleared since."""
        return self._set

    def set(self, value: object = None) -> None:
        """It happened: everyone who waits goes on, and nobody waits any more until ``clear``."""
        self._set = True
        self.value = value
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            waiter.wake()

    def clear(self) -> None:
        """From now on, wait for the next time. Those already woken go on."""
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has happened; false when ``timeout`` seconds passed first."""
        if self._set:
            return True
        waiter = Waiter()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        try:
            return waiter.wait(timeout)
        finally:
            if self._waiters is not None and waiter in self._waiters:
                self._waiters.remove(waiter)


def give_way() -> None:
    """Let others run, when the green thread has held the loop for a turn."""
    loop = hub()
    if loop.held > loop.turn:
        stand_back()


def stand_back() -> None:
    """Let all others run that have little to do; go on when none of them is ready, or after a while."""
    waiter = Waiter()
    hub().turns.put(waiter.switch)
    waiter.wait()


def sleep(seconds: float = 0) -> None:
    """Let others run; go on after ``seconds``, or in the next pass."""
    waiter = Waiter()
    if seconds > 0:
        waiter.wait(seconds)
        return
    waiter.wake()
    waiter.woken = False
    waiter.wait()
