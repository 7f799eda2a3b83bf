"""Calls of foreign code on the hub: which one runs now, how long it holds the loop, how it is broken off.

    begins, or goes on after waiting ──► holds the hub ──► waits, returns or raises

Between the two, ``hub.calling`` is that call, whichever native thread looks. Who breaks it
off is in ``alarm.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from eventd.green.hub import Hub, hub

__all__ = ["BrokenOff", "Guarded", "foreign", "guard"]

#: Seconds that a call which was broken off gets for its ``finally``, before it is broken off once more.
LAST_WORDS = 1.0
#: Who lets no other native thread have a turn for this share of its time, for so many seconds in one go, or in time so
#: often in a row, holds the interpreter's lock. On a busy machine the watchdog is late now and then, whoever is called.
LOCKED_SHARE, LOCKED_FOR, LOCKED_TIMES = 0.5, 1.0, 3


class BrokenOff(BaseException):
    """Raised in foreign code that held the hub, or a native thread, for too long. No ``except Exception`` keeps it.

    :param locked: whether it also held the interpreter's lock.
    """

    def __init__(self, message: str = "it took too long and was broken off", locked: bool = False) -> None:
        super().__init__(message)
        self.locked = locked


#: Told for how many seconds a call held the hub, and whether it held the interpreter's lock.
OnHeld = Callable[[float, bool], object]


class Guarded:
    """One call.

    :param within: seconds for which it may hold the hub; 0 is no limit.
    :param on_held: told the seconds when it has held the hub for longer than ``stall_limit``, and whether meanwhile
        it also held the interpreter's lock, so that it would hold the hub from any other thread, too.
    """

    __slots__ = ("_alone", "_hub", "_on_held", "_within", "due", "late", "name", "since")

    def __init__(self, loop: Hub, name: str, within: float, on_held: OnHeld) -> None:
        self._hub = loop
        self._within = within
        self._on_held = on_held
        self.name = name
        self.begin()

    def begin(self) -> None:
        """It holds the hub from now on."""
        #: For how many seconds no other native thread had a turn, by when the last one had: told by two threads.
        self._alone: dict[float, float] = {}
        #: How often in a row that was so until just now.
        self.late = 0
        #: Clock reading since when it holds the hub, and from which on it is to be broken off.
        self.since = now = perf_counter()
        self.due = now + self._within if self._within else float("inf")
        self._hub.calling = self

    def end(self) -> None:
        """It gives the hub back, and may go on later."""
        loop = self._hub
        loop.calling = None
        # What follows within this callback is not the call's fault.
        loop.started = now = perf_counter()
        seconds = now - self.since
        if seconds > loop.stall_limit:
            loop.blame(self.name)
            self._on_held(seconds, self.locked(now))

    def alone(self, turn: float, now: float) -> None:
        """No other native thread had a turn between these readings of the clock, though one had to have it."""
        self._alone[turn] = now - max(turn, self.since)

    def locked(self, now: float) -> bool:
        """Whether it holds the interpreter's lock, and not only the hub."""
        alone = self._alone.values()
        if self.late >= LOCKED_TIMES or max(alone, default=0.0) >= LOCKED_FOR:
            return True
        return sum(alone) >= LOCKED_SHARE * (now - self.since)

    def broken(self, now: float) -> BrokenOff:
        """What is to be raised in it, at this reading of the clock."""
        self.due = now + LAST_WORDS
        return BrokenOff(f"it held the event loop for {now - self.since:.3g} s and was broken off", self.locked(now))


def guard(name: str, within: float, on_held: OnHeld, function: Callable[..., Any], *args: Any) -> Any:
    """Call it in this green thread, on watch as ``name``.

    :param within: seconds for which it may hold the hub, where ``hub.stall_most`` is not less; 0 is no limit.
    :raises BrokenOff: when it held the hub for too long, and somebody watched.
    :raises BaseException: whatever it raises.
    """
    loop = hub()
    most = loop.stall_most
    call = Guarded(loop, name, min(within, most) if within and most else within or most, on_held)
    try:
        return foreign(function, args)
    finally:
        call.end()


def foreign(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What is raised from here on inwards is the call's. Nothing else is done in this frame."""
    return function(*args)
