"""Pausing consumers: which are paused, as the journal keeps it, and the orders to pause and to resume.

    administration ──► Pausing ──► journal, durable ──► the consumer: it is handed nothing more

A consumer that is paused finishes and settles what is in its hands. All else waits: its
events in the journal, what is to be tried again, volatile events in their bounded inbox.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from eventd.dispatch.deadletters import full_name
from eventd.errors import JournalUnavailable, NotFound
from eventd.journal import Journal, Unit

__all__ = ["Pausable", "Paused", "Pausing"]

log = logging.getLogger(__name__)

#: Under which the journal keeps the names, as the state of a consumer that there is not: theirs have a kind.
KEEPER = "paused"
#: More than there are.
ALL = 1 << 62
#: Characters of a name that are quoted back, and names that are told to who has none of them.
MOST_QUOTED, MOST_NAMES = 100, 20


class Pausable(Protocol):
    """A consumer, as far as it is needed here."""

    def hold(self, paused: bool) -> None:
        """Hand out nothing more from now on, or go on."""


class Paused:
    """The full names of all that is paused, also of what does not run now."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return name in self._names

    @property
    def names(self) -> list[str]:
        """All of them."""
        return sorted(self._names)

    def read(self) -> None:
        """Read them from the journal, before anything is handled."""
        try:
            kept = self._journal.state(KEEPER).range(limit=ALL)
        except JournalUnavailable:
            log.exception("it is not known which consumers were paused: all of them go on")
            return
        # One that was forgotten begins anew.
        self._names = {name for name, _ in kept if name in self._journal.consumers}
        for name in self.names:
            log.info("%s is paused", name)

    def put(self, name: str, paused: bool) -> None:
        """Pause or resume; returns when that is durable.

        :raises EventdError: when the disk refuses; then it is as it was.
        """
        self._journal.commit(Unit(state={KEEPER: {name: b"" if paused else None}}))
        (self._names.add if paused else self._names.discard)(name)
        log.info("%s is %s", name, "paused" if paused else "resumed")


class Pausing:
    """What an administrator pauses and resumes.

    :param consumers: those that run now, by their full names.
    """

    def __init__(self, paused: Paused, consumers: Callable[[], Mapping[str, Pausable]]) -> None:
        self._paused = paused
        self._consumers = consumers

    def put(self, name: str, paused: bool) -> tuple[str, bool]:
        """Pause or resume the consumer of a name with or without its kind: its full name, and whether it was otherwise.

        :raises NotFound: with the names there are. :raises EventdError: when the disk refuses.
        """
        name = self._full(name)
        if (name in self._paused) == paused:
            return name, False
        self._paused.put(name, paused)
        consumer = self._consumers().get(name)
        if consumer is not None:
            consumer.hold(paused)
        return name, True

    def _full(self, name: str) -> str:
        known = self._consumers().keys() | set(self._paused.names)
        full = full_name(name, known)
        if full in known:
            return full
        told = sorted(known)[:MOST_NAMES]
        more = [f"and {len(known) - len(told)} more"] if len(known) > len(told) else []
        there = ", ".join([*told, *more]) or "none"
        raise NotFound(f"nothing is called {name[:MOST_QUOTED]!r} here; there is: {there}", hint="eventd handlers list")
