"""What was given up is kept with everything that is needed to judge it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.journal.connection import connect
from eventd.journal.deadletters import Letters, bury, count, list_letters, remove
from eventd.journal.schema import prepare
from tests.journal.support import letter


@pytest.fixture
def connection(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = connect(str(tmp_path / "j"))
    prepare(made, "")
    yield made
    made.close()


def test_they_come_back_whole(connection: sqlite3.Connection, tmp_path: Path) -> None:
    letters = [letter("handler:a", 1), letter("handler:b", 1), letter("handler:a", 7)]
    bury(connection, letters, {})
    reader = connect(str(tmp_path / "j"), writable=False)

    for number, made in enumerate(letters, 1):
        made.id = number
    assert list_letters(connection, Letters()) == letters
    assert list_letters(reader, Letters()) == letters
    assert list_letters(reader, Letters(consumer="handler:a")) == [letters[0], letters[2]]
    assert list_letters(reader, Letters(after=1, limit=1)) == [letters[1]]
    assert count(connection) == {"handler:a": 2, "handler:b": 1}
    reader.close()


def test_giving_up_again_replaces_but_keeps_the_first_time(connection: sqlite3.Connection) -> None:
    bury(connection, [letter(first_time=1, last_time=2, reason="old")], {})
    bury(connection, [letter(first_time=5, last_time=6, reason="new")], {})

    (found,) = list_letters(connection, Letters())
    assert (found.first_time, found.last_time, found.reason) == (1, 6, "new")


def test_a_traceback_may_quote_anything(connection: sqlite3.Connection) -> None:
    bury(connection, [letter(reason="\udc80 \0", traceback="\ud800")], {})

    assert list_letters(connection, Letters())[0].traceback == "\\ud800"


def test_an_id_is_never_given_again(connection: sqlite3.Connection) -> None:
    numbers: dict[str, int] = {}
    bury(connection, [letter(offset=1), letter(offset=2)], numbers)
    remove(connection, [2, 1], numbers)
    bury(connection, [letter(offset=3), letter(offset=4)], numbers)
    bury(connection, [letter(offset=3, reason="again")], numbers)

    assert [(found.id, found.offset) for found in list_letters(connection, Letters())] == [(3, 3), (4, 4)]
    assert remove(connection, [1, 2], numbers) == {}
    assert numbers == {"handler:h": 2}
