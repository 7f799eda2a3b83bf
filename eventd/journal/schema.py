"""The tables of the journal, their version, and the SQL that writes them.

docs/journal.md says what the columns mean. A change here is a new version there, and a
step in ``UPGRADES`` that brings the version before it up to date.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from typing import NamedTuple

from eventd.errors import JournalUnavailable

__all__ = [
    "APPEND",
    "BURY",
    "COUNT",
    "DELETE_STATE",
    "MOVE",
    "SET_STATE",
    "VERSION",
    "Identity",
    "prepare",
    "renew",
]

VERSION = 2
#: "evtd": tells the file apart from other programs' databases.
APPLICATION_ID = 0x65767464

TABLES = """
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
CREATE TABLE cursors (
    consumer TEXT PRIMARY KEY,
    offset INTEGER NOT NULL,
    above BLOB NOT NULL DEFAULT x'90',
    settled INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    passed INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
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
    type TEXT NOT NULL DEFAULT '',
    UNIQUE (consumer, offset)
);
CREATE INDEX dead_letters_time ON dead_letters (last_time);
CREATE INDEX dead_letters_type ON dead_letters (type);
CREATE TABLE state (
    consumer TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (consumer, key)
) WITHOUT ROWID;
CREATE TABLE books (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""

#: Version → the SQL that makes the next version of it. Version 1 is the first.
UPGRADES: dict[int, str] = {
    1: """
ALTER TABLE cursors ADD COLUMN above BLOB NOT NULL DEFAULT x'90';
ALTER TABLE cursors ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursors ADD COLUMN dead INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursors ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursors ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE cursors SET dead = (SELECT count(*) FROM dead_letters WHERE dead_letters.consumer = cursors.consumer);
UPDATE cursors SET since = max(0, offset - dead);
ALTER TABLE dead_letters ADD COLUMN type TEXT NOT NULL DEFAULT '';
UPDATE dead_letters SET type = coalesce(json_extract(CAST(event AS TEXT), '$.type'), '')
    WHERE json_valid(CAST(event AS TEXT));
CREATE INDEX dead_letters_time ON dead_letters (last_time);
CREATE INDEX dead_letters_type ON dead_letters (type);
CREATE TABLE state (
    consumer TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (consumer, key)
) WITHOUT ROWID;
CREATE TABLE books (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
""",
}

APPEND = "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
MOVE = "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?)"
#: An event that was given up before and is given up again has one dead letter, the newer.
BURY = """
INSERT INTO dead_letters (id, consumer, offset, event, attempts, first_time, last_time, reason, traceback, type)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (consumer, offset) DO UPDATE SET event = excluded.event, attempts = excluded.attempts,
    last_time = excluded.last_time, reason = excluded.reason, traceback = excluded.traceback
"""
SET_STATE = "INSERT OR REPLACE INTO state VALUES (?, ?, ?)"
DELETE_STATE = "DELETE FROM state WHERE consumer = ? AND key = ?"
COUNT = "INSERT OR REPLACE INTO books VALUES (?, ?)"


class Identity(NamedTuple):
    """Whose journal it is, and which sequence of offsets."""

    node: str
    epoch: str


def prepare(connection: sqlite3.Connection, node: str) -> Identity:
    """Make the tables where there are none, bring older ones up to date, and say whose they are.

    :raises JournalUnavailable: when the file is another program's or of a later version.
    """
    version = _pragma(connection, "user_version")
    if version == 0 and not _tables(connection):
        _script(connection, TABLES, VERSION)
        _name(connection, node)
        version = VERSION
    elif _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalUnavailable("the file is a database of another program", hint="set another state_dir")
    elif version > VERSION:
        raise JournalUnavailable(
            f"the journal has format {version}, this eventd knows formats up to {VERSION}",
            hint="start the newer eventd that wrote it, or set another state_dir",
        )
    for old in range(max(version, 1), VERSION):
        _script(connection, UPGRADES[old], old + 1)
    return _identity(connection)


def renew(connection: sqlite3.Connection) -> None:
    """Give the sequence of offsets another name: some of them will be given a second time."""
    connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (secrets.token_hex(8),))


def _script(connection: sqlite3.Connection, sql: str, version: int) -> None:
    """Run statements all or nothing, so that a kill leaves the version before or the one after."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in filter(str.strip, sql.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _name(connection: sqlite3.Connection, node: str) -> None:
    rows = [("node", node), ("epoch", secrets.token_hex(8)), ("created", time.time_ns())]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def _identity(connection: sqlite3.Connection) -> Identity:
    meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('node', 'epoch')"))
    if "epoch" not in meta:
        # Killed between making the tables and naming them.
        _name(connection, meta.get("node", ""))
        return _identity(connection)
    return Identity(meta["node"], meta["epoch"])


def _tables(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
