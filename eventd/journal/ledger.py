"""The numbers that the journal keeps beside the events: where each consumer is, its books, all other counters.

The writer is the only one who changes them, so it knows them without reading. A commit
stages what its units change, writes that, and takes it over once it is durable. Here is
decided whether a unit follows what is durable: see ``Unit.expect``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from . import deadletters
from .schema import COUNT, DELETE_STATE, MOVE, SET_STATE
from .unit import STAYS, ConsumerRecord, DeadLetter, Move, Ranges, Unit

__all__ = ["RECORDS", "Changes", "Ledger", "record_of", "row_of"]

RECORDS = "SELECT consumer, offset, above, settled, dead, passed, since FROM cursors"

_pack = msgspec.msgpack.Encoder().encode
_unpack: Callable[[bytes], Ranges] = msgspec.msgpack.Decoder(Ranges).decode


def record_of(row: tuple[object, ...]) -> tuple[str, ConsumerRecord]:
    """The consumer and the record of a row of ``RECORDS``; where its ranges are damaged, it has none."""
    name, offset, above, *counts = row
    consumer = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    try:
        ranges = _unpack(above) if isinstance(above, bytes) else ()
    except msgspec.DecodeError:
        # What was done above the offset is done again, which is allowed; leaving something out is not.
        ranges = ()
    return consumer, ConsumerRecord(offset, ranges, *counts)  # type: ignore[arg-type]  # the columns are integers


class Ledger:
    """What is durable, as of the last commit."""

    def __init__(self) -> None:
        self.consumers: dict[str, ConsumerRecord] = {}
        #: The offsets of all records, for retention.
        self.cursors: dict[str, int] = {}
        self.books: dict[str, int] = {}
        #: How many dead letters there are, by consumer.
        self.dead: dict[str, int] = {}

    def read(self, connection: sqlite3.Connection) -> None:
        """Read all of it, once."""
        self.consumers = dict(map(record_of, connection.execute(RECORDS)))
        self.cursors = {name: record.offset for name, record in self.consumers.items()}
        self.books = dict(connection.execute("SELECT name, count FROM books"))
        self.dead = deadletters.count(connection)

    def numbers(self) -> Iterator[int]:
        """Every number of the consumers' records and the books."""
        for record in self.consumers.values():
            yield from (record.offset, record.settled, record.dead, record.passed, record.since)
        yield from self.books.values()

    @property
    def top(self) -> int:
        """Behind the last event that any consumer has done."""
        return max([record.top for record in self.consumers.values()], default=0)

    def stage(self) -> Changes:
        """Begin a commit."""
        return Changes(self)

    def take(self, changes: Changes) -> None:
        """The commit of ``changes`` is durable."""
        for name, record in changes.consumers.items():
            self.consumers[name] = record
            self.cursors[name] = record.offset
        for name in changes.gone:
            self.consumers.pop(name, None)
            self.cursors.pop(name, None)
        self.books.update(changes.books)
        if changes.dead is not None:
            self.dead = changes.dead


