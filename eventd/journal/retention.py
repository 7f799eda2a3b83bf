"""Which rows go, oldest first, by age and by size; and whom that costs events.

Small steps in transactions of their own: the writer takes one between two commits. Age
drops only what every consumer has settled, size drops in any case. The newest row stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from .connection import JournalOptions
from .unit import ConsumerRecord

__all__ = ["Dropped", "Retention", "lost_by", "used_bytes"]

#: Rows that one step looks at.
STEP_ROWS = 512
#: Bytes that one step drops if the writer did not just write more: some milliseconds of work.
STEP_BYTES = 4 << 20
#: What a row costs beside its body.
ROW_BYTES = 64
#: Farther than any offset: where there is no consumer, nobody holds anything back.
NOBODY = 1 << 62

SECOND = 1_000_000_000


class Dropped(NamedTuple):
    """Rows went: the events below ``end`` are no more. ``lost`` has whom they were not settled by."""

    end: int
    lost: dict[str, int]
    #: Whether there may be more to drop at once.
    more: bool


def used_bytes(connection: sqlite3.Connection) -> int:
    """The bytes of all pages in use; pages of dropped rows do not count, since they are used again."""
    page_count, free, page_size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((page_count - free) * page_size)


def lost_by(
    begin: int, end: int, cursors: Mapping[str, int], records: Mapping[str, ConsumerRecord]
) -> dict[str, int]:
    """By consumer, how many of the events from ``begin`` up to ``end`` it has not done, as far as is known."""
    left = {name: records.get(name, ConsumerRecord(cursor)).left(begin, end) for name, cursor in cursors.items()}
    return {name: number for name, number in left.items() if number > 0}


class Retention:
    """Drops what is over the limits, a step at a time. For the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, options: JournalOptions) -> None:
        self._connection = connection
        self._age = int(options.retention_time * SECOND)
        self._size = options.retention_size

    @property
    def limited(self) -> bool:
        """Whether there is anything to do at all."""
        return bool(self._age or self._size)

    def step(
        self,
        now: int,
        cursors: Mapping[str, int],
        least: int = 0,
        records: Mapping[str, ConsumerRecord] = MappingProxyType({}),
    ) -> Dropped | None:
        """Drop up to ``STEP_BYTES``, or ``least`` bytes if that is more; ``None`` when nothing had to go.

        :param records: where the consumers are, with what is done above their cursors.
        :raises sqlite3.Error: when the database cannot be written; nothing is dropped then.
        """
        rows = self._connection.execute(
            "SELECT first, count, received, length(body) FROM blocks ORDER BY first LIMIT ?", (STEP_ROWS + 1,)
        ).fetchall()
        goal = max(STEP_BYTES, least)
        number, freed = self._choose(rows, now, min(cursors.values(), default=NOBODY), goal)
        if not number:
            return None
        begin, last = rows[0][0], rows[number - 1]
        end = rows[number][0]
        self._connection.execute("DELETE FROM blocks WHERE first <= ?", (last[0],))
        return Dropped(end, lost_by(begin, end, cursors, records), freed >= goal or number == STEP_ROWS)

    def _choose(self, rows: list[tuple[int, int, int, int]], now: int, settled: int, goal: int) -> tuple[int, int]:
        """How many of ``rows`` go, and the bytes that frees."""
        over = used_bytes(self._connection) - self._size if self._size else 0
        number = freed = 0
        for first, count, received, length in rows[:-1]:
            aged = self._age > 0 and received < now - self._age and first + count <= settled
            if freed >= goal or not (aged or freed < over):
                break
            number += 1
            freed += length + ROW_BYTES
        return number, freed
