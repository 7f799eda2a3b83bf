"""Events that were in hand when the daemon died, and how often: ranges of offsets, as plain data.

A death says of a whole batch that one of it may be the cause. Next time its events are
handled one by one, so that the next death says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

__all__ = ["Range", "Suspects", "after_death", "beyond"]

#: Events from ``first`` up to ``end``, and how many deaths they were seen at.
Range = tuple[int, int, int]

#: Ranges that are kept of one consumer: the first ones, which come first.
MOST_RANGES = 1000


def after_death(known: Iterable[Range], held: Sequence[tuple[int, int]]) -> list[Range]:
    """What is known when the daemon died with these ranges in hand."""
    found = [*known]
    edges = sorted({edge for first, end, *_ in (*found, *held) for edge in (first, end)})
    ranges: list[Range] = []
    for first, end in pairwise(edges):
        deaths = max([n for start, stop, n in found if start <= first < stop], default=0)
        deaths += any(start <= first < stop for start, stop in held)
        if ranges and ranges[-1][1:] == (first, deaths):
            ranges[-1] = (ranges[-1][0], end, deaths)
        elif deaths:
            ranges.append((first, end, deaths))
    return ranges[:MOST_RANGES]


def beyond(ranges: Iterable[Range], offset: int) -> list[Range]:
    """What is left of them above ``offset``."""
    return [(max(first, offset), end, deaths) for first, end, deaths in ranges if end > offset]


class Suspects:
    """Those of one consumer, asked with rising offsets."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges = list(ranges)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def deaths(self, offset: int) -> int:
        """How many deaths an event was seen at."""
        return next((deaths for first, end, deaths in self._ranges if first <= offset < end), 0)

    def pass_to(self, offset: int) -> None:
        """What is below ``offset`` is not asked for again."""
        self._ranges = beyond(self._ranges, offset)
