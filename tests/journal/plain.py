"""A plain model of the journal: what must be there after each commit, kept in sets and dicts."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from eventd.event import Draft
from eventd.journal import ConsumerRecord, Move, Unit

__all__ = ["Place", "Plain", "ranges_of"]


def ranges_of(offsets: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """The ranges that a set of offsets consists of."""
    ranges: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if ranges and ranges[-1][1] == offset:
            ranges[-1] = (ranges[-1][0], offset + 1)
        else:
            ranges.append((offset, offset + 1))
    return tuple(ranges)


class Place:
    """A consumer: each offset that it has done, and as what."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.done: dict[int, str] = {}

    @property
    def offset(self) -> int:
        """The first one that is not done."""
        offset = self.since
        while offset in self.done:
            offset += 1
        return offset

    def undone(self, end: int) -> list[int]:
        """What there is to do."""
        return [offset for offset in range(self.since, end) if offset not in self.done]

    def number(self, kind: str) -> int:
        """How many were done as ``kind``."""
        return sum(1 for done in self.done.values() if done == kind)

    def record(self) -> ConsumerRecord:
        """As the journal has it."""
        above = ranges_of(offset for offset in self.done if offset > self.offset)
        counts = [self.number(kind) for kind in ("settled", "dead", "passed")]
        return ConsumerRecord(self.offset, above, *counts, since=self.since)

    def move(self, outcome: dict[int, str]) -> Move:
        """Do these offsets, and say it as a move."""
        self.done |= outcome
        record = self.record()
        counts = {kind: sum(1 for done in outcome.values() if done == kind) for kind in ("settled", "dead", "passed")}
        return Move(record.offset, record.above, **counts)


class Plain:
    """All of it; ``copy`` it before a commit that may be broken off."""

    def __init__(self) -> None:
        self.end = 0
        self.rows: list[tuple[int, Draft]] = []
        self.places: dict[str, Place] = {}
        self.letters: set[tuple[str, int]] = set()
        self.state: dict[tuple[str, str], bytes] = {}
        self.books: dict[str, int] = {}

    def copy(self) -> Plain:
        """What changes to it leave alone."""
        return copy.deepcopy(self)

    def append(self, unit: Unit) -> int:
        """Everything of a unit but its moves and letters; the first offset of its events."""
        first = self.end
        for draft in unit.drafts:
            if draft.count:
                self.rows.append((self.end, draft))
                self.end += draft.count
        for name, count in unit.books.items():
            self.books[name] = self.books.get(name, 0) + count
        for consumer, changes in unit.state.items():
            for key, value in changes.items():
                if value is None:
                    self.state.pop((consumer, key), None)
                else:
                    self.state[consumer, key] = value
        return first
