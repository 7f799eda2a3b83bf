"""Dead letters as rows: written with the unit that gives an event up, read by whoever lists them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from .schema import BURY
from .unit import DeadLetter

__all__ = ["bury", "count", "list_letters"]

COLUMNS = "consumer, offset, event, attempts, first_time, last_time, reason, traceback, id"


def bury(connection: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
    """Write dead letters within the transaction that is open."""
    rows = [
        (
            letter.consumer, letter.offset, letter.event, letter.attempts,
            letter.first_time, letter.last_time, _text(letter.reason), _text(letter.traceback),
        )
        for letter in letters
    ]  # fmt: skip
    connection.executemany(BURY, rows)


def count(connection: sqlite3.Connection) -> dict[str, int]:
    """How many there are, by consumer."""
    return dict(connection.execute("SELECT consumer, count(*) FROM dead_letters GROUP BY consumer"))


def list_letters(
    connection: sqlite3.Connection, consumer: str | None = None, after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    """The dead letters with an ``id`` above ``after``, oldest first; those of one consumer, or all."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM dead_letters WHERE id > ? AND ? IN (consumer, '') ORDER BY id LIMIT ?",
        (after, consumer or "", limit),
    )
    return [_letter(row) for row in rows]


def _letter(row: tuple[object, ...]) -> DeadLetter:
    """A reader's connection gives text as bytes: see connection.py."""
    values = [
        value.decode(errors="replace") if isinstance(value, bytes) and index != 2 else value
        for index, value in enumerate(row)
    ]
    return DeadLetter(*values)  # type: ignore[arg-type]  # the columns are in the order of its fields


def _text(text: str) -> str:
    """A traceback may quote anything: what SQLite cannot keep as text must not refuse the unit."""
    return text.encode(errors="backslashreplace").decode()
