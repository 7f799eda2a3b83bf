"""Finds blocks in the table, past rows that are damaged or gone.

It never gives up: a row that SQLite or the checksum refuses is a hole in what it found.
Only a disk that does not answer is an error, since it may answer later.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from eventd.event import Block

from .record import COLUMNS, DamagedRow, from_row

__all__ = ["OVERHEAD", "Hole", "Scan", "Search"]

#: What a row costs in memory beside its body: bounds a scan of many small rows.
OVERHEAD = 256

#: What is told where SQLite gives a row that it was not asked for: it follows a page that is not what it was.
DISORDER = "its rows are not in order"


class Hole(NamedTuple):
    """Events from ``first`` up to ``end`` that cannot be read, and why."""

    first: int
    end: int
    why: str


class Scan(NamedTuple):
    """What a read found: readable blocks, holes, and the offset up to which it looked."""

    blocks: list[Block]
    holes: list[Hole]
    upto: int


class Search:
    """One scan: goes from row to row, and around those that SQLite or the checksum refuse."""

    def __init__(self, connection: sqlite3.Connection, end: int) -> None:
        self._connection = connection
        self._end = end
        self._blocks: list[Block] = []
        self._holes: list[Hole] = []
        #: Where the hole that the search is in begins, and why.
        self._hole: tuple[int, str] | None = None
        #: Whether rows are read one by one, after SQLite refused one of many.
        self._single = False
        #: Bytes that may still be read.
        self._left = 0

    def run(self, offset: int, limit: int) -> Scan:
        """Blocks from the one that holds ``offset`` on, about ``limit`` bytes and at least one.

        :raises sqlite3.OperationalError: when the disk does not answer.
        """
        self._left = limit
        position = self._row_with(offset)
        more = True
        while more and position < self._end:
            before = len(self._blocks)
            try:
                self._take(position)
                more = self._single and len(self._blocks) > before
            except DamagedRow as damage:
                self._enter(damage.first, damage.why)
                position = damage.first + 1
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                position = self._refused(self._behind(position), str(error))
            else:
                position = self._behind(position)
            more = more and (self._left > 0 or not self._blocks)
        return self._result(offset)

    def _take(self, position: int) -> None:
        """Add blocks from ``position`` on, up to the limit or the first row that cannot be read."""
        rows = self._rows(position)
        least = position
        try:
            for row in rows:
                if row[0] < least:
                    # Going on from there would read the same rows again, for ever.
                    raise sqlite3.DatabaseError(DISORDER)
                least = row[0] + 1
                block = from_row(row)
                self._leave(block.first)
                self._blocks.append(block)
                self._left -= len(block.body) + OVERHEAD
                if self._left <= 0:
                    break
        finally:
            # An open statement would keep the WAL from being used again.
            rows.close()

    def _rows(self, position: int) -> sqlite3.Cursor:
        return self._connection.execute(
            f"SELECT {COLUMNS} FROM blocks WHERE first >= ? AND first < ? ORDER BY first LIMIT ?",
            (position, self._end, 1 if self._single else -1),
        )

    def _refused(self, position: int, why: str) -> int:
        """SQLite refused a row at or behind ``position``: where to go on."""
        if not self._single:
            # The module looks one row ahead: the refusal may be for the row behind the one that it did not give.
            self._single = True
            return position
        self._single = False
        return self._next(position, why)

    def _row_with(self, offset: int) -> int:
        """Where the row that holds ``offset`` begins; ``offset`` itself where that cannot be told."""
        try:
            row = self._connection.execute(
                "SELECT first, count FROM blocks WHERE first <= ? ORDER BY first DESC LIMIT 1", (offset,)
            ).fetchone()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return offset
        if row is None or not isinstance(row[1], int) or not row[0] <= offset < row[0] + row[1]:
            return offset
        return int(row[0])

    def _behind(self, position: int) -> int:
        """Behind what was read."""
        return max(position, self._blocks[-1].end) if self._blocks else position

    def _next(self, position: int, why: str) -> int:
        """The next place behind the row at ``position``, or behind all rows of its page if that is damaged."""
        self._enter(position, why)
        found = self._key_from(position)
        if found is not None:
            return found + 1
        # The page with the key is damaged, too: look behind it, farther and farther, then closer and closer.
        step = 1
        while self._key_from(position + step) is None and position + step < self._end:
            step *= 2
        low, high = position + step // 2, position + step
        while low + 1 < high:
            middle = (low + high) // 2
            if self._key_from(middle) is None:
                low = middle
            else:
                high = middle
        return high

    def _key_from(self, position: int) -> int | None:
        """The first row at or behind ``position``, the end where there is none, ``None`` where SQLite refuses."""
        try:
            row = self._connection.execute(
                "SELECT first FROM blocks WHERE first >= ? ORDER BY first LIMIT 1", (position,)
            ).fetchone()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return None
        if row is None:
            return self._end
        return int(row[0]) if row[0] >= position else None

    def _enter(self, first: int, why: str) -> None:
        if self._hole is None:
            self._hole = (first, why)

    def _leave(self, first: int) -> None:
        if self._hole is not None:
            self._holes.append(Hole(self._hole[0], first, self._hole[1]))
            self._hole = None

    def _result(self, offset: int) -> Scan:
        if self._hole is None and self._left <= 0 and self._blocks:
            return Scan(self._blocks, self._holes, self._blocks[-1].end)
        self._leave(self._end)
        return Scan(self._blocks, self._holes, max(self._end, offset))
