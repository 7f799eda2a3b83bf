"""The tables are made once, whole or not at all, and never touched by the wrong version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.event import Block, Encoding
from eventd.journal import ConsumerRecord, Letters, Move, Unit, schema
from eventd.journal.connection import connect
from eventd.journal.deadletters import list_letters
from eventd.journal.record import to_row
from tests.journal.support import InlineJournal


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


#: The tables of format 1, as it wrote them.
TABLES_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE blocks (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    received INTEGER NOT NULL,
    encoding INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    types TEXT NOT NULL,
    origin TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE cursors (consumer TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY,
    consumer TEXT NOT NULL,
    offset INTEGER NOT NULL,
    event BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    reason TEXT NOT NULL,
    traceback TEXT NOT NULL,
    UNIQUE (consumer, offset)
);
"""


def written_by_format_1(path: Path) -> None:
    """A journal of the first version, with the rows that it wrote."""
    with connect(str(path)) as connection:
        connection.executescript(TABLES_1)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [("node", "north"), ("epoch", "e1"), ("created", 1)])
        block = Block(0, 9, Encoding.JSON, ("a.b",), 5, b"{}")
        connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", to_row(block))
        connection.execute("INSERT INTO cursors VALUES ('handler:a', 7)")
        connection.executemany(
            "INSERT INTO dead_letters VALUES (?, 'handler:a', ?, ?, 3, 10, 20, 'no', '')",
            [(1, 3, b'{"type":"a.b"}'), (2, 4, b"{}"), (3, 5, b"\xff not JSON")],
        )
    connection.close()


def test_a_journal_of_format_1_goes_on(tmp_path: Path) -> None:
    written_by_format_1(tmp_path / "journal.sqlite")

    for _ in range(2):
        journal = InlineJournal(tmp_path)
        assert journal.opened.identity == ("north", "e1")
        assert (journal.opened.end, journal.opened.dead) == (9, {"handler:a": 3})
        assert journal.opened.consumers == {"handler:a": ConsumerRecord(7, dead=3, since=4)}
        letters = journal.reader.ask(lambda connection: list_letters(connection, Letters()))
        assert [(found.id, found.type) for found in letters] == [(1, "a.b"), (2, ""), (3, "")]
        journal.close()

    journal.open()
    journal.commit(Unit(moves={"handler:a": Move(9, settled=3, dead=-1)}, expect={"handler:a": 7}, raised=[2]))
    assert journal.reader.consumers() == {"handler:a": ConsumerRecord(9, (), 3, 2, 0, since=4)}
    journal.close()


def columns(path: Path) -> dict[str, object]:
    """What tables and indexes a journal has."""
    connection = connect(str(path))
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE sql IS NOT NULL")]
    found: dict[str, object] = {name: connection.execute(f"PRAGMA table_xinfo({name})").fetchall() for name in names}
    connection.close()
    return found


def test_a_journal_that_was_brought_up_to_date_is_like_a_new_one(tmp_path: Path) -> None:
    written_by_format_1(tmp_path / "old")
    for name in ("old", "new"):
        connection = connect(str(tmp_path / name))
        schema.prepare(connection, "")
        connection.close()

    assert columns(tmp_path / "old") == columns(tmp_path / "new")


def test_the_page_shows_the_tables_as_they_are(root: Path) -> None:
    page = (root / "docs" / "journal.md").read_text()
    shown = "\n".join(line.split("--")[0].rstrip() for line in page.split("```sql\n")[1].split("```")[0].splitlines())

    assert shown.split() == schema.TABLES.split()
