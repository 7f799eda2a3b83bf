"""Offsets that a durable subscription has handed out, or is to hand out again, and that are not settled.

Plain data: nothing is called and no clock is looked at.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

__all__ = ["Unsettled", "held_of"]

#: What is settled: offsets, and pairs of the first and the last.
Ranges = Sequence[int | tuple[int, int]]


def held_of(held: set[int], ranges: Ranges) -> list[int]:
    """The offsets of ``held`` that the ranges name, rising; what they name beside that is somebody else's."""
    found = {each for each in ranges if isinstance(each, int) and each in held}
    pairs = sorted([each for each in ranges if not isinstance(each, int)])
    if not pairs:
        return sorted(found)
    if sum([max(0, last - first) + 1 for first, last in pairs]) <= len(held):
        for first, last in pairs:
            found.update(held.intersection(range(first, last + 1)))
        return sorted(found)
    # Each offset is looked at once, however wide the pairs are and however much they overlap.
    there, behind = sorted(held), 0
    for first, last in pairs:
        begin = bisect_left(there, max(first, behind))
        end = bisect_right(there, last, begin)
        found.update(there[begin:end])
        behind = max(behind, last + 1)
    return sorted(found)


class Unsettled:
    """All that is open, and what of it waits for its next attempt."""

    def __init__(self) -> None:
        #: Every offset that is open.
        self.open: set[int] = set()
        self._due: list[tuple[float, int]] = []
        self._waiting: set[int] = set()
        self._attempts: dict[int, int] = {}

    @property
    def next_due(self) -> float | None:
        """When the next one is to be handed out again; ``None`` where none is."""
        return self._due[0][0] if self._due else None

    def hand_out(self, offsets: Iterable[int]) -> None:
        """These are with a member now."""
        self.open.update(offsets)

    def attempts(self, offset: int) -> int:
        """How many attempts have failed."""
        return self._attempts.get(offset, 0)

    def failed(self, offset: int) -> None:
        """One more has."""
        self._attempts[offset] = self.attempts(offset) + 1

    def again(self, offsets: Iterable[int], due: float) -> None:
        """Hand these out once more at ``due``."""
        for offset in offsets:
            self._waiting.add(offset)
            heapq.heappush(self._due, (due, offset))

    def ready(self, now: float, most: int) -> list[int]:
        """Those whose time has come, ``most`` at most, rising; they are handed out by that."""
        found: list[int] = []
        while self._due and self._due[0][0] <= now and len(found) < most:
            _, offset = heapq.heappop(self._due)
            if offset in self._waiting:
                self._waiting.discard(offset)
                found.append(offset)
        return sorted(found)

    def close(self, offsets: Iterable[int]) -> None:
        """These are settled, given up, or gone."""
        for offset in offsets:
            self.open.discard(offset)
            self._waiting.discard(offset)
            self._attempts.pop(offset, None)
