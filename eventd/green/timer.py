"""One call at a later time.

It keeps the face that eventlet's loop expects of an entry of its heap; it has no arguments
and no thread of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Timer"]


class _Loop(Protocol):
    def timer_canceled(self, timer: Timer) -> None: ...


class Timer:
    """Calls ``fn`` once, unless it is cancelled before; made by ``Hub.call_later``."""

    __slots__ = ("_loop", "called", "fn", "seconds")

    def __init__(self, loop: _Loop, seconds: float, fn: Callable[[], object]) -> None:
        self._loop = loop
        self.seconds = seconds
        self.fn: Callable[[], object] | None = fn
        #: Called or cancelled: nothing is to come.
        self.called = False

    def cancel(self) -> None:
        """Do not call. Harmless when it was called already."""
        if not self.called:
            self.called = True
            # What the call would have used must not live until its time has come.
            self.fn = None
            self._loop.timer_canceled(self)

    def __call__(self) -> None:
        if not self.called:
            self.called = True
            # Kept for the stall clock, which asks for the name afterwards.
            if self.fn is not None:
                self.fn()

    def __lt__(self, other: object) -> bool:
        # Two timers of the same moment: the heap only needs some order.
        return id(self) < id(other)
