"""Looks through a whole journal for damage, and changes nothing.

It reads with a connection of its own, in many short transactions, so that a daemon may
write all the while; only SQLite's own check is one long transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from functools import partial

import msgspec

from eventd.errors import JournalUnavailable
from eventd.event import Block

from .connection import connect, unavailable
from .ledger import RECORDS, record_of
from .mending import is_damage
from .reader import Reader
from .rescue import GAPS
from .schema import APPLICATION_ID, VERSION
from .search import Hole

__all__ = ["Problem", "Progress", "Verified", "verify"]

#: Bytes of bodies that are read in one transaction.
READ_BYTES = 4 << 20
#: SQLite's check ends after so many lines.
MOST_LINES = 100
#: After so many instructions of SQLite's, progress is told.
TICK = 1_000_000

#: Told how much of how much is done, and of what.
Progress = Callable[[str, int, int], object]


class Problem(msgspec.Struct, frozen=True):
    """Something that is not as it was written; ``first`` and ``end`` where it concerns offsets."""

    kind: str
    why: str
    first: int | None = None
    end: int | None = None


class Verified(msgspec.Struct):
    """What was looked at, and what was found."""

    path: str
    rows: int = 0
    events: int = 0
    first: int = 0
    end: int = 0
    #: Events that an earlier rescue did not find: known, and not counted as damage.
    lost: int = 0
    problems: list[Problem] = []

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(path: str, *, thorough: bool = True, progress: Progress | None = None) -> Verified:
    """Check rows, order, consumers and dead letters; with ``thorough`` also SQLite's own structures.

    :raises JournalUnavailable: when it cannot be read for another reason than damage.
    """
    found = Verified(path)
    try:
        connection = connect(path, writable=False)
        try:
            _Verification(path, connection, found, progress or _silent).run(thorough)
        finally:
            connection.close()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise unavailable(error, "read") from error
        found.problems.append(Problem("database", str(error)))
    return found


def _silent(what: str, done: int, total: int) -> None:
    """Nobody wants to know."""


class _Verification:
    """One look through one journal."""

    def __init__(self, path: str, connection: sqlite3.Connection, found: Verified, progress: Progress) -> None:
        self._path = path
        self._connection = connection
        self._found = found
        self._progress = progress
        self._known: list[tuple[int, int]] = []

    def run(self, thorough: bool) -> None:
        self._check_head()
        if self._found.problems:
            return
        checks = {
            "meta": self._note_known,
            "rows": self._check_rows,
            "consumer": self._check_consumers,
            "dead_letter": self._check_letters,
            "structure": self._check_structure,
        }
        for kind, check in checks.items():
            if thorough or kind != "structure":
                self._try(kind, check)

    def _try(self, kind: str, check: Callable[[], None]) -> None:
        """One table that SQLite refuses must not hide what is wrong with the others."""
        try:
            check()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._tell(kind, str(error))

    def _tell(self, kind: str, why: str, first: int | None = None, end: int | None = None) -> None:
        self._found.problems.append(Problem(kind, why, first, end))

    def _value(self, sql: str) -> int | None:
        row = self._connection.execute(sql).fetchone()
        return None if row is None else row[0]

    def _check_head(self) -> None:
        if self._value("PRAGMA application_id") != APPLICATION_ID:
            self._tell("database", "it is not a journal of eventd's, or its head is damaged")
        elif (version := self._value("PRAGMA user_version") or 0) > VERSION:
            self._tell("database", f"it has format {version}, this eventd knows formats up to {VERSION}")

    def _note_known(self) -> None:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (GAPS,)).fetchone()
        self._known = [(first, end) for first, end in json.loads(row[0])] if row else []
        self._found.lost = sum([end - first for first, end in self._known])

    def _check_rows(self) -> None:
        found, reader = self._found, Reader(partial(connect, self._path, writable=False))
        found.first = found.end = position = self._value("SELECT first FROM blocks ORDER BY first LIMIT 1") or 0
        last = self._value("SELECT first FROM blocks ORDER BY first DESC LIMIT 1")
        try:
            while last is not None and position <= last:
                scan = reader.scan(position, last + 1, READ_BYTES)
                for hole in scan.holes:
                    self._hole(hole)
                for block in scan.blocks:
                    self._follow(block)
                position = max(scan.upto, found.end)
                self._progress("rows", position - found.first, last + 1 - found.first)
        except JournalUnavailable as error:
            if error.__cause__ is None or not is_damage(error.__cause__):
                raise
            self._tell("rows", str(error), position)
        finally:
            reader.close()

    def _hole(self, hole: Hole) -> None:
        self._tell("rows", hole.why, hole.first, hole.end)

    def _follow(self, block: Block) -> None:
        """Whether a row begins where the one before it ended."""
        found = self._found
        if block.first < found.end:
            self._tell("overlap", "two rows have the same offsets", block.first, found.end)
        elif block.first > found.end and not self._accounted(found.end, block.first):
            self._tell("gap", "no row has these offsets", found.end, block.first)
        found.rows += 1
        found.events += block.count
        found.end = max(found.end, block.end)

    def _accounted(self, first: int, end: int) -> bool:
        """Whether a gap was told as damaged rows, is known from a rescue, or was made by retention just now."""
        told = any(p.kind == "rows" and p.first is not None and p.end is not None and p.first <= first and end <= p.end
                   for p in self._found.problems)
        known = any(begin <= first and end <= over for begin, over in self._known)
        return told or known or (self._value("SELECT first FROM blocks ORDER BY first LIMIT 1") or 0) >= end

    def _check_consumers(self) -> None:
        known_end = max([self._found.end, self._value("SELECT value FROM meta WHERE key = 'end'") or 0])
        for name, record in map(record_of, self._connection.execute(RECORDS)):
            numbers = [record.offset, record.settled, record.dead, record.passed, record.since]
            if not all(isinstance(number, int) for number in numbers):
                self._tell("consumer", f"{name}: its record is damaged")
            elif record.offset > known_end and not self._accounted(known_end, record.offset):
                # Rows may have come since the rows were counted.
                newest = self._value("SELECT first + count FROM blocks ORDER BY first DESC LIMIT 1") or 0
                if record.offset > newest:
                    self._tell("consumer", f"{name}: it is at offset {record.offset}, behind the last event")

    def _check_letters(self) -> None:
        for number, event in self._connection.execute("SELECT id, event FROM dead_letters"):
            try:
                msgspec.json.decode(event)
            except (msgspec.DecodeError, TypeError):
                self._tell("dead_letter", f"the event of dead letter {number} cannot be read")

    def _check_structure(self) -> None:
        """SQLite's own check: pages, order, indexes."""
        ticks = [0]

        def tick() -> int:
            ticks[0] += 1
            self._progress("structure", ticks[0], 0)
            return 0

        self._connection.set_progress_handler(tick, TICK)
        for (line,) in self._connection.execute(f"PRAGMA integrity_check({MOST_LINES})").fetchall():
            text = line.decode(errors="replace") if isinstance(line, bytes) else str(line)
            if text != "ok":
                self._tell("structure", text)
        self._connection.set_progress_handler(None, 0)
