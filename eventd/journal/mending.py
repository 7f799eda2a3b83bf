"""Writes the journal anew while the daemon runs, when SQLite finds a page damaged that a commit needs.

Without it, such a page would refuse every commit for ever. What the writer knows (where
each consumer is, the books, the next offset) is written over what the files say. Called
by the writer's thread between two commits; those who wait notice nothing but a delay.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable

from .ledger import Ledger, row_of
from .replacing import finish, replace
from .rescue import Rescued
from .schema import COUNT, MOVE, Identity

__all__ = ["END", "Mender", "is_damage"]

log = logging.getLogger(__name__)

#: Seconds until the next try: on a disk that fails again and again, copying all of it each time helps nobody.
PAUSE = 60.0
#: The key in ``meta`` of an offset below which all were given, though their rows may be gone.
END = "end"


def is_damage(error: BaseException) -> bool:
    """Whether it is the database that is wrong, and not the disk (full, read-only, gone) or a value."""
    wrong = isinstance(error, sqlite3.DatabaseError)
    return wrong and not isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.DataError
                                    | sqlite3.ProgrammingError | sqlite3.InterfaceError)


class Mender:
    """For one journal's writer."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._not_before = 0.0

    def mend(
        self, error: BaseException, identity: Identity, ledger: Ledger, end: int, release: Callable[[], object]
    ) -> Rescued | None:
        """Put a rescued journal in the place of the damaged one; ``None`` when there is nothing to mend, or not now.

        The offsets keep their meaning and the sequence its name: none of them is given again.
        """
        if not is_damage(error) or time.monotonic() < self._not_before:
            return None
        log.error("the journal is damaged and is written anew: %s", error)

        def restore(fresh: sqlite3.Connection) -> None:
            fresh.executemany(MOVE, [row_of(name, record) for name, record in ledger.consumers.items()])
            fresh.executemany(COUNT, ledger.books.items())
            known = [("node", identity.node), ("epoch", identity.epoch), (END, end)]
            fresh.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", known)

        try:
            return replace(self._path, identity.node, restore, release)
        except (sqlite3.Error, OSError) as trouble:
            log.error("it could not be written anew and will be tried again: %s", trouble)
            finish(self._path)
            return None
        finally:
            self._not_before = time.monotonic() + PAUSE