class Changes:
    """What one commit makes of the numbers, and of the consumers' state."""

    __slots__ = ("_ledger", "_letters", "_raised", "_state", "books", "consumers", "dead", "gone")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._state: dict[tuple[str, str], bytes | None] = {}
        self._letters: list[DeadLetter] = []
        self._raised: list[int] = []
        #: The new records and counters, whole and not by how much they grew.
        self.consumers: dict[str, ConsumerRecord] = {}
        self.books: dict[str, int] = {}
        #: The new numbers of dead letters, where that changed; known when they are written.
        self.dead: dict[str, int] | None = None
        #: Consumers that are forgotten.
        self.gone: list[str] = []

    @property
    def records(self) -> Mapping[str, ConsumerRecord]:
        """Where the consumers durably are."""
        return self._ledger.consumers

    @property
    def rows(self) -> int:
        """How many rows of state are written."""
        return len(self._state)

    def admit(self, unit: Unit) -> bool:
        """Stage a unit's changes; false, and nothing staged, where it does not follow what is durable."""
        for consumer, offset in unit.expect.items():
            if not self._follows(consumer, offset, unit.moves.get(consumer)):
                return False
        for consumer, offset in unit.cursors.items():
            self.move(consumer, Move(offset))
        for consumer, move in unit.moves.items():
            self.move(consumer, move)
        for consumer, changed in unit.state.items():
            self._state.update(((consumer, key), value) for key, value in changed.items())
        for name, count in unit.books.items():
            self.count(name, count)
        self._letters += unit.dead
        self._raised += unit.raised
        return True

    def move(self, consumer: str, move: Move) -> None:
        """Stage a consumer's new record: what the move covers and does not count is passed over."""
        old = self._record(consumer)
        if move.offset != STAYS:
            place = ConsumerRecord(move.offset, move.above)
        elif old is not None:
            place = old
        else:
            # Counts alone, of a consumer that is forgotten.
            return
        settled, dead, since = move.settled, move.dead, place.done - move.counted
        if old is not None:
            settled, dead, since = settled + old.settled, dead + old.dead, old.since
        passed = place.done - since - settled - dead
        self.consumers[consumer] = ConsumerRecord(place.offset, place.above, settled, dead, passed, since)

    def count(self, name: str, count: int) -> None:
        """Stage a counter's growth."""
        self.books[name] = self.books.get(name, self._ledger.books.get(name, 0)) + count

    def write(self, connection: sqlite3.Connection) -> None:
        """Write what is staged within the transaction that is open."""
        if self.consumers:
            connection.executemany(MOVE, [row_of(name, record) for name, record in self.consumers.items()])
        if self._letters or self._raised:
            self.dead = dict(self._ledger.dead)
            deadletters.bury(connection, self._letters, self.dead)
            deadletters.remove(connection, self._raised, self.dead)
        if self._state:
            self._write_state(connection)
        if self.books:
            connection.executemany(COUNT, self.books.items())

    def drop(self, connection: sqlite3.Connection, ids: Iterable[int]) -> int:
        """Drop dead letters within the transaction that is open; each is counted for its consumer."""
        self.dead = dict(self._ledger.dead) if self.dead is None else self.dead
        removed = deadletters.remove(connection, ids, self.dead)
        for consumer, number in removed.items():
            self.count(f"dead_dropped:{consumer}", number)
        return sum(removed.values())

    def forget(self, connection: sqlite3.Connection, consumer: str, limit: int) -> bool:
        """Delete up to ``limit`` values of a consumer's state, then its record; whether all of it is gone."""
        deleted = connection.execute(
            "DELETE FROM state WHERE (consumer, key) IN (SELECT consumer, key FROM state WHERE consumer = ? LIMIT ?)",
            (consumer, limit),
        ).rowcount
        if deleted == limit:
            return False
        connection.execute("DELETE FROM cursors WHERE consumer = ?", (consumer,))
        self.gone.append(consumer)
        return True

    def _follows(self, consumer: str, offset: int, move: Move | None) -> bool:
        record = self._record(consumer)
        if record is None or record.offset != offset:
            return record is None and offset == STAYS
        if move is None or move.offset == STAYS:
            return True
        # A unit that was refused before it moved less than this one takes for granted.
        return ConsumerRecord(move.offset, move.above).done - record.done == move.counted

    def _record(self, consumer: str) -> ConsumerRecord | None:
        return self.consumers.get(consumer) or self._ledger.consumers.get(consumer)

    def _write_state(self, connection: sqlite3.Connection) -> None:
        # In the order of the table: neighbours share a page.
        changes = sorted(self._state.items())
        gone = [key for key, value in changes if value is None]
        if gone:
            connection.executemany(DELETE_STATE, gone)
        if len(gone) < len(changes):
            connection.executemany(SET_STATE, [(*key, value) for key, value in changes if value is not None])


def row_of(name: str, record: ConsumerRecord) -> tuple[object, ...]:
    """The row of a consumer's record."""
    offset, above, *counts = record
    return (name, offset, _pack(above), *counts)
