"""What handlers keep: key and value by consumer, written with their units and read here.

Values are bytes to the journal. What is read is what is committed; a handler's own
writes that are not are laid over it by whoever runs the handler.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from typing import TypeVar

from eventd.errors import JournalUnavailable
from eventd.green import Worker

from .reader import Reader

__all__ = ["Questions", "StateStore"]

T = TypeVar("T")

GET = "SELECT value FROM state WHERE consumer = ? AND key = ?"
#: An end of ``None`` is none: text is below any blob.
RANGE = "FROM state WHERE consumer = ?1 AND key >= ?2 AND key < coalesce(?3, x'')"

#: UTF-8 has no surrogates: behind the last character before them comes the first one after them.
SURROGATES = ("\ud7ff", "\ue000")


class Questions:
    """Reads small things at once, for any thread: green threads by a native thread, native ones by themselves."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._green = Reader(connect)
        self._native = Reader(connect)
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._hub = 0

    def open(self, worker: Worker) -> None:
        """Answer from now on; to be called on the hub."""
        self._worker = worker
        self._hub = threading.get_ident()

    def close(self) -> None:
        """Answer no more."""
        if self._worker is not None:
            self._worker.submit(self._green.close)
            self._worker = None
        self.reopen()

    def reopen(self) -> None:
        """Another file is the journal now."""
        with self._lock:
            self._native.close()
        if self._worker is not None:
            self._worker.submit(self._green.close)

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What ``question`` returns for a connection that reads; a green thread waits, and the hub goes on.

        :raises JournalUnavailable: when the disk does not answer, or the journal is closed.
        """
        worker = self._worker
        if worker is None:
            raise JournalUnavailable("the journal is closed", hint="the daemon is stopping")
        if threading.get_ident() == self._hub:
            answer: T = worker.call(self._green.ask, question)
            return answer
        with self._lock:
            return self._native.ask(question)


class StateStore:
    """The durable state of one consumer, for any thread."""

    def __init__(self, consumer: str, questions: Questions) -> None:
        self._consumer = consumer
        self._ask = questions.ask

    def get(self, key: str) -> bytes | None:
        """The value of ``key``, if it has one."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of those keys that have one, for the price of one question."""

        def question(connection: sqlite3.Connection) -> dict[str, bytes]:
            found = ((key, connection.execute(GET, (self._consumer, key)).fetchone()) for key in keys)
            return {key: row[0] for key, row in found if row is not None}

        return self._ask(question)

    def range(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """Keys with ``prefix``, from ``start`` on and below ``end``, in the order of their characters, with values."""
        low, high = _bounds(prefix, start, end)
        values = (self._consumer, low, high, limit)

        def question(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
            return connection.execute(f"SELECT key, value {RANGE} ORDER BY key LIMIT ?4", values).fetchall()

        # A reader's text comes as bytes: see connection.py.
        return [(key.decode(errors="replace"), value) for key, value in self._ask(question)]  # type: ignore[attr-defined]

    def page(
        self, prefix: str, *, start: str | None, end: str | None, limit: int, size: int
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """Like ``range``, but nothing once there are ``size`` bytes; and whether there are more keys."""
        low, high = _bounds(prefix, start, end)
        values = (self._consumer, low, high)

        def question(connection: sqlite3.Connection) -> tuple[list[tuple[str, bytes]], bool]:
            with closing(connection.execute(f"SELECT key, value {RANGE} ORDER BY key", values)) as rows:
                return _up_to(limit, size, rows)

        found, more = self._ask(question)
        return [(key.decode(errors="replace"), value) for key, value in found], more  # type: ignore[attr-defined]

    def count(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, besides: Collection[str] = ()
    ) -> int:
        """How many keys ``range`` would give without a limit, those of ``besides`` not counted."""
        low, high = _bounds(prefix, start, end)
        apart = [key for key in besides if key >= low and (high is None or key < high)]

        def question(connection: sqlite3.Connection) -> int:
            # One transaction: between the two questions no commit may come.
            connection.execute("BEGIN")
            try:
                total = int(connection.execute(f"SELECT count(*) {RANGE}", (self._consumer, low, high)).fetchone()[0])
                found = [connection.execute(GET, (self._consumer, key)).fetchone() is not None for key in apart]
            finally:
                connection.rollback()
            return total - sum(found)

        return self._ask(question)


def _up_to(limit: int, size: int, rows: Iterator[tuple[str, bytes]]) -> tuple[list[tuple[str, bytes]], bool]:
    """So many of them, or until they have so many bytes; and whether others follow."""
    taken: list[tuple[str, bytes]] = []
    while len(taken) < limit and size > 0 and (row := next(rows, None)) is not None:
        taken.append(row)
        size -= len(row[0]) + len(row[1])
    return taken, next(rows, None) is not None


def _bounds(prefix: str, start: str | None, end: str | None) -> tuple[str, str | None]:
    """The first key that may be, and the first one that may not be any more."""
    behind = _behind(prefix)
    ends = [each for each in (behind, end) if each is not None]
    return max(prefix, start or ""), min(ends, default=None)


def _behind(prefix: str) -> str | None:
    """The first text that is behind all that begin with ``prefix``; ``None`` where there is none."""
    kept = prefix.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    before, last = kept[:-1], kept[-1]
    return before + (SURROGATES[1] if last == SURROGATES[0] else chr(ord(last) + 1))
