"""Bounds of what is kept beside the events: dead letters, by number and age.

Small steps within the transaction that is open, like retention's. A dead letter that is
dropped is counted for its consumer.
"""

from __future__ import annotations

import sqlite3

from . import deadletters
from .connection import JournalOptions
from .ledger import Changes, Ledger

__all__ = ["Bounds"]

#: Dead letters that one step drops: each may have a body and a traceback of many pages.
STEP_LETTERS = 200

SECOND = 1_000_000_000


class Bounds:
    """Drops what is over the bounds, a step at a time. For the writer's thread."""

    def __init__(self, connection: sqlite3.Connection, options: JournalOptions, ledger: Ledger) -> None:
        self._connection = connection
        self._most = options.dead_count
        self._age = int(options.dead_time * SECOND)
        self._ledger = ledger

    def step(self, now: int, changes: Changes) -> bool:
        """Drop what one step may; whether there may be more to drop at once."""
        surplus = sum(self._ledger.dead.values()) - self._most if self._most else 0
        before = now - self._age if self._age else 0
        if not self._ledger.dead or (surplus <= 0 and not before):
            return False
        ids = deadletters.oldest(self._connection, before, surplus, STEP_LETTERS)
        return bool(ids) and changes.drop(self._connection, ids) == STEP_LETTERS
