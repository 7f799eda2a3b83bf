"""What goes through the writer's door, and what comes back.

    Unit             what becomes durable at once: events, moves, state, dead letters, books
    Move             how far a consumer came by a unit
    ConsumerRecord   how far it is in all
    DeadLetter       an event whose handling was given up, and why
    Committed        the answer once a unit is durable

A unit is the same thing for ingest (drafts only) and for a handler's outcome (its move,
its state, what it emitted, what it gave up). This module does not write anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from eventd.errors import EventdError
from eventd.event import Block, Draft

__all__ = ["STAYS", "Committed", "ConsumerRecord", "DeadLetter", "Done", "Move", "Ranges", "Unit"]

#: Offsets from the first up to the second of each pair; rising, apart from each other.
Ranges = tuple[tuple[int, int], ...]

#: The offset of a move that only counts: the consumer's place stays as it is.
STAYS = -1


class ConsumerRecord(NamedTuple):
    """Where a consumer is, and its books.

    Everything below ``offset`` is done, and so is what is in the ranges ``above`` it.
    Each of these events from ``since`` on, where the consumer first started, is counted
    in one of ``settled``, ``dead`` and ``passed`` (not wanted, or gone): their sum is
    always ``done - since``.
    """

    offset: int
    above: Ranges = ()
    settled: int = 0
    dead: int = 0
    passed: int = 0
    since: int = 0

    @property
    def done(self) -> int:
        """The offset that it would have without gaps: what is done, and what was before it."""
        return self.offset + sum([end - begin for begin, end in self.above])

    @property
    def top(self) -> int:
        """Behind the last event that is done."""
        return self.above[-1][1] if self.above else self.offset

    def left(self, begin: int, end: int) -> int:
        """How many of the offsets from ``begin`` up to ``end`` are not done."""
        begin = max(begin, self.offset)
        done = sum([max(0, min(end, last) - max(begin, first)) for first, last in self.above])
        return max(0, end - begin) - done


class Move(msgspec.Struct, gc=False):
    """A consumer's new place, as ``ConsumerRecord`` has it, and what the unit adds to its books.

    A move without an offset leaves the place: a dead letter that is settled after all is
    ``Move(settled=1, dead=-1)``. What a move covers and does not count is passed over.
    """

    offset: int = STAYS
    above: Ranges = ()
    settled: int = 0
    dead: int = 0
    passed: int = 0

    @property
    def counted(self) -> int:
        """The events that it adds to the books."""
        return self.settled + self.dead + self.passed


class DeadLetter(msgspec.Struct):
    """An event that ``consumer`` could not handle in ``attempts`` attempts.

    ``event`` is its CloudEvents JSON: a dead letter outlives the block that it came
    from. The times are of the first and last attempt, in nanoseconds since 1970 UTC.
    ``id`` is given by the journal, ``type`` (the event's) is filled in by it.
    """

    consumer: str
    offset: int
    event: bytes
    attempts: int
    first_time: int
    last_time: int
    reason: str
    traceback: str = ""
    id: int = 0
    type: str = ""


class Unit(msgspec.Struct):
    """What becomes durable at once.

    ``moves`` has a move for each consumer, ``cursors`` the same without counts. ``state``
    is by consumer and key what is kept now, ``None`` for what is not kept any more.
    ``raised`` are the ids of dead letters that are settled after all, ``books`` counters
    and what they grow by.

    ``expect`` fences: by consumer, the offset that its durable record must have. Units of
    one consumer may then follow each other without waiting: where one is refused, those
    behind it are refused as ``Superseded`` and leave no gap. A fenced move must count
    each event that it covers, since what it does not count was another unit's.
    """

    drafts: list[Draft] = []
    cursors: dict[str, int] = {}
    dead: list[DeadLetter] = []
    moves: dict[str, Move] = {}
    state: dict[str, dict[str, bytes | None]] = {}
    raised: list[int] = []
    books: dict[str, int] = {}
    expect: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory while it waits, but for small change."""
        size = sum([len(draft.body) for draft in self.drafts])
        if self.dead:
            size += sum([len(letter.event) for letter in self.dead])
        for changes in self.state.values():
            size += sum([len(key) + len(value or b"") for key, value in changes.items()])
        return size

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it; a cursor's move alone only saves work after a crash."""
        return bool(self.drafts or self.dead or self.state or self.raised)


class Committed(NamedTuple):
    """A unit is durable: its events have the offsets from ``first`` on.

    ``blocks`` are all rows of the commit that made it so, those of its neighbours
    among them. A unit without events has the journal's end as ``first``.
    """

    first: int
    blocks: list[Block]


#: Called once, on the hub, in the order in which units were submitted.
Done = Callable[[Committed | EventdError], None]
