"""The ids of recent events, by which a duplicate is known: in memory first, all of them in a table.

An id is a hash of what tells an event from others; whoever hands in a unit makes it. Ids
are kept by slots of time: a commit writes where the last one wrote, and what is too old
goes slot by slot. What is done about a duplicate is not decided here.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from .schema import REMEMBER

__all__ = ["Recent", "find", "newest", "prune", "remember", "slot_width"]

#: An id is known for the window and up to one slot more.
SLOTS = 8
#: Ids that one step of pruning deletes: a few milliseconds.
STEP = 5000

SECOND = 1_000_000_000

#: A slot, an id and its event's offset.
Row = tuple[int, bytes, int]


def slot_width(window: float) -> int:
    """The nanoseconds of a slot for a window of these seconds; 0 where nothing is kept."""
    return max(SECOND, int(window * SECOND) // SLOTS) if window > 0 else 0


def remember(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write ids within the transaction that is open."""
    # In the order of the table: neighbours share a page.
    connection.executemany(REMEMBER, sorted(rows, key=itemgetter(0, 1)))


def prune(connection: sqlite3.Connection, before: int) -> bool:
    """Delete ids of slots that began before ``before``, a step of them; whether there may be more."""
    row = connection.execute(
        "SELECT slot, id FROM recent WHERE slot < ? ORDER BY slot, id LIMIT 1 OFFSET ?", (before, STEP)
    ).fetchone()
    if row is None:
        connection.execute("DELETE FROM recent WHERE slot < ?", (before,))
        return False
    connection.execute("DELETE FROM recent WHERE (slot, id) < (?, ?)", tuple(row))
    return True


def find(connection: sqlite3.Connection, ids: Iterable[bytes], since: int) -> dict[bytes, int]:
    """The offsets of those ids that the table has in slots from ``since`` on."""
    slots = _slots(connection, since)
    found: dict[bytes, int] = {}
    for known in ids:
        for slot in slots:
            row = connection.execute("SELECT offset FROM recent WHERE slot = ? AND id = ?", (slot, known)).fetchone()
            if row is not None:
                found[known] = row[0]
                break
    return found


def newest(connection: sqlite3.Connection, since: int, limit: int) -> list[Row]:
    """Up to ``limit`` ids of slots from ``since`` on, those of the newest slots; in the order of the slots."""
    rows = connection.execute(
        "SELECT slot, id, offset FROM recent WHERE slot >= ? ORDER BY slot DESC LIMIT ?", (since, limit)
    ).fetchall()
    return rows[::-1]


def _slots(connection: sqlite3.Connection, since: int) -> list[int]:
    """All slots from ``since`` on: a step in the table for each, however many ids it has."""
    slots: list[int] = []
    row = connection.execute("SELECT min(slot) FROM recent WHERE slot >= ?", (since,)).fetchone()
    while row[0] is not None:
        slots.append(row[0])
        row = connection.execute("SELECT min(slot) FROM recent WHERE slot > ?", (row[0],)).fetchone()
    return slots


class Recent:
    """Ids in memory, bounded: the newest. On the hub, or wherever one thread asks and tells.

    :param window: seconds for which an id counts; 0 is none at all.
    :param limit: how many ids are kept at most.
    """

    def __init__(self, window: float, limit: int, now: Callable[[], int] = time.time_ns) -> None:
        self._window = int(window * SECOND)
        self._width = slot_width(window)
        self._limit = limit
        self._now = now
        #: Of each slot, or part of one: when it began, and its ids with their offsets; the newest last.
        self._parts: deque[tuple[int, dict[bytes, int]]] = deque()
        self._size = 0
        #: When the newest slot began of which ids were given up for want of room.
        self._given_up = 0

    @property
    def on(self) -> bool:
        """Whether ids are kept at all."""
        return self._window > 0

    @property
    def complete(self) -> bool:
        """Whether an id that is not here is in no slot of the window: the table need not be asked."""
        return self._given_up < self.since

    @property
    def since(self) -> int:
        """The slots of the window began at this moment or later, in nanoseconds since 1970 UTC."""
        return self._now() - self._window - self._width

    def get(self, known: bytes) -> int | None:
        """The offset of the event with this id, if it is here."""
        since = self.since
        for began, part in reversed(self._parts):
            if began < since:
                break
            if (offset := part.get(known)) is not None:
                return offset
        return None

    def add(self, rows: Sequence[Row]) -> None:
        """Keep ids that are durable; the rows of one slot follow each other, newer slots come later."""
        for slot, known, offset in rows:
            self._part(slot).setdefault(known, offset)
        self._size = sum([len(part) for _, part in self._parts])
        while self._size > self._limit or (self._parts and self._parts[0][0] < self.since):
            began, part = self._parts.popleft()
            self._size -= len(part)
            self._given_up = began

    def _part(self, slot: int) -> dict[bytes, int]:
        if not self._parts or self._parts[-1][0] != slot or len(self._parts[-1][1]) * SLOTS >= self._limit:
            self._parts.append((slot, {}))
        return self._parts[-1][1]
