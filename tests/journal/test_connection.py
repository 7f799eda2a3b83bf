"""Connections are set up as docs/journal.md says, and their errors are told with a hint."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.journal.connection import PAGE_SIZE, connect, lock, unavailable


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@pytest.mark.parametrize(("fsync", "synchronous"), [(True, 2), (False, 1)])
def test_a_writer_is_durable_and_leaves_the_wal_to_the_checkpointer(
    tmp_path: Path, fsync: bool, synchronous: int
) -> None:
    connection = connect(str(tmp_path / "j"), fsync=fsync)

    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == synchronous
    assert pragma(connection, "page_size") == PAGE_SIZE
    assert pragma(connection, "wal_autocheckpoint") == 0
    assert pragma(connection, "secure_delete") == 0
    connection.close()


def test_events_are_not_for_everybody_to_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        connection = connect(str(tmp_path / "j"))
        connection.execute("CREATE TABLE t (x)")
        assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
            "j": 0o640, "j-wal": 0o640, "j-shm": 0o640,
        }  # fmt: skip
    finally:
        os.umask(before)
    connection.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    connect(str(tmp_path / "j")).close()
    reader = connect(str(tmp_path / "j"), writable=False)

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("CREATE TABLE t (x)")
    reader.close()


def test_a_path_may_have_any_characters(tmp_path: Path) -> None:
    path = tmp_path / "a?b=c #%20"
    connect(str(path)).close()

    assert path.exists()


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        connect(str(tmp_path / "j"), writable=False)
    assert list(tmp_path.iterdir()) == []


def test_only_one_has_the_lock(tmp_path: Path) -> None:
    handle = lock(str(tmp_path / "j"))

    with pytest.raises(JournalUnavailable, match="in use by another process"):
        lock(str(tmp_path / "j"))

    os.close(handle)
    os.close(lock(str(tmp_path / "j")))


def test_an_error_has_a_hint(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        connect(str(tmp_path / "missing" / "j"))

    assert "state_dir must exist" in str(unavailable(caught.value))
    assert unavailable(OSError()).message.endswith("OSError")
