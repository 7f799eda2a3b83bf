"""Copies the WAL into the database while commits go on.

Runs in a native thread of its own, with its own connection, when the writer asks. What
is committed while it copies is left for the next round, so the last few pages are the
writer's, who alone knows a moment without a commit: see docs/journal.md.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
from collections.abc import Callable

__all__ = ["Checkpointer", "checkpoint"]

log = logging.getLogger(__name__)

#: Rounds of copying: each leaves what came during it, which is less each time.
ROUNDS = 4
#: So few pages that the writer copies them without anybody noticing.
FEW_PAGES = 64


def checkpoint(connection: sqlite3.Connection) -> int:
    """Copy what can be copied without waiting for readers or the writer; the pages left in the WAL.

    :raises sqlite3.Error: when the database cannot be written.
    """
    _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return max(0, int(pages) - int(copied))


class Checkpointer:
    """Answers one request after the other; ``finished`` tells that the writer may do the rest."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._asked = False
        self._stale = False
        #: Set here when a request is done, taken back by ``request``.
        self.finished = False

    def request(self) -> None:
        """Start copying, unless it is under way. For the writer's thread only."""
        if not self._asked:
            self._asked = True
            self.finished = False
            self._requests.put(True)

    def taken(self) -> None:
        """The writer has done the rest: the next request starts anew."""
        self._asked = False
        self.finished = False

    def reopen(self) -> None:
        """Another file is the journal now: the next request is for that one."""
        self._stale = True

    def stop(self) -> None:
        """End ``run`` after the request under way."""
        self._requests.put(False)

    def run(self) -> None:
        """Serve requests until ``stop``: the body of the native thread."""
        connection: sqlite3.Connection | None = None
        while self._requests.get():
            if self._stale and connection is not None:
                connection.close()
                connection = None
            self._stale = False
            try:
                connection = connection or self._connect()
                self._copy(connection)
            except sqlite3.Error as error:
                # The commits tell the same trouble to whom it concerns; the next request tries again.
                log.warning("the journal's WAL cannot be copied into the database now: %s", error)
            self.finished = True
        if connection is not None:
            connection.close()

    def _copy(self, connection: sqlite3.Connection) -> None:
        for _ in range(ROUNDS):
            if checkpoint(connection) <= FEW_PAGES:
                return
