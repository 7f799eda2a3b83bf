"""The stall clock: how long callbacks hold the loop, who held it longest, and how late it runs.

It keeps numbers and calls ``on_stall``; it neither stops a callback nor looks inside one
while it runs: that is the watchdog's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

__all__ = ["StallClock", "label_of"]

log = logging.getLogger(__name__)

#: Seconds over which the lag is the worst that was seen: two scrapes of an impatient monitor.
LAG_WINDOW = 5.0


def label_of(thing: Any) -> str | None:
    """The name under which a callback is told: its green thread's, its watch's or its own."""
    if thing is None:
        return None
    owner = getattr(thing, "__self__", None)
    for candidate in (getattr(owner, "name", None), getattr(thing, "label", None)):
        if isinstance(candidate, str):
            return candidate
    fn = getattr(thing, "fn", None) or getattr(thing, "func", None)
    if fn is not None:
        return label_of(fn)
    return getattr(thing, "__qualname__", None) or type(thing).__qualname__


class StallClock:
    """What the loop writes down after a callback that took notably long, and after each pass."""

    def __init__(self) -> None:
        #: Seconds from which on a callback is called a stall.
        self._limit = 0.1
        #: Only a callback that took longer than this is looked at.
        self.notice = 0.0
        #: Called after a stall with its label and its seconds.
        self.on_stall: Callable[[str, float], None] | None = None
        self.stalls = 0
        #: Who is to be named for the next stall, instead of the callback.
        self.blamed: str | None = None
        #: The longest callback since ``forget_slowest``.
        self.slowest: tuple[str, float] = ("", 0.0)
        self._window = 0.0
        self._worst = 0.0
        self._before = 0.0

    @property
    def limit(self) -> float:
        """Seconds from which on a callback is called a stall."""
        return self._limit

    @limit.setter
    def limit(self, seconds: float) -> None:
        self._limit = seconds
        self.notice = min(self.slowest[1], seconds)

    def took(self, thing: Any, seconds: float) -> None:
        """Note a callback that took more than ``notice``."""
        label, self.blamed = self.blamed or label_of(thing) or "?", None
        if seconds > self.slowest[1]:
            self.slowest = (label, seconds)
        self.notice = min(self.slowest[1], self._limit)
        if seconds > self._limit:
            self._stalled(label, seconds)

    def forget_slowest(self) -> None:
        """Begin a new period for ``slowest``."""
        self.slowest = ("", 0.0)
        self.notice = 0.0

    def late(self, now: float, seconds: float) -> None:
        """Note that something ready at ``now - seconds`` had to wait until ``now``."""
        if now - self._window > LAG_WINDOW:
            self._before = self._worst if now - self._window < 2 * LAG_WINDOW else 0.0
            self._worst = 0.0
            self._window = now
        if seconds > self._worst:
            self._worst = seconds

    def lag(self, now: float) -> float:
        """The longest wait of the last five to ten seconds."""
        age = now - self._window
        if age > 2 * LAG_WINDOW:
            return 0.0
        return self._worst if age > LAG_WINDOW else max(self._worst, self._before)

    def _stalled(self, label: str, seconds: float) -> None:
        self.stalls += 1
        if self.on_stall is None:
            return
        try:
            self.on_stall(label, seconds)
        except Exception:
            log.exception("on_stall failed")
