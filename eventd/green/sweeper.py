"""Deadlines for many streams, by one timer.

A deadline is held against the moment up to which everything that had arrived was read, not
against the clock: a loop that was busy for a second tells nobody late for that second.
It does not close anything; ``on_late`` does.
"""

from __future__ import annotations

from collections.abc import Callable

from eventd.green.hub import Hub, hub
from eventd.green.stream import Stream
from eventd.green.timer import Timer

__all__ = ["Sweeper"]

OnLate = Callable[[Stream], object]


class Sweeper:
    """Looks at all its streams every ``period`` seconds."""

    def __init__(self, period: float = 1.0) -> None:
        self._hub: Hub = hub()
        self._period = period
        self._idle: dict[Stream, tuple[float, OnLate]] = {}
        self._due: dict[Stream, tuple[float, OnLate]] = {}
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._idle.keys() | self._due.keys())

    def watch(self, stream: Stream, timeout: float, on_late: OnLate) -> None:
        """Call ``on_late(stream)`` once when its owner waits and no byte came for ``timeout`` seconds."""
        self._idle[stream] = (timeout, on_late)
        self._start()

    def limit(self, stream: Stream, seconds: float, on_late: OnLate) -> None:
        """Call ``on_late(stream)`` once after ``seconds``, however many bytes came meanwhile."""
        self._due[stream] = (self._hub.now + seconds, on_late)
        self._start()

    def forget(self, stream: Stream) -> None:
        """Look at the stream no more."""
        self._idle.pop(stream, None)
        self._due.pop(stream, None)

    def close(self) -> None:
        """Look at nothing any more."""
        self._idle.clear()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        if self._timer is None:
            self._timer = self._hub.call_later(self._period, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        read_until = self._hub.caught_up
        for stream, (timeout, on_late) in list(self._idle.items()):
            if stream.waiting and read_until - stream.last_read > timeout:
                del self._idle[stream]
                self._hub.timed(on_late, stream)
        for stream, (due, on_late) in list(self._due.items()):
            if read_until > due:
                self._due.pop(stream, None)
                self._hub.timed(on_late, stream)
        if self._idle or self._due:
            self._start()
