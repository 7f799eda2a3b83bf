"""Reads blocks from the database, past what is damaged or gone.

For a native thread with a connection of its own; the hub's side is ``journal.py``. It
writes nothing, and it never gives up: a row that cannot be read is a hole in what it
found.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from eventd.event import Block

from .connection import unavailable
from .deadletters import list_letters
from .record import COLUMNS, DamagedRow, from_row
from .unit import DeadLetter

__all__ = ["Hole", "Reader", "Scan"]

#: What a row costs in memory beside its body: bounds a scan of many small rows.
OVERHEAD = 256


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


class Reader:
    """One connection for reading; each call sees what is committed at that moment."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def scan(self, offset: int, end: int, limit: int) -> Scan:
        """Blocks from the one that holds ``offset`` on, below ``end``, about ``limit`` bytes and at least one.

        :raises JournalUnavailable: when the disk does not answer; a damaged row is a hole instead.
        """
        try:
            self._connection = self._connection or self._connect()
            return _Search(self._connection, end).run(offset, limit)
        except sqlite3.OperationalError as error:
            self.close()
            raise unavailable(error) from error

    def newest(self, end: int, limit: int) -> Scan:
        """The last blocks before ``end``, up to about ``limit`` bytes."""
        self._connection = self._connection or self._connect()
        begin, size = end, 0
        try:
            rows = self._connection.execute("SELECT first, length(body) FROM blocks ORDER BY first DESC")
            for first, length in rows:
                size += length + OVERHEAD
                begin = first
                if size > limit:
                    break
            rows.close()
        except sqlite3.DatabaseError:
            # What was found up to here is a good place to begin; the scan tells the hole.
            pass
        return self.scan(begin, end, limit * 2)

    def offset_at(self, moment: int, first: int, end: int) -> int:
        """The first offset between ``first`` and ``end`` that was received at ``moment`` (in nanoseconds) or later."""
        self._connection = self._connection or self._connect()
        sql = "SELECT first, count, received FROM blocks WHERE first >= ? AND first < ? ORDER BY first LIMIT 1"
        low, high = first, end
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(sql, (middle, high)).fetchone()
            if row is None or row[2] >= moment:
                high = middle
            else:
                low = row[0] + row[1]
        row = self._connection.execute(sql, (low, end)).fetchone()
        return int(row[0]) if row else end

    def cursors(self) -> dict[str, int]:
        """By consumer, the first offset that it has not settled."""
        self._connection = self._connection or self._connect()
        rows = self._connection.execute("SELECT consumer, offset FROM cursors")
        return {consumer.decode(): offset for consumer, offset in rows}

    def dead_letters(self, consumer: str | None, after: int, limit: int) -> list[DeadLetter]:
        """See ``deadletters.list_letters``."""
        self._connection = self._connection or self._connect()
        return list_letters(self._connection, consumer, after, limit)


class _Search:
    """One scan: goes from row to row, and around those that SQLite or the checksum refuse."""

    def __init__(self, connection: sqlite3.Connection, end: int) -> None:
        self._connection = connection
        self._end = end
        self._blocks: list[Block] = []
        self._holes: list[Hole] = []
        #: Where the hole that the search is in begins, and why.
        self._hole: tuple[int, str] | None = None

    def run(self, offset: int, limit: int) -> Scan:
        position = self._row_with(offset)
        while position < self._end:
            try:
                limit = self._take(position, limit)
            except DamagedRow as damage:
                self._enter(damage.first, damage.why)
                position = damage.first + 1
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                position = self._next(max(position, self._position(position)), str(error))
            else:
                break
            if limit <= 0 and self._blocks:
                break
        return self._result(offset, limit)

    def _take(self, position: int, limit: int) -> int:
        """Add readable blocks up to ``limit`` bytes; what is left of it."""
        rows = self._rows(position)
        try:
            for row in rows:
                block = from_row(row)
                self._leave(block.first)
                self._blocks.append(block)
                limit -= len(block.body) + OVERHEAD
                if limit <= 0:
                    break
        finally:
            # An open statement would keep the WAL from being used again.
            rows.close()
        return limit

    def _rows(self, position: int) -> sqlite3.Cursor:
        return self._connection.execute(
            f"SELECT {COLUMNS} FROM blocks WHERE first >= ? AND first < ? ORDER BY first", (position, self._end)
        )

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
        return int(row[0]) if row and row[0] + row[1] > offset else offset

    def _position(self, position: int) -> int:
        """Behind what was read."""
        return self._blocks[-1].end if self._blocks else position

    def _next(self, position: int, why: str) -> int:
        """SQLite refuses the row at or behind ``position``: where to go on."""
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
        return int(row[0]) if row else self._end

    def _enter(self, first: int, why: str) -> None:
        if self._hole is None:
            self._hole = (first, why)

    def _leave(self, first: int) -> None:
        if self._hole is not None:
            self._holes.append(Hole(self._hole[0], first, self._hole[1]))
            self._hole = None

    def _result(self, offset: int, limit: int) -> Scan:
        if self._hole is None and limit <= 0 and self._blocks:
            return Scan(self._blocks, self._holes, self._blocks[-1].end)
        self._leave(self._end)
        return Scan(self._blocks, self._holes, max(self._end, offset))
