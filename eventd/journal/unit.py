"""What goes through the writer's door, and what comes back.

    Unit         events to append, cursors to move, dead letters to keep: durable together or not at all
    DeadLetter   an event whose handling was given up, and why
    Committed    the answer once a unit is durable

A unit is the same thing for ingest (drafts only) and for a handler's outcome (a cursor,
what it emitted, what it gave up). This module does not write anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from eventd.errors import JournalUnavailable
from eventd.event import Block, Draft

__all__ = ["Committed", "DeadLetter", "Done", "Unit"]


class DeadLetter(msgspec.Struct):
    """An event that ``consumer`` could not handle in ``attempts`` attempts.

    ``event`` is its CloudEvents JSON: a dead letter outlives the block that it came
    from. The times are of the first and last attempt, in nanoseconds since 1970 UTC.
    ``id`` is given by the journal.
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


class Unit(msgspec.Struct):
    """What becomes durable at once. A cursor is the first offset that its consumer has not settled."""

    drafts: list[Draft] = []
    cursors: dict[str, int] = {}
    dead: list[DeadLetter] = []

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory while it waits, but for small change."""
        return sum([len(draft.body) for draft in self.drafts]) + sum([len(dead.event) for dead in self.dead])

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for it; a cursor's move alone only saves work after a crash."""
        return bool(self.drafts or self.dead)


class Committed(NamedTuple):
    """A unit is durable: its events have the offsets from ``first`` on.

    ``blocks`` are all rows of the commit that made it so, those of its neighbours
    among them. A unit without events has the journal's end as ``first``.
    """

    first: int
    blocks: list[Block]


#: Called once, on the hub, in the order in which units were submitted.
Done = Callable[[Committed | JournalUnavailable], None]
