"""The tables are made once, whole or not at all, and never touched by the wrong version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.journal import schema
from eventd.journal.connection import connect


@pytest.fixture
def connection(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = connect(str(tmp_path / "j"))
    yield made
    made.close()


def test_the_identity_stays(connection: sqlite3.Connection) -> None:
    made = schema.prepare(connection, "north")

    assert made.node == "north"
    assert schema.prepare(connection, "renamed") == made


def test_two_journals_have_two_epochs(tmp_path: Path, connection: sqlite3.Connection) -> None:
    other = connect(str(tmp_path / "other"))

    assert schema.prepare(connection, "").epoch != schema.prepare(other, "").epoch
    other.close()


def test_a_kill_before_the_name_is_made_good(connection: sqlite3.Connection) -> None:
    schema.prepare(connection, "north")
    connection.execute("DELETE FROM meta")

    assert schema.prepare(connection, "").epoch


def test_a_kill_while_making_leaves_nothing(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "TABLES", schema.TABLES + "CREATE NONSENSE")
        with pytest.raises(sqlite3.OperationalError):
            schema.prepare(connection, "")

    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert schema.prepare(connection, "").epoch


def test_a_later_version_is_refused(connection: sqlite3.Connection) -> None:
    schema.prepare(connection, "")
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")

    with pytest.raises(JournalUnavailable, match="has format 3"):
        schema.prepare(connection, "")


def test_another_programs_database_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE music (title)")

    with pytest.raises(JournalUnavailable, match="another program"):
        schema.prepare(connection, "")


def test_an_older_version_is_brought_up_to_date(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = schema.prepare(connection, "north")
    connection.execute("PRAGMA user_version = 1")
    monkeypatch.setattr(schema, "VERSION", 3)
    monkeypatch.setattr(schema, "UPGRADES", {1: "CREATE TABLE two (x)", 2: "CREATE TABLE three (x)"})

    assert schema.prepare(connection, "") == made
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('two', 'three')").fetchone() == (2,)


def test_the_page_shows_the_tables_as_they_are(root: Path) -> None:
    page = (root / "docs" / "journal.md").read_text()
    shown = "\n".join(line.split("--")[0].rstrip() for line in page.split("```sql\n")[1].split("```")[0].splitlines())

    assert shown.split() == schema.TABLES.split()
