"""What happened as seen from outside the daemon, in one SQLite database.

Publishers write down each event before it is sent and what became of it; afterwards the
consumers' notes and the whole journal, as the daemon tells it, are put beside that. It
judges nothing: that is done by ``verdicts``.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.support.daemon import DaemonProcess, UnixHTTPConnection
from tests.system.oracle.plugin import INPUT, OUTPUT, digest

__all__ = ["ACKNOWLEDGED", "REFUSED", "UNKNOWN", "Ledger"]

#: What became of an event: no answer came, it was acknowledged, it was refused.
UNKNOWN, ACKNOWLEDGED, REFUSED = 0, 1, 2

TABLES = """
CREATE TABLE sent (id TEXT PRIMARY KEY, poison INT, digest TEXT, fate INT DEFAULT 0) WITHOUT ROWID;
CREATE TABLE stored (offset INT, id TEXT, key TEXT);
CREATE TABLE handled (consumer TEXT, id TEXT, digest TEXT, offset INT);
CREATE TABLE derived (consumer TEXT, id TEXT, key TEXT, count INT);
"""
INDEXES = """
CREATE INDEX stored_id ON stored (id);
CREATE INDEX handled_id ON handled (consumer, id);
CREATE INDEX derived_id ON derived (consumer, id);
"""
#: Seconds without a line after which the daemon is taken for stuck while it tells its journal.
SILENCE = 60


class Ledger:
    """The books of the outside; publishers' threads may use it at the same time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        # Only this process reads it, and it dies with the test: nothing has to be synced.
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES)

    def sent(self, events: Iterable[tuple[dict[str, Any], str | None, str | None]]) -> None:
        """Note events, each as its data, id and subject, before they are sent."""
        rows = [(data["id"], data["poison"], digest(data, id, subject)) for data, id, subject in events]
        self._insert("INSERT INTO sent (id, poison, digest) VALUES (?, ?, ?)", rows)

    def settle(self, ids: Iterable[str], fate: int) -> None:
        """Note what became of events."""
        self._insert("UPDATE sent SET fate = ? WHERE id = ?", [(fate, id) for id in ids])

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """What a query finds."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def count(self, sql: str, *values: Any) -> int:
        """The one number that a query gives."""
        return int(self.rows(sql, *values)[0][0])

    def gather(self, notes: Path, daemon: DaemonProcess) -> None:
        """Read all that consumers noted, and all that is in the journal."""
        for file in notes.glob("*.notes"):
            rows = ((file.stem, *row) for row in _lines(file))
            self._insert("INSERT INTO handled VALUES (?, ?, ?, ?)", rows)
        for offset, type_, data in _journal(daemon):
            if type_ == INPUT:
                self._insert("INSERT INTO stored VALUES (?, ?, ?)", [(offset, data["id"], data["key"])])
            else:
                row = (type_.removeprefix(OUTPUT + "."), data["of"], data["key"], data["count"])
                self._insert("INSERT INTO derived VALUES (?, ?, ?, ?)", [row])
        self._db.executescript(INDEXES)

    def _insert(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._lock:
            self._db.execute("BEGIN")
            self._db.executemany(sql, rows)
            self._db.execute("COMMIT")


def _lines(file: Path) -> Iterator[list[Any]]:
    """The lines that are whole: the consumer that tore one was killed, and sees the events again."""
    with file.open("rb") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            yield row


def _journal(daemon: DaemonProcess) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Offset, type and data of the oracle's events in the journal."""
    connection = UnixHTTPConnection(daemon.socket, timeout=SILENCE)
    connection.request("GET", f"/api/v1/events?types={INPUT}&types={OUTPUT}.>&from=earliest&follow=0")
    response = connection.getresponse()
    assert response.status == 200, response.read()
    for line in response:
        if line.strip():
            event = json.loads(line)
            yield event["eventdoffset"], event["type"], event["data"]
    connection.close()
