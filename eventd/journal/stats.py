"""Counts what is in a journal. It reads the rows' heads, and bodies only where a row has several types."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from eventd.errors import JournalUnavailable
from eventd.event import Block

from .connection import connect, unavailable
from .deadletters import count
from .ledger import RECORDS, record_of
from .reader import Reader
from .retention import used_bytes
from .schema import VERSION
from .unit import ConsumerRecord

__all__ = ["Stats", "collect"]

HEADS = (
    "SELECT first, count, received, encoding, types, length(body) FROM blocks WHERE first >= ? ORDER BY first LIMIT ?"
)
#: Rows whose heads are read in one transaction.
STEP_ROWS = 2000
#: Seconds for which a rate is told.
WINDOWS = {"minute": 60, "hour": 3600, "day": 86400}
SECOND = 1_000_000_000

#: Type → events, of a row with several types.
CountTypes = Callable[[Block], Iterable[str]]


class Stats(msgspec.Struct):
    """A journal in numbers."""

    path: str
    node: str = ""
    epoch: str = ""
    #: Of the file, of its WAL, and of the pages in use.
    file_bytes: int = 0
    wal_bytes: int = 0
    used_bytes: int = 0
    body_bytes: int = 0
    rows: int = 0
    events: int = 0
    first: int = 0
    end: int = 0
    #: When the oldest and the newest row came: nanoseconds since 1970 UTC.
    oldest: int = 0
    newest: int = 0
    #: Events in the last minute, hour and day.
    recent: dict[str, int] = {}
    types: dict[str, int] = {}
    encodings: dict[int, int] = {}
    consumers: dict[str, ConsumerRecord] = {}
    dead: dict[str, int] = {}
    books: dict[str, int] = {}
    #: Events in rows that could not be read.
    damaged: int = 0


def collect(path: str, count_types: CountTypes, progress: Callable[[int, int], object] | None = None) -> Stats:
    """Count all of it; ``count_types`` gives the type of each event of a block.

    :raises JournalUnavailable: when it cannot be read.
    """
    stats = Stats(path)
    try:
        connection = connect(path, writable=False)
        try:
            _Counting(connection, Reader(partial(connect, path, writable=False)), stats, count_types).run(progress)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise unavailable(error, "read") from error
    return stats


class _Counting:
    """One look at the heads of all rows."""

    def __init__(
        self, connection: sqlite3.Connection, reader: Reader, stats: Stats, count_types: CountTypes
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._stats = stats
        self._count_types = count_types
        self._types: Counter[str] = Counter()
        self._encodings: Counter[int] = Counter()
        self._now = time.time_ns()

    def run(self, progress: Callable[[int, int], object] | None) -> None:
        self._head()
        stats = self._stats
        stats.recent = dict.fromkeys(WINDOWS, 0)
        last = self._connection.execute("SELECT first FROM blocks ORDER BY first DESC LIMIT 1").fetchone()
        position, begin = -1, None
        while rows := self._connection.execute(HEADS, (position, STEP_ROWS)).fetchall():
            for row in rows:
                self._row(*row)
            begin = rows[0][0] if begin is None else begin
            position = rows[-1][0] + 1
            if progress is not None and last is not None:
                progress(position - begin, max(1, last[0] + 1 - begin))
        stats.first = begin or 0
        stats.types = dict(self._types.most_common())
        stats.encodings = dict(sorted(self._encodings.items()))
        self._reader.close()

    def _head(self) -> None:
        stats, connection = self._stats, self._connection
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise JournalUnavailable(
                f"the journal has format {version}, and these numbers are of format {VERSION}",
                hint="a daemon of this version brings an older one up to date when it starts",
            )
        meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('node', 'epoch')").fetchall())
        stats.node, stats.epoch = (meta.get(key, b"").decode() for key in (b"node", b"epoch"))
        stats.file_bytes, stats.wal_bytes = _size(stats.path), _size(stats.path + "-wal")
        stats.used_bytes = used_bytes(connection)
        stats.consumers = dict(map(record_of, connection.execute(RECORDS)))
        stats.dead = {_text(name): number for name, number in count(connection).items()}
        stats.books = {_text(name): number for name, number in connection.execute("SELECT name, count FROM books")}

    def _row(self, first: int, number: int, received: int, encoding: int, types: bytes, length: int) -> None:
        stats = self._stats
        stats.rows += 1
        stats.events += number
        stats.end = first + number
        stats.body_bytes += length
        stats.oldest = stats.oldest or received
        stats.newest = received
        self._encodings[encoding] += number
        for name, seconds in WINDOWS.items():
            if received > self._now - seconds * SECOND:
                stats.recent[name] += number
        self._count(first, number, types)

    def _count(self, first: int, number: int, types: bytes) -> None:
        try:
            names = msgspec.json.decode(types, type=list[str])
        except msgspec.DecodeError:
            self._stats.damaged += number
            return
        if len(names) == 1:
            self._types[names[0]] += number
            return
        for block in self._reader.scan(first, first + 1, 1).blocks:
            self._types.update(self._count_types(block))
            return
        self._stats.damaged += number


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
