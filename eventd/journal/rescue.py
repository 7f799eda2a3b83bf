"""Copies out of a damaged journal everything that can still be read, into a new one beside it.

First with SQLite, which goes around what it refuses; then what lies in the holes is
looked for in the pages themselves. Blocks are judged by their checksum, rows of the other
tables by their columns. It only copies: ``opening.py`` puts the files in their places.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from eventd.errors import JournalUnavailable

from .connection import connect
from .pages import Found, Pages, Value
from .reader import Reader
from .record import DamagedRow, from_row, to_row
from .schema import APPEND, prepare
from .search import Hole

__all__ = ["GAPS", "Rescued", "rescue"]

log = logging.getLogger(__name__)

#: Farther than any offset.
EVERYTHING = 1 << 62
#: Bytes that are copied in one transaction.
COPIED_BYTES = 16 << 20
#: Seconds between two log entries about how far it is.
TELL_EVERY = 10.0
#: The key in ``meta`` of the ranges of offsets that no rescue found, as JSON.
GAPS = "gaps"
#: Ranges that are remembered there; more are no news.
MOST_GAPS = 1000

#: Table → the kinds of its columns, in the order of a record: what SQLite cannot reach is known by them.
KINDS: dict[str, tuple[type, ...]] = {
    "cursors": (str, int, bytes, int, int, int, int),
    "dead_letters": (type(None), str, int, bytes, int, int, int, str, str, str),
    "state": (str, str, bytes),
}
#: How many columns a row of the table of blocks has.
BLOCK_COLUMNS = 8
#: The same for all tables beside the blocks, as SQLite gives their rows: with the row's own number.
ROWS: dict[str, tuple[type, ...]] = {
    **KINDS,
    "dead_letters": (int, *KINDS["dead_letters"][1:]),
    "books": (str, int),
}
#: Of two rows of a consumer the one that is farther on is the newer one.
LATER = "INSERT INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (consumer) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in ("offset", "above", "settled", "dead", "passed", "since")
)
LATER += " WHERE excluded.offset > offset"


class Rescued(NamedTuple):
    """What was found: events, rows of other tables; and how many events are missing among and behind them."""

    events: int
    others: int
    lost: int


#: Fills in what is known better than the files tell, within a transaction.
Restore = Callable[[sqlite3.Connection], None]


def rescue(path: str, target: str, node: str, restore: Restore | None = None) -> Rescued:
    """Make a journal at ``target`` of what is readable at ``path``.

    :raises sqlite3.Error: when the new one cannot be written.
    """
    fresh = connect(target)
    try:
        prepare(fresh, node)
        copy = _Copy(path, fresh)
        copy.run()
        fresh.execute("BEGIN")
        if restore is not None:
            restore(fresh)
        lost = _note_gaps(fresh)
        fresh.execute("COMMIT")
        return Rescued(copy.events, copy.others, lost)
    finally:
        # The last connection to a database copies its WAL away: one file is left.
        fresh.close()


class _Copy:
    """One rescue, from file to file."""

    def __init__(self, path: str, fresh: sqlite3.Connection) -> None:
        self._path = path
        self._fresh = fresh
        self._connect = partial(connect, path, writable=False, forgiving=True)
        self._holes: list[Hole] = []
        #: Tables that SQLite did not read to the end.
        self._partly: list[str] = []
        self._told = time.monotonic()
        self.events = 0
        self.others = 0

    def run(self) -> None:
        """Copy all of it."""
        self._copy_blocks()
        self._copy_tables()
        if self._holes or self._partly:
            self._search_pages()

    def _copy_blocks(self) -> None:
        old = Reader(self._connect)
        offset = 0
        try:
            while offset < EVERYTHING:
                scan = old.scan(offset, EVERYTHING, COPIED_BYTES)
                self._holes += scan.holes
                with _Transaction(self._fresh):
                    self._fresh.executemany(APPEND, [to_row(block) for block in scan.blocks])
                self.events += sum([block.count for block in scan.blocks])
                offset = scan.upto
                self._tell(offset)
        except JournalUnavailable as error:
            log.error("SQLite cannot read its events from offset %d on: %s", offset, error)
            self._holes.append(Hole(offset, EVERYTHING, str(error)))
        finally:
            old.close()

    def _copy_tables(self) -> None:
        for table in ROWS:
            try:
                old = self._connect()
            except sqlite3.Error:
                self._partly.append(table)
                continue
            try:
                self._copy_table(old, table)
            except sqlite3.DatabaseError as error:
                log.error("SQLite cannot read all of its table %s: %s", table, error)
                self._partly.append(table)
            finally:
                old.close()

    def _copy_table(self, old: sqlite3.Connection, table: str) -> None:
        old.text_factory = partial(str, encoding="utf-8", errors="replace")
        # An older version has fewer columns, and fewer tables.
        known = [row[1] for row in old.execute(f"PRAGMA table_info({table})")]
        columns = [row[1] for row in self._fresh.execute(f"PRAGMA table_info({table})") if row[1] in known]
        if columns:
            insert = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
            rows = old.execute(f"SELECT {', '.join(columns)} FROM {table}")
            self.others += self._insert(insert, rows, ROWS[table])

    def _insert(self, insert: str, rows: Iterator[Sequence[Value]], kinds: tuple[type, ...]) -> int:
        number = 0
        with _Transaction(self._fresh):
            for row in rows:
                # A value of another kind is damaged: in its new place it would be so again.
                if all(map(isinstance, row, kinds)):
                    number += self._fresh.execute(insert, row).rowcount
        return number

    def _search_pages(self) -> None:
        """Look for what SQLite did not reach, in the pages themselves."""
        try:
            with Pages(self._path) as pages, _Transaction(self._fresh):
                log.warning("%d pages are searched for what SQLite does not reach", pages.count)
                for found in pages.records():
                    self._judge(found)
        except OSError as error:
            log.error("its pages cannot be read: %s", error)

    def _judge(self, found: Found) -> None:
        if found.rowid is not None and len(found.values) == BLOCK_COLUMNS:
            self._judge_block(found.rowid, found.values)
            return
        for table in self._partly:
            kinds = KINDS.get(table, ())
            if len(kinds) == len(found.values) and all(map(isinstance, found.values, kinds)):
                self._keep(table, found)

    def _judge_block(self, first: int, values: list[Value]) -> None:
        if not any(hole.first <= first < hole.end for hole in self._holes):
            return
        try:
            block = from_row((first, *values[1:]))  # type: ignore[arg-type]  # what is of another kind is damaged
        except DamagedRow:
            return
        if self._is_free(block.first, block.end):
            self.events += block.count
            self._fresh.execute(APPEND, to_row(block))

    def _is_free(self, first: int, end: int) -> bool:
        """Whether no row has any of these offsets yet."""
        row = self._fresh.execute(
            "SELECT first + count FROM blocks WHERE first < ? ORDER BY first DESC LIMIT 1", (end,)
        ).fetchone()
        return row is None or row[0] <= first

    def _keep(self, table: str, found: Found) -> None:
        values = found.values
        if table == "cursors":
            insert = LATER
        else:
            insert = f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(values))})"
        if found.rowid is not None:
            values = [found.rowid, *values[1:]]
        self.others += max(0, self._fresh.execute(insert, values).rowcount)

    def _tell(self, offset: int) -> None:
        if time.monotonic() > self._told + TELL_EVERY:
            self._told = time.monotonic()
            log.warning("%d events are rescued so far, up to offset %d", self.events, offset)


class _Transaction:
    """Commits what is written within, also when reading breaks off."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("COMMIT")


def _note_gaps(fresh: sqlite3.Connection) -> int:
    """Keep in mind what is missing, so that nobody takes it for new damage; how many events that is."""
    rows = fresh.execute(
        "SELECT * FROM (SELECT first + count AS gap, lead(first) OVER (ORDER BY first) AS next FROM blocks)"
        " WHERE next > gap LIMIT ?",
        (MOST_GAPS,),
    ).fetchall()
    last = fresh.execute("SELECT first + count FROM blocks ORDER BY first DESC LIMIT 1").fetchone()
    top = fresh.execute(
        "SELECT max(coalesce((SELECT max(offset) FROM cursors), 0),"
        " coalesce((SELECT value FROM meta WHERE key = 'end'), 0))"
    ).fetchone()[0]
    if last is not None and top > last[0]:
        rows.append((last[0], top))
    fresh.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (GAPS, json.dumps(rows)))
    return sum([end - first for first, end in rows])
