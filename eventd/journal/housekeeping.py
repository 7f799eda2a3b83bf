"""What the writer does between two commits: drop what is too old, keep the WAL small, try a disk that failed.

Each call does little, so that the next commit hardly waits. Errors here refuse nobody's
events: they are told, and tried again.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from .bounds import Bounds
from .checkpoint import Checkpointer, checkpoint
from .connection import PAGE_SIZE, JournalOptions
from .ledger import Changes, Ledger
from .retention import Dropped, Retention, used_bytes

__all__ = ["DROPPED", "Housekeeping", "Report"]

log = logging.getLogger(__name__)

#: Seconds between two looks at the limits, when the last one left nothing to do.
PERIOD = 1.0
#: Bytes written after which it looks at once: about what the journal may be over its limit.
MOST_WRITTEN = 16 << 20
#: Seconds between two log entries about the same trouble.
QUIET = 60.0
#: Bytes that are written to see whether a disk that failed takes events again.
PROBE_BYTES = 256 << 10
#: Pages that a commit writes beside the bodies' own: the leaf of each table that it touches.
COMMIT_PAGES = 3
#: Rows of state that share a page, when there are many pages to write them to.
ROWS_A_PAGE = 4

#: Before a consumer's name, in the books: events that retention took from it before it had settled them.
DROPPED = "dropped:"

#: See ``Housekeeping``.
Report = Callable[[Dropped | None, int, Changes], None]


def wal_bytes(bodies: Sequence[int], rows: int = 0) -> int:
    """About what a commit of bodies of these lengths and so many other rows adds to the WAL: SQLite does not tell."""
    own = sum([1 + length // PAGE_SIZE for length in bodies if length > PAGE_SIZE // 4])
    return PAGE_SIZE * (COMMIT_PAGES + rows // ROWS_A_PAGE + own)


class Housekeeping:
    """For the writer's thread, with its connection.

    :param report: told what was dropped, if anything, the bytes in use, and what that made of the ledger's numbers.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        options: JournalOptions,
        checkpointer: Checkpointer | None,
        report: Report,
        ledger: Ledger | None = None,
    ) -> None:
        self._connection = connection
        self._options = options
        self._checkpointer = checkpointer
        self._ledger = ledger or Ledger()
        self._retention = Retention(connection, options)
        self._bounds = Bounds(connection, options, self._ledger)
        self._report = report
        self._wal = 0
        self._written = 0
        self._next_look = 0.0
        self._quiet_until = 0.0

    def wrote(self, bodies: Sequence[int], rows: int = 0) -> None:
        """Count a commit; its bodies' lengths are given, and how many other rows it wrote."""
        self._wal += wal_bytes(bodies, rows)
        self._written += sum(bodies)

    def tend(self, cursors: Mapping[str, int]) -> sqlite3.Error | None:
        """Take a step of whatever is due; the error that kept it from that, which is told here."""
        try:
            self._retain(cursors)
            self._copy_wal()
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                # Else the next step cannot begin, and tries this again.
                self._connection.rollback()
            self._next_look = time.monotonic() + PERIOD
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + QUIET
                log.warning("the journal's housekeeping failed and will be tried again: %s", error)
            return error
        return None

    def probe(self) -> bool:
        """Whether the disk takes writes again, after it did not."""
        try:
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('probe', zeroblob(?))", (PROBE_BYTES,))
            self._connection.execute("DELETE FROM meta WHERE key = 'probe'")
        except sqlite3.Error:
            self._connection.rollback()
            self._make_room()
            return False
        return True

    def _make_room(self) -> None:
        """Copy the WAL, so that its file is room for the next try; only now, since the copying needs room, too."""
        try:
            self._wal = checkpoint(self._connection) * PAGE_SIZE
        except sqlite3.Error:
            # The disk still fails, as the probe said.
            pass

    def _retain(self, cursors: Mapping[str, int]) -> None:
        if time.monotonic() < self._next_look and self._written < MOST_WRITTEN:
            return
        changes = self._ledger.stage()
        self._connection.execute("BEGIN IMMEDIATE")
        dropped, more = self._drop(cursors, changes)
        changes.write(self._connection)
        self._connection.execute("COMMIT")
        self._ledger.take(changes)
        self._written = 0
        if not more:
            self._next_look = time.monotonic() + PERIOD
        if dropped is not None or more:
            self._wal += wal_bytes([])
        self._report(dropped, used_bytes(self._connection), changes)

    def _drop(self, cursors: Mapping[str, int], changes: Changes) -> tuple[Dropped | None, bool]:
        """Take one step of everything that is bounded; what retention dropped, and whether there may be more."""
        now = time.time_ns()
        more = self._bounds.step(now, changes)
        if not self._retention.limited:
            return None, more
        dropped = self._retention.step(now, cursors, 2 * self._written, self._ledger.consumers)
        if dropped is None:
            return None, more
        for consumer, events in dropped.lost.items():
            changes.count(f"{DROPPED}{consumer}", events)
        return dropped, more or dropped.more

    def _copy_wal(self) -> None:
        if self._wal < self._options.wal_bytes:
            return
        if self._checkpointer is None or self._checkpointer.finished or self._wal > self._options.wal_limit:
            self._wal = checkpoint(self._connection) * PAGE_SIZE
            if self._checkpointer is not None:
                self._checkpointer.taken()
        else:
            self._checkpointer.request()
