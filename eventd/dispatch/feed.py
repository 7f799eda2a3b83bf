"""Reads the journal's tail once for all consumers, and wakes those who want what came.

A consumer that has handled everything is parked here: events of types that it does not
want cost it nothing, however many consumers there are. One that lags reads on its own
and is not parked before it has caught up.
"""

from __future__ import annotations

import logging
from typing import Protocol

from eventd.event import Block
from eventd.green import Signal, sleep
from eventd.journal import Journal
from eventd.routing import Router

__all__ = ["Bed", "Feed", "Parked"]

log = logging.getLogger(__name__)

#: Seconds after which a tail that could not be read is read again.
TRY_AGAIN = 1.0


class Bed(Protocol):
    """Who is woken."""

    def wake(self, offset: int) -> None:
        """An event at ``offset`` or behind it is wanted, none between the last place and there is."""


class Parked:
    """A consumer's bed: how far it is, and what wakes it."""

    def __init__(self, position: int) -> None:
        #: The first offset that it has not handled or passed over.
        self.position = position
        self.parked = False
        self._signal = Signal()

    def park(self, feed: Feed, timeout: float | None = None) -> bool:
        """Wait for an event that it wants; false when time is over or it was only called.

        While it sleeps, its position is that of the feed.
        """
        self._signal.clear()
        self.parked = True
        called = self._signal.wait(timeout)
        if self.parked:
            self.parked = False
            self.pass_to(feed.offset)
            return False
        return called

    def rest(self, feed: Feed, end: int, timeout: float) -> None:
        """Wait until it is called, whatever comes; what is not wanted passes by, up to the first event that is.

        :param end: that of the journal.
        """
        if self.position >= end:
            self.park(feed, timeout)
        else:
            self._signal.clear()
            self._signal.wait(timeout)

    def wake(self, offset: int) -> None:
        """An event at ``offset`` or behind it is wanted, none between here and there is."""
        if self.parked:
            self.parked = False
            self.pass_to(offset)
            self._signal.set()

    def call(self) -> None:
        """Have it look up, whether there is something or not."""
        self._signal.set()

    def pass_to(self, offset: int) -> None:
        """What lies before ``offset`` is not wanted."""
        self.position = max(self.position, offset)


class Feed:
    """Follows the journal from ``offset`` on."""

    def __init__(self, journal: Journal, offset: int) -> None:
        self._journal = journal
        self._router: Router[Bed] = Router()
        self._patterns: dict[Bed, tuple[str, ...]] = {}
        self.offset = offset

    def subscribe(self, patterns: tuple[str, ...], bed: Bed) -> None:
        """Wake ``bed`` for events of types that the patterns match."""
        for pattern in patterns:
            self._router.add(pattern, bed)
        self._patterns[bed] = patterns

    def unsubscribe(self, bed: Bed) -> None:
        """Wake it no more, whether it was subscribed or not."""
        for pattern in self._patterns.pop(bed, ()):
            self._router.remove(pattern, bed)

    def run(self) -> None:
        """Route what comes, for ever."""
        while True:
            self._journal.wait(self.offset)
            try:
                self._step()
            except Exception:
                log.exception("the journal's tail cannot be read")
                sleep(TRY_AGAIN)

    def _step(self) -> None:
        end = self._journal.end
        blocks = self._journal.read(self.offset)
        for block in blocks:
            self._route(block)
        if not blocks:
            self._pass_gap(end)

    def _pass_gap(self, end: int) -> None:
        """What is gone before ``end`` may have been wanted by anyone: each has to look for itself."""
        if end > self.offset:
            for bed in list(self._patterns):
                bed.wake(self.offset)
            self.offset = end

    def _route(self, block: Block) -> None:
        self._pass_gap(block.first)
        if not block.types:
            for bed in list(self._patterns):
                bed.wake(max(block.first, self.offset))
        for type in block.types:
            for bed in self._router.match(type):
                bed.wake(max(block.first, self.offset))
        self.offset = block.end
