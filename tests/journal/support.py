"""A journal without a hub: the test's own thread does what the native threads do, step by step."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from eventd import green
from eventd.event import Block, Draft, Encoding
from eventd.journal import DeadLetter, Journal, JournalOptions, Unit
from eventd.journal.connection import connect
from eventd.journal.jobs import Chore
from eventd.journal.ledger import Changes
from eventd.journal.opening import open_journal
from eventd.journal.reader import Reader
from eventd.journal.retention import Dropped
from eventd.journal.search import Scan
from eventd.journal.writer import Job, Outcome, Writer

__all__ = ["InlineJournal", "draft", "letter", "offsets", "on_hub", "opened"]

EVERYTHING = 1 << 40


def draft(count: int = 1, body: bytes | None = None, types: tuple[str, ...] = ("a.b",)) -> Draft:
    body = b",".join([b"{}"] * count) if body is None else body
    return Draft(Encoding.JSON, count, types, body, "here")


def offsets(outcome: Outcome) -> dict[str, int]:
    """Where a commit moved consumers to."""
    assert outcome.changes is not None
    return {name: record.offset for name, record in outcome.changes.consumers.items()}


def letter(consumer: str = "handler:h", offset: int = 0, **changed: object) -> DeadLetter:
    made = DeadLetter(consumer, offset, b'{"id":"1"}', 3, 10, 20, "ValueError: no", "Traceback …")
    return msgspec.structs.replace(made, **changed)


class InlineJournal:
    """Writer and reader on one file, driven by hand."""

    def __init__(self, directory: Path, **options: object) -> None:
        self.path = directory / "journal.sqlite"
        self.options = JournalOptions(**options)  # type: ignore[arg-type]
        self.outcomes: list[Outcome] = []
        self.dropped: list[Dropped] = []
        self.open()

    def open(self) -> None:
        self.writer = Writer(
            str(self.path), self.options, lambda fn, *args: fn(*args), self.outcomes.append, self._kept
        )
        self.opened, self._lock = open_journal(str(self.path), self.writer)
        self.reader = Reader(partial(connect, str(self.path), writable=False))

    def _kept(self, dropped: Dropped | None, used: int, changes: Changes) -> None:
        self.used = used
        if dropped is not None:
            self.dropped.append(dropped)

    def commit(self, *units: Unit) -> Outcome:
        """Let the writer take all of ``units`` at once; the last outcome."""
        for unit in units:
            self.writer.submit(Job(unit, lambda outcome: None, unit.size))
        self.writer.step()
        return self.outcomes[-1]

    def append(self, *drafts: Draft) -> Outcome:
        return self.commit(Unit(drafts=list(drafts)))

    def perform(self, work: Callable[[sqlite3.Connection, Changes], object]) -> object:
        """Let the writer do a chore; what it returned."""
        told: list[tuple[object, BaseException | None]] = []
        self.writer.submit(Chore(work, lambda value, error: told.append((value, error))))
        self.writer.step()
        value, error = told[0]
        assert error is None
        return value

    def scan(self, offset: int = 0, end: int = EVERYTHING, limit: int = EVERYTHING) -> Scan:
        return self.reader.scan(offset, end, limit)

    def blocks(self) -> list[Block]:
        return self.scan().blocks

    def close(self) -> None:
        self.reader.close()
        self.writer.close()
        self.unlock()

    def unlock(self) -> None:
        os.close(self._lock)

    def reopen(self) -> None:
        self.close()
        self.open()

    def copy_to(self, directory: Path) -> Path:
        """The files as a kill at this moment would leave them."""
        directory.mkdir()
        for suffix in ("", "-wal"):
            source = Path(f"{self.path}{suffix}")
            if source.exists():
                shutil.copy(source, directory / source.name)
        return directory

    def sql(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """What another program may do to the file."""
        with sqlite3.connect(self.path, isolation_level=None) as connection:
            found = connection.execute(statement, values).fetchall()
        connection.close()
        return found


def on_hub(main: Callable[[], None]) -> None:
    """Run a test's body in a green thread."""
    green.install()
    green.run(main)


class opened:  # noqa: N801 - reads as a verb: ``with opened(path) as journal``
    """A journal with its hub's face; for a green thread."""

    def __init__(self, directory: Path, **options: object) -> None:
        self._bridge = green.Bridge()
        self.journal = Journal(directory / "journal.sqlite", self._bridge, JournalOptions(**options))  # type: ignore[arg-type]

    def __enter__(self) -> Journal:
        self.journal.open()
        return self.journal

    def __exit__(self, *_: object) -> None:
        assert self.journal.close(5)
        self._bridge.close()
