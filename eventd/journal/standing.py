"""How the journal stands, as the hub knows it: offsets, consumers, books, what is damaged or gone.

All of it is as of the last commit that the hub was told of. It asks nobody; ``journal.py``
tells it what the native threads report.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from .housekeeping import DROPPED
from .ledger import Changes
from .retention import Dropped
from .search import Hole
from .unit import ConsumerRecord
from .writer import Opened

__all__ = ["Standing"]

log = logging.getLogger(__name__)

#: Holes that are remembered, so that each is told once and not to every reader.
HOLES = 4096


class Standing:
    """What can be had of a journal without asking its threads."""

    def __init__(self) -> None:
        self._holes: set[int] = set()
        self._consumers: dict[str, ConsumerRecord] = {}
        self._books: dict[str, int] = {}
        self._dead: dict[str, int] = {}
        self._told: set[str] = set()
        #: The oldest offset that is kept, and the next one that will be given.
        self.first = 0
        self.end = 0
        #: The random name of this sequence of offsets, and the node that it was made under.
        self.epoch = ""
        self.node = ""
        #: Bytes in use in the database.
        self.bytes = 0
        #: Events that cannot be read.
        self.damaged = 0

    @property
    def cursors(self) -> Mapping[str, int]:
        """By consumer, the first offset that it has not durably settled."""
        return {name: record.offset for name, record in self._consumers.items()}

    @property
    def consumers(self) -> Mapping[str, ConsumerRecord]:
        """By consumer, where it durably is, and its books."""
        return self._consumers

    @property
    def books(self) -> Mapping[str, int]:
        """All counters that are kept: those that units made grow, and the journal's own.

        ``dropped:CONSUMER`` are events that retention took from it unsettled,
        ``dead_dropped:CONSUMER`` its dead letters that were dropped.
        """
        return self._books

    @property
    def dropped(self) -> Mapping[str, int]:
        """By consumer, the events that retention took from it before it had settled them."""
        return {name.removeprefix(DROPPED): n for name, n in self._books.items() if name.startswith(DROPPED)}

    @property
    def dead_count(self) -> int:
        """How many dead letters are kept."""
        return sum(self._dead.values())

    @property
    def dead(self) -> Mapping[str, int]:
        """How many dead letters are kept, by consumer."""
        return self._dead

    def _begin(self, opened: Opened) -> None:
        self.first, self.end, self.bytes = opened.first, opened.end, opened.bytes
        self.node, self.epoch = opened.identity
        self._consumers, self._books, self._dead = dict(opened.consumers), dict(opened.books), dict(opened.dead)
        self.damaged += opened.lost

    def _changed(self, changes: Changes) -> None:
        """A commit made these the numbers."""
        self._consumers.update(changes.consumers)
        for name in changes.gone:
            self._consumers.pop(name, None)
        self._books.update(changes.books)
        if changes.dead is not None:
            self._dead = changes.dead

    def _kept(self, dropped: Dropped | None, used: int, changes: Changes) -> None:
        """Housekeeping had a look: what is in use, and what went."""
        self.bytes = used
        self._changed(changes)
        if dropped is None:
            return
        self.first = dropped.end
        for consumer in dropped.lost.keys() - self._told:
            self._told.add(consumer)
            log.error("%s: retention_size drops events that it has not settled", consumer)

    def _tell(self, holes: list[Hole]) -> None:
        for hole in holes:
            if hole.first not in self._holes and len(self._holes) < HOLES:
                self._holes.add(hole.first)
                self.damaged += hole.end - hole.first
                log.error("events %d to %d are damaged and passed over: %s", hole.first, hole.end - 1, hole.why)
