"""Ids are known for the window, in memory and in the table, and for not much longer."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.journal import Unit
from eventd.journal.connection import connect
from eventd.journal.recent import STEP, Recent, find, newest, prune, remember, slot_width
from eventd.journal.schema import prepare
from tests.journal.support import InlineJournal, draft

SECOND = 1_000_000_000


@pytest.fixture
def connection(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = connect(str(tmp_path / "j"))
    prepare(made, "")
    yield made
    made.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now


def test_a_slot_is_a_part_of_the_window_but_not_less_than_a_second() -> None:
    assert [slot_width(window) for window in (0.0, 0.1, 8.0, 80.0)] == [0, SECOND, SECOND, 10 * SECOND]


def test_the_first_event_with_an_id_is_found(connection: sqlite3.Connection) -> None:
    remember(connection, [(10, b"b", 1), (10, b"a", 2), (10, b"b", 3), (20, b"c", 4)])

    assert find(connection, [b"a", b"b", b"c", b"d"], 0) == {b"a": 2, b"b": 1, b"c": 4}
    assert find(connection, [b"a", b"c"], 11) == {b"c": 4}
    assert newest(connection, 0, 1) == [(20, b"c", 4)]
    assert [row[0] for row in newest(connection, 0, 9)] == [10, 10, 20]


def test_old_slots_go_in_steps(connection: sqlite3.Connection) -> None:
    remember(connection, [(n % 3, n.to_bytes(4), n) for n in range(2 * STEP)])

    steps = 1
    while prune(connection, 2):
        steps += 1

    assert steps == 2
    assert connection.execute("SELECT DISTINCT slot FROM recent").fetchall() == [(2,)]
    assert not prune(connection, 2)


def test_a_unit_brings_the_ids_of_its_events(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path, dedupe_window=60.0)
    journal.append(draft(5))

    journal.commit(Unit(drafts=[draft(2), draft(1)], recent=[(b"x", 0), (b"y", 2)]), Unit(recent=[]))

    assert journal.reader.ask(lambda reading: find(reading, [b"x", b"y"], 0)) == {b"x": 5, b"y": 7}
    journal.close()


def test_without_a_window_no_id_is_kept(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)

    journal.commit(Unit(drafts=[draft()], recent=[(b"x", 0)]))

    assert journal.sql("SELECT * FROM recent") == []
    assert not Recent(0, 10).on
    journal.close()


def test_memory_knows_the_window_and_forgets_what_is_older() -> None:
    clock = Clock()
    recent = Recent(80.0, 1000, clock)

    recent.add([(clock.now, b"a", 1)])
    clock.now += 60 * SECOND
    recent.add([(clock.now, b"b", 2), (clock.now, b"b", 3)])
    assert (recent.get(b"a"), recent.get(b"b"), recent.get(b"c")) == (1, 2, None)
    clock.now += 40 * SECOND
    assert (recent.get(b"a"), recent.get(b"b")) == (None, 2)
    assert recent.complete


def test_over_its_limit_memory_says_that_it_is_not_complete() -> None:
    clock = Clock()
    recent = Recent(80.0, 100, clock)

    recent.add([(clock.now, bytes([n]), n) for n in range(150)])

    assert recent.get(b"\0") is None
    assert recent.get(bytes([149])) == 149
    assert not recent.complete
    clock.now += 100 * SECOND
    assert recent.complete
