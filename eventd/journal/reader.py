"""What a native thread reads from the database for the hub, with a connection of its own.

It writes nothing and keeps nothing: blocks are found by ``search.py``, and the hub's side
is ``journal.py``.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import TypeVar

from .connection import unavailable
from .ledger import RECORDS, record_of
from .search import OVERHEAD, Scan, Search
from .unit import ConsumerRecord

__all__ = ["Reader"]

T = TypeVar("T")

NEWEST = "SELECT first, length(body) FROM blocks ORDER BY first DESC"
NEXT = "SELECT first, count, received FROM blocks WHERE first >= ? AND first < ? ORDER BY first LIMIT 1"


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

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What ``question`` returns for the connection; errors as for ``scan``, but for damage, too."""
        with self._asking() as connection:
            return question(connection)

    def scan(self, offset: int, end: int, limit: int) -> Scan:
        """Blocks from the one that holds ``offset`` on, below ``end``, about ``limit`` bytes and at least one.

        :raises JournalUnavailable: when the disk does not answer; a damaged row is a hole instead.
        """
        with self._asking() as connection:
            return Search(connection, end).run(offset, limit)

    def newest(self, end: int, limit: int) -> Scan:
        """The last blocks before ``end``, up to about ``limit`` bytes; errors as for ``scan``."""
        begin, size = end, 0
        with self._asking() as connection:
            try:
                for first, length in connection.execute(NEWEST):
                    begin = first
                    size += length + OVERHEAD
                    if size > limit:
                        break
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                # What was found up to here is a good place to begin; the search tells the hole.
                pass
        return self.scan(begin, end, limit * 2)

    def offset_at(self, moment: int, first: int, end: int) -> int:
        """The first offset between ``first`` and ``end`` that was received at ``moment`` (in nanoseconds) or later."""
        low, high = first, end
        with self._asking() as connection:
            while low < high:
                middle = (low + high) // 2
                row = connection.execute(NEXT, (middle, high)).fetchone()
                if row is None or row[2] >= moment:
                    high = middle
                else:
                    low = row[0] + row[1]
            row = connection.execute(NEXT, (low, end)).fetchone()
        return int(row[0]) if row else end

    def consumers(self) -> dict[str, ConsumerRecord]:
        """Where each consumer is."""
        with self._asking() as connection:
            return dict(map(record_of, connection.execute(RECORDS)))

    def cursors(self) -> dict[str, int]:
        """By consumer, the first offset that it has not settled."""
        return {name: record.offset for name, record in self.consumers().items()}

    @contextlib.contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        """The connection; after an error, the next one who asks gets another."""
        try:
            self._connection = self._connection or self._connect()
            yield self._connection
        except sqlite3.Error as error:
            self.close()
            raise unavailable(error, "read") from error
