"""What the writer does between two commits: drop what is too old, keep the WAL small, try a disk that failed.

Each call does little, so that the next commit hardly waits. Errors here refuse nobody's
events: they are told, and tried again.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from .checkpoint import Checkpointer, checkpoint
from .connection import PAGE_SIZE, JournalOptions
from .retention import Dropped, Retention, used_bytes

__all__ = ["Housekeeping"]

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


def wal_bytes(bodies: Sequence[int]) -> int:
    """About what a commit of bodies of these lengths adds to the WAL: SQLite does not tell."""
    return PAGE_SIZE * (COMMIT_PAGES + sum([1 + length // PAGE_SIZE for length in bodies if length > PAGE_SIZE // 4]))


class Housekeeping:
    """For the writer's thread, with its connection.

    :param report: told what was dropped, if anything, and the bytes in use.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        options: JournalOptions,
        checkpointer: Checkpointer | None,
        report: Callable[[Dropped | None, int], None],
    ) -> None:
        self._connection = connection
        self._options = options
        self._checkpointer = checkpointer
        self._retention = Retention(connection, options)
        self._report = report
        self._wal = 0
        self._written = 0
        self._next_look = 0.0
        self._quiet_until = 0.0

    def wrote(self, bodies: Sequence[int]) -> None:
        """Count a commit; its bodies' lengths are given."""
        self._wal += wal_bytes(bodies)
        self._written += sum(bodies)

    def tend(self, cursors: Mapping[str, int]) -> None:
        """Take a step of whatever is due."""
        try:
            self._retain(cursors)
            self._copy_wal()
        except sqlite3.Error as error:
            self._next_look = time.monotonic() + PERIOD
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + QUIET
                log.warning("the journal's housekeeping failed and will be tried again: %s", error)

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
        dropped = None
        if self._retention.limited:
            dropped = self._retention.step(time.time_ns(), cursors, 2 * self._written)
        self._written = 0
        if dropped is None or not dropped.more:
            self._next_look = time.monotonic() + PERIOD
        if dropped is not None:
            self._wal += wal_bytes([])
        self._report(dropped, used_bytes(self._connection))

    def _copy_wal(self) -> None:
        if self._wal < self._options.wal_bytes:
            return
        if self._checkpointer is None or self._checkpointer.finished or self._wal > self._options.wal_limit:
            self._wal = checkpoint(self._connection) * PAGE_SIZE
            if self._checkpointer is not None:
                self._checkpointer.taken()
        else:
            self._checkpointer.request()
