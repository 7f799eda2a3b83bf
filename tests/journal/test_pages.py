"""Every record that SQLite wrote is read back from the bare pages; whatever else is there does no harm."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventd.journal.connection import PAGE_SIZE
from eventd.journal.pages import Found, Pages

VALUES = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50),
    st.binary(max_size=50),
    st.integers(0, 60000).map(bytes),
)


def written(path: Path, rows: list[tuple[int, object, object]], wal: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    if wal:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")
    return connection


def read(path: Path) -> list[Found]:
    with Pages(str(path)) as pages:
        return list(pages.records())


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(-(1 << 63), (1 << 63) - 1), st.tuples(VALUES, VALUES), max_size=20))
def test_all_rows_of_a_table_are_found(tmp_path_factory: pytest.TempPathFactory, rows: dict[int, object]) -> None:
    path = tmp_path_factory.mktemp("pages") / "t.sqlite"
    given = [(rowid, *values) for rowid, values in rows.items()]  # type: ignore[misc]
    written(path, given).close()

    found = [(each.rowid, *each.values[1:]) for each in read(path) if len(each.values) == 3]

    assert sorted(map(repr, found)) == sorted(map(repr, given))


def test_an_index_like_table_is_read_on_all_its_levels(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    connection = written(path, [])
    connection.execute("CREATE TABLE s (k TEXT, n INTEGER, v BLOB, PRIMARY KEY (k, n)) WITHOUT ROWID")
    rows = [(f"key{number:05}", number, b"x" * (number % 300)) for number in range(3000)]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO s VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()

    assert sorted(tuple(each.values) for each in read(path) if each.rowid is None) == rows


def test_what_is_in_the_wal_is_found_and_what_was_not_committed_is_not(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    connection = written(path, [(number, "kept", bytes(9000)) for number in range(20)], wal=True)
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO t VALUES (?, 'open', zeroblob(9000))", [(n,) for n in range(100, 300)])

    found = [each.values[1] for each in read(path) if len(each.values) == 3]

    assert found == ["kept"] * 20
    connection.rollback()
    connection.close()


def test_garbage_gives_no_error(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    written(path, [(number, "a" * 100, bytes(number)) for number in range(500)]).close()
    raw = bytearray(path.read_bytes())
    chance = random.Random(1)
    for _ in range(30):
        for _ in range(200):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        path.write_bytes(raw)
        read(path)


def test_a_chain_of_pages_in_a_circle_ends(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    written(path, [(1, None, bytes(100000))]).close()
    raw = bytearray(path.read_bytes())
    for page in range(2, len(raw) // PAGE_SIZE):
        if raw[page * PAGE_SIZE] == 0:
            raw[page * PAGE_SIZE : page * PAGE_SIZE + 4] = (page + 1).to_bytes(4, "big")
    path.write_bytes(raw)

    assert len([each for each in read(path) if len(each.values) == 3]) <= 1
