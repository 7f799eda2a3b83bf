"""Readers answer what the hub asks of the database."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.journal import Unit
from eventd.journal.connection import connect
from eventd.journal.deadletters import Letters, list_letters
from eventd.journal.reader import Reader
from tests.journal.support import EVERYTHING, InlineJournal, draft, letter


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = InlineJournal(tmp_path)
    for number in range(10):
        made.append(draft(2, body=b"%d" % number * 10))
    yield made
    made.close()


def test_a_disk_that_does_not_answer_is_no_hole(tmp_path: Path) -> None:
    def connection() -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(JournalUnavailable, match="disk I/O error"):
        Reader(connection).scan(0, 10, 100)


def test_the_newest_are_what_fits(journal: InlineJournal) -> None:
    assert [block.first for block in journal.reader.newest(20, 600).blocks] == [14, 16, 18]
    assert len(journal.reader.newest(20, EVERYTHING).blocks) == 10
    assert journal.reader.newest(20, 0).blocks[-1].first == 18


def test_a_moment_is_the_first_offset_received_then_or_later(journal: InlineJournal) -> None:
    received = [block.received for block in journal.blocks()]

    assert journal.reader.offset_at(0, 0, 20) == 0
    assert journal.reader.offset_at(received[3], 0, 20) == 6
    assert journal.reader.offset_at(received[3] + 1, 0, 20) == 8
    assert journal.reader.offset_at(received[-1] + 1, 0, 20) == 20


def test_it_opens_its_connection_when_it_is_needed(tmp_path: Path) -> None:
    reader = Reader(partial(connect, str(tmp_path / "missing"), writable=False))

    reader.close()
    with pytest.raises(JournalUnavailable):
        reader.scan(0, 1, 1)


def test_cursors_and_dead_letters_are_read(journal: InlineJournal) -> None:
    journal.commit(Unit(cursors={"a": 3}, dead=[letter("a", 1), letter("b", 1)]))

    assert journal.reader.cursors() == {"a": 3}
    found = journal.reader.ask(lambda connection: list_letters(connection, Letters(consumer="b")))
    assert [each.consumer for each in found] == ["b"]
