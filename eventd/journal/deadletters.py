"""Dead letters as rows: written with the unit that gives an event up, read and dropped by whoever looks after them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from .schema import BURY
from .unit import DeadLetter

__all__ = ["Letters", "bury", "count", "list_ids", "list_letters", "oldest", "remove"]

COLUMNS = "consumer, offset, event, attempts, first_time, last_time, reason, traceback, id, type"

#: The id of the next letter. ``meta`` has the highest one of those that are gone: a retry under way may still name it.
NEXT_ID = """
SELECT 1 + max(coalesce((SELECT max(id) FROM dead_letters), 0),
               coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'letter'), 0))
"""
GONE = """
INSERT INTO meta VALUES ('letter', ?) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)
"""

#: Of a row, what comes as bytes from the connections that read, and is text.
EVENT = 2


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters are meant; by default all of them, as many as ``limit``.

    ``consumer`` is one or several, ``after`` is an id. ``since`` and ``before`` are moments of
    the last attempt in nanoseconds since 1970 UTC.
    """

    ids: Sequence[int] | None = None
    consumer: str | Sequence[str] | None = None
    type: str | None = None
    after: int = 0
    since: int | None = None
    before: int | None = None
    limit: int = 100

    def where(self) -> tuple[str, list[int | str]]:
        """The condition in SQL, and its values."""
        values: list[int | str] = [self.after]
        condition = "id > ?"
        if self.ids is not None:
            condition += f" AND id IN ({', '.join('?' * len(self.ids))})"
            values += self.ids
        if self.consumer is not None:
            consumers = [self.consumer] if isinstance(self.consumer, str) else self.consumer
            condition += f" AND consumer IN ({', '.join('?' * len(consumers))})"
            values += consumers
        for column, value in (
            ("type =", self.type),
            ("last_time >=", self.since), ("last_time <", self.before),
        ):  # fmt: skip
            if value is not None:
                condition += f" AND {column} ?"
                values.append(value)
        return condition, values


class _Typed(msgspec.Struct):
    """What is wanted of an event here."""

    type: str = ""


_type_of = msgspec.json.Decoder(_Typed).decode


def bury(connection: sqlite3.Connection, letters: Sequence[DeadLetter], numbers: dict[str, int] | None = None) -> None:
    """Write dead letters within the transaction that is open; ``numbers`` are kept right, by consumer."""
    numbers = {} if numbers is None else numbers
    next_id = connection.execute(NEXT_ID).fetchone()[0] if letters else 0
    for id, letter in enumerate(letters, next_id):
        place = (letter.consumer, letter.offset)
        known = connection.execute("SELECT 1 FROM dead_letters WHERE consumer = ? AND offset = ?", place).fetchone()
        if known is None:
            numbers[letter.consumer] = numbers.get(letter.consumer, 0) + 1
        connection.execute(
            BURY,
            (
                id, *place, letter.event, letter.attempts, letter.first_time, letter.last_time,
                _text(letter.reason), _text(letter.traceback), _text(letter.type or _type(letter.event)),
            ),
        )  # fmt: skip


def remove(connection: sqlite3.Connection, ids: Iterable[int], numbers: dict[str, int]) -> dict[str, int]:
    """Delete dead letters within the transaction that is open; how many there were, by consumer."""
    removed: dict[str, int] = {}
    highest = 0
    for number in ids:
        row = connection.execute("SELECT consumer FROM dead_letters WHERE id = ?", (number,)).fetchone()
        if row is not None:
            connection.execute("DELETE FROM dead_letters WHERE id = ?", (number,))
            removed[row[0]] = removed.get(row[0], 0) + 1
            highest = max(highest, number)
    if removed:
        connection.execute(GONE, (highest,))
    for consumer, gone in removed.items():
        numbers[consumer] = numbers.get(consumer, 0) - gone
        if numbers[consumer] <= 0:
            del numbers[consumer]
    return removed


def count(connection: sqlite3.Connection) -> dict[str, int]:
    """How many there are, by consumer."""
    return dict(connection.execute("SELECT consumer, count(*) FROM dead_letters GROUP BY consumer"))


def list_letters(connection: sqlite3.Connection, chosen: Letters) -> list[DeadLetter]:
    """Dead letters, in the order of their ids."""
    where, values = chosen.where()
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM dead_letters WHERE {where} ORDER BY id LIMIT ?", (*values, chosen.limit)
    )
    return [_letter(row) for row in rows]


def list_ids(connection: sqlite3.Connection, chosen: Letters) -> list[int]:
    """The ids of what ``list_letters`` gives."""
    where, values = chosen.where()
    rows = connection.execute(f"SELECT id FROM dead_letters WHERE {where} ORDER BY id LIMIT ?", (*values, chosen.limit))
    return [row[0] for row in rows]


def oldest(connection: sqlite3.Connection, before: int, surplus: int, limit: int) -> list[int]:
    """The ids of up to ``limit`` letters with the oldest last attempts: those before ``before``, ``surplus`` anyway."""
    rows = connection.execute("SELECT id, last_time FROM dead_letters ORDER BY last_time, id LIMIT ?", (limit,))
    return [row[0] for index, row in enumerate(rows) if index < surplus or row[1] < before]


def _letter(row: tuple[object, ...]) -> DeadLetter:
    """A reader's connection gives text as bytes: see connection.py."""
    values = [
        value.decode(errors="replace") if isinstance(value, bytes) and index != EVENT else value
        for index, value in enumerate(row)
    ]
    return DeadLetter(*values)  # type: ignore[arg-type]  # the columns are in the order of its fields


def _type(event: bytes) -> str:
    try:
        return _type_of(event).type
    except msgspec.DecodeError:
        return ""


def _text(text: str) -> str:
    """A traceback may quote anything: what SQLite cannot keep as text must not refuse the unit."""
    return text.encode(errors="backslashreplace").decode()
