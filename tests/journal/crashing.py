"""A connection that dies at a chosen statement, as if the process were killed there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

__all__ = ["Crashing", "Killed"]


class Killed(BaseException):
    """The process would be gone now."""


class Crashing:
    """Calls ``die`` once, before or after the statement with the number ``at``; then it is dead."""

    def __init__(self, connection: sqlite3.Connection, at: int, after: bool, die: Callable[[], object]) -> None:
        self._connection = connection
        self._at = at
        self._after = after
        self._die = die
        self._number = 0
        self.dead = False
        #: Whether the commit was done before it died.
        self.committed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._run(sql, lambda: self._connection.execute(sql, *values))

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
        return self._run(sql, lambda: self._connection.executemany(sql, rows))

    def rollback(self) -> None:
        """The dead roll nothing back; the test looks at the files as they were."""
        self._connection.rollback()

    def _run(self, sql: str, statement: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        chosen = self._number == self._at
        self._number += 1
        if self.dead or (chosen and not self._after):
            self._fall()
        cursor = statement()
        self.committed = self.committed or sql == "COMMIT"
        if chosen:
            self._fall()
        return cursor

    def _fall(self) -> None:
        if not self.dead:
            self.dead = True
            self._die()
        raise Killed
