"""How far a consumer is, as the journal keeps it: an offset, and what is done above it.

    0      offset              front        above (by an earlier run)
    |  done  |?..done..?..done..|   not yet   |..done..|
              open      open

Below its front, a consumer has handed out everything; what it has open there was handed
out and is not done. Plain numbers in, plain numbers out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from eventd.journal import ConsumerRecord, Move

__all__ = [
    "ConsumerStatus",
    "Ranges",
    "VolatileStatus",
    "covers",
    "move_between",
    "place",
    "record_at",
    "status_at",
    "without",
]

#: Offsets from the first up to the second of each pair; rising, apart from each other.
Ranges = tuple[tuple[int, int], ...]


class VolatileStatus(msgspec.Struct):
    """The volatile events of a consumer since the daemon started: each that came is in one of the other columns."""

    came: int
    settled: int
    dead: int
    dropped: int
    pending: int


class ConsumerStatus(msgspec.Struct):
    """A consumer at one instant.

    Each event of the journal from ``since`` on, where it first started, is in exactly one
    of ``settled``, ``dead``, ``passed`` (of a type that it does not want, or gone from the
    journal) and ``pending``.
    """

    name: str
    kind: str
    cursor: int
    pending: int
    settled: int
    dead: int
    passed: int
    since: int
    retries: int
    state: str
    #: ``None`` where no volatile type is wanted.
    volatile: VolatileStatus | None = None
    #: Worker processes that run, and how many were started in the place of others.
    workers: int = 0
    restarts: int = 0
    #: Where its plugin is called now, and whether it was moved there since a call held the hub; empty without one.
    run: str = ""
    moved: bool = False


def place(front: int, open: Iterable[int], above: Ranges = ()) -> tuple[int, Ranges]:
    """The offset below which everything is done, and the ranges above it that are done, too."""
    edges = [*sorted(open), front]
    offset = edges[0]
    ranges = [(begin + 1, end) for begin, end in pairwise(edges) if end > begin + 1]
    for begin, end in above:
        if end <= front:
            continue
        begin = max(begin, front)
        if begin == offset:
            offset = end
        elif ranges and ranges[-1][1] == begin:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((begin, end))
    return offset, tuple(ranges)


def record_at(offset: int, above: Ranges, books: ConsumerRecord, settled: int, dead: int) -> ConsumerRecord:
    """The record of a consumer that came there from ``books``; what it did not settle or give up, it passed over."""
    new = ConsumerRecord(offset, above, books.settled + settled, books.dead + dead, 0, books.since)
    return new._replace(passed=new.done - new.since - new.settled - new.dead)


def status_at(now: ConsumerRecord, end: int, name: str, kind: str, state: str, retries: int) -> ConsumerStatus:
    """How a consumer is whose record is ``now`` in a journal that goes up to ``end``."""
    return ConsumerStatus(
        name=name,
        kind=kind,
        cursor=now.offset,
        pending=max(0, end - now.done),
        settled=now.settled,
        dead=now.dead,
        passed=now.passed,
        since=now.since,
        retries=retries,
        state=state,
    )


def move_between(old: ConsumerRecord, new: ConsumerRecord) -> Move:
    """What brings the journal's record from one to the other."""
    return Move(new.offset, new.above, new.settled - old.settled, new.dead - old.dead, new.passed - old.passed)


def covers(ranges: Ranges, begin: int, end: int) -> bool:
    """Whether any of the offsets from ``begin`` up to ``end`` is in the ranges."""
    return any(first < end and begin < last for first, last in ranges)


def without(offsets: Sequence[int], ranges: Ranges) -> list[int]:
    """The offsets that are in none of the ranges."""
    kept = []
    rest = iter(ranges)
    begin, end = next(rest, (None, None))
    for offset in offsets:
        while end is not None and offset >= end:
            begin, end = next(rest, (None, None))
        if begin is None or offset < begin:
            kept.append(offset)
    return kept
