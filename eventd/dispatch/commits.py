"""Makes durable what handling led to: cursors that move, events emitted, dead letters.

A cursor that moves alone is only a note for the next start: handling goes on at once,
and the newest place of all consumers is written from time to time. What was emitted or
given up is committed together with the cursor, and waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from eventd import green
from eventd.errors import EventdError
from eventd.event import Draft
from eventd.formats.blocks import merge
from eventd.journal import Committed, DeadLetter, Unit

__all__ = ["Commits", "Cursors"]

log = logging.getLogger(__name__)

#: Seconds for which moves of cursors are gathered: what a crash repeats is bounded by it.
GATHERED_FOR = 0.1

#: Seconds after which a commit that the journal could not take is tried again.
TRY_AGAIN = 1.0

Submit = Callable[[Unit, Callable[[Committed | EventdError], None]], object]


class Timers(Protocol):
    """The part of the hub that is needed here."""

    def call_later(self, seconds: float, function: Callable[[], None]) -> object:
        """Run ``function`` later."""


class Cursors:
    """The places of all consumers: what is durable, and what is on its way."""

    def __init__(self, submit: Submit, timers: Timers) -> None:
        self._submit = submit
        self._timers = timers
        self._moved: dict[str, int] = {}
        self._scheduled = False
        self._in_flight = 0
        self._written = green.Signal()
        self._stopped = False

    def move(self, consumer: str, offset: int) -> None:
        """Note a place; it is written soon."""
        self._moved[consumer] = offset
        if not self._scheduled:
            self._later(GATHERED_FOR)

    def forget(self, consumer: str) -> None:
        """Drop what waits to be written: a newer place is committed otherwise."""
        self._moved.pop(consumer, None)

    def flush(self) -> None:
        """Write what waits, now."""
        if self._moved:
            moved, self._moved = self._moved, {}
            self._in_flight += 1
            self._submit(Unit(cursors=moved), lambda outcome: self._done(moved, outcome))

    def stop(self, timeout: float) -> bool:
        """Write what waits; whether all of it became durable in time."""
        self.flush()
        if self._in_flight:
            self._written.clear()
            self._written.wait(timeout)
        self._stopped = True
        return not self._in_flight and not self._moved

    def _later(self, seconds: float) -> None:
        self._scheduled = True
        self._timers.call_later(seconds, self._due)

    def _due(self) -> None:
        self._scheduled = False
        if not self._stopped:
            self.flush()

    def _done(self, moved: dict[str, int], outcome: Committed | EventdError) -> None:
        self._in_flight -= 1
        if isinstance(outcome, EventdError):
            # What has moved on since is newer.
            self._moved = moved | self._moved
            if not self._scheduled:
                self._later(TRY_AGAIN)
        if not self._in_flight:
            self._written.set()


class Commits:
    """The door through which one consumer settles.

    :param wait: pauses for some seconds; true when the daemon stops.
    """

    def __init__(self, consumer: str, submit: Submit, cursors: Cursors, wait: Callable[[float], bool]) -> None:
        self._consumer = consumer
        self._submit = submit
        self._cursors = cursors
        self._wait = wait

    def commit(self, end: int, drafts: list[Draft], dead: list[DeadLetter]) -> bool:
        """Make it durable that everything below ``end`` is done; false where the daemon stopped before."""
        if not drafts and not dead:
            self._cursors.move(self._consumer, end)
            return True
        unit = Unit(drafts=merge(drafts), cursors={self._consumer: end}, dead=dead)
        while True:
            self._cursors.forget(self._consumer)
            outcome = self._committed(unit)
            if isinstance(outcome, Committed):
                # An older place that was refused meanwhile waits to be written again.
                self._cursors.forget(self._consumer)
                return True
            log.warning("%s: its outcome cannot be committed: %s", self._consumer, outcome)
            if self._wait(outcome.retry_after or TRY_AGAIN):
                return False

    def _committed(self, unit: Unit) -> Committed | EventdError:
        known = green.Signal()
        outcomes: list[Committed | EventdError] = []

        def done(outcome: Committed | EventdError) -> None:
            outcomes.append(outcome)
            known.set()

        self._submit(unit, done)
        known.wait()
        return outcomes[0]
