"""The hub's face of the journal: submit, read, wait.

    hub:                submit ─► ┐                 ┌ ─► tail, cursors, done
    native threads:               └► writer ─► post ┘     reader, checkpointer

All state here belongs to the hub and needs no lock. What touches the disk runs in native
threads, and its results come back through the bridge. This module decides nothing about
the format: see docs/journal.md.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from eventd.errors import EventdError, JournalUnavailable, Superseded
from eventd.event import Block
from eventd.green import Bridge, Signal

from .checkpoint import Checkpointer
from .connection import JournalOptions, connect, unavailable
from .jobs import Chore, Job
from .ledger import Changes
from .opening import open_journal
from .reader import Reader
from .retention import Dropped
from .search import Hole, Scan
from .tail import Tail
from .unit import Committed, ConsumerRecord, DeadLetter, Done, Unit
from .writer import SUPERSEDED, Opened, Outcome, Writer

__all__ = ["Journal"]

log = logging.getLogger(__name__)

#: Bytes that one ``read`` gives at most, but for a single block that is larger.
READ_BYTES = 4 << 20
#: Bytes of the newest blocks that are read into memory, and so checked, when the journal is opened.
PRIME_BYTES = 16 << 20
#: Seconds for a thread that has nothing left to do to end.
LAST_SECONDS = 1.0
#: Holes that are remembered, so that each is told once and not to every reader.
HOLES = 4096


class Journal:
    """The durable log of one node: made with a bridge, opened and closed by a green thread."""

    def __init__(self, path: str | os.PathLike[str], bridge: Bridge, options: JournalOptions) -> None:
        self.path = Path(path)
        self._bridge = bridge
        self._options = options
        self._checkpointer = Checkpointer(partial(connect, str(path), fsync=options.fsync))
        self._writer = Writer(
            str(path), options, bridge.post, self._settled, self._kept, checkpointer=self._checkpointer
        )
        self._reader = Reader(partial(connect, str(path), writable=False))
        self._tail = Tail(options.memory)
        self._arrival = Signal()
        self._ended = Signal()
        self._open = False
        self._lock = -1
        self._holes: set[int] = set()
        self._consumers: dict[str, ConsumerRecord] = {}
        self._books: dict[str, int] = {}
        self._dead: dict[str, int] = {}
        #: The oldest offset that is kept, and the next one that will be given.
        self.first = 0
        self.end = 0
        #: The random name of this sequence of offsets, and the node that it was made under.
        self.epoch = ""
        self.node = ""
        #: Why units are refused at present, for health.
        self.problem: str | None = None
        #: Bytes in use in the database; bytes and units that wait for the writer.
        self.bytes = 0
        self.pending_bytes = 0
        self.queued = 0
        #: Events that cannot be read; events that retention took from a consumer unsettled.
        self.damaged = 0
        self.dropped: dict[str, int] = {}

    @property
    def cursors(self) -> Mapping[str, int]:
        """By consumer, the first offset that it has not durably settled."""
        return {name: record.offset for name, record in self._consumers.items()}

    @property
    def consumers(self) -> Mapping[str, ConsumerRecord]:
        """By consumer, where it durably is, and its books."""
        return self._consumers

    @property
    def books(self) -> Mapping[str, int]:
        """The counters that units made grow, as of the last commit."""
        return self._books

    @property
    def dead_count(self) -> int:
        """How many dead letters are kept."""
        return sum(self._dead.values())

    @property
    def dead(self) -> Mapping[str, int]:
        """How many dead letters are kept, by consumer."""
        return self._dead

    def open(self) -> None:
        """Open the journal, or make it where there is none; what is damaged is told and does not stop it.

        :raises JournalUnavailable: when it cannot be read or written at all.
        """
        self._threads = [self._bridge.thread(f"journal {name}") for name in ("writer", "reader", "checkpoint")]
        writing, reading, copying = self._threads
        opened, self._lock = writing.call(open_journal, str(self.path), self._writer)
        self._begin(opened)
        self._prime(reading.call(self._reader.newest, self.end, min(self._options.memory, PRIME_BYTES)))
        self._open = True
        writing.submit(self._write)
        copying.submit(self._checkpointer.run)

    def close(self, timeout: float = 10.0) -> bool:
        """Finish what was submitted and close; false when the disk did not get it done in time."""
        if not self._open:
            return True
        self._open = False
        self._writer.stop()
        done = self._ended.wait(timeout)
        self._checkpointer.stop()
        self._threads[1].submit(self._reader.close)
        for thread in self._threads:
            done = thread.stop(LAST_SECONDS) and done
        os.close(self._lock)
        return done

    def submit(self, unit: Unit, done: Done) -> None:
        """Make a unit durable; ``done`` is called once, in the order of submission, never from within."""
        if not self._open:
            self._bridge.post(done, JournalUnavailable("the journal is closed", hint="the daemon is stopping"))
            return
        size = unit.size
        self.pending_bytes += size
        self.queued += 1
        self._writer.submit(Job(unit, done, size))

    def read(self, offset: int, limit: int = READ_BYTES) -> list[Block]:
        """Blocks from the one that holds ``offset`` on: about ``limit`` bytes, at least one.

        Offsets that are gone or damaged are passed over. An empty list says that there is
        nothing to read between ``offset`` and what ``end`` was when this was called.

        :raises JournalUnavailable: when the disk does not answer.
        """
        if offset >= self.end:
            return []
        blocks = self._tail.read(offset, limit)
        if blocks is not None:
            return blocks
        scan = self._threads[1].call(self._reader.scan, max(offset, self.first), self.end, limit)
        self._tell(scan.holes)
        return scan.blocks

    def wait(self, offset: int, timeout: float | None = None) -> bool:
        """Wait until there is an event at ``offset``; false when ``timeout`` seconds passed first."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.end <= offset:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._arrival.wait(left)
        return True

    def offset_at(self, moment: int) -> int:
        """The offset of the first event received at ``moment`` (nanoseconds since 1970 UTC) or later."""
        return self._threads[1].call(self._reader.offset_at, moment, self.first, self.end)

    def dead_letters(self, consumer: str | None = None, after: int = 0, limit: int = 100) -> list[DeadLetter]:
        """Dead letters with an ``id`` above ``after``, oldest first."""
        return self._threads[1].call(self._reader.dead_letters, consumer, after, limit)

    def _begin(self, opened: Opened) -> None:
        self.first, self.end, self.bytes = opened.first, opened.end, opened.bytes
        self.node, self.epoch = opened.identity
        self._consumers, self._books, self._dead = dict(opened.consumers), dict(opened.books), dict(opened.dead)

    def _prime(self, scan: Scan) -> None:
        """Keep the newest blocks in memory; only what is consecutive up to the end is a tail."""
        self._tell(scan.holes)
        hole = max([hole.end for hole in scan.holes], default=0)
        for block in scan.blocks:
            if block.first >= hole:
                self._tail.add(block)

    def _write(self) -> None:
        """The writer's native thread."""
        error: BaseException | None = None
        try:
            self._writer.run()
        except BaseException as caught:  # noqa: BLE001 - a writer that dies must be heard, whatever it died of
            error = caught
        self._bridge.post(self._gone, error)

    def _gone(self, error: BaseException | None) -> None:
        if error is not None:
            self._open = False
            self.problem = f"the journal's writer died: {error!r}"
            log.critical("%s", self.problem, exc_info=error)
        for job in self._writer.abandon():
            refusal = JournalUnavailable("the journal's writer is gone", hint="restart eventd")
            if isinstance(job, Chore):
                job.done(None, refusal)
            else:
                self._answer(job, refusal)
        self._ended.set()

    def _settled(self, outcome: Outcome) -> None:
        """A commit succeeded or failed: the journal moves first, then everyone is told."""
        if outcome.error is not None:
            self._refuse(outcome)
            return
        if self.problem is not None:
            log.warning("the journal takes events again")
            self.problem = None
        for block in outcome.blocks:
            self._tail.add(block)
        events, self.end = outcome.end - self.end, outcome.end
        if outcome.changes is not None:
            self._changed(outcome.changes)
        for job, first in zip(outcome.jobs, outcome.firsts, strict=True):
            self._answer(job, Committed(first, outcome.blocks) if first != SUPERSEDED else _superseded())
        if events:
            self._arrival.set()
            self._arrival.clear()
        if self._options.on_commit is not None and outcome.jobs:
            self._options.on_commit(outcome.seconds, events, sum([job.size for job in outcome.jobs]))

    def _changed(self, changes: Changes) -> None:
        self._consumers.update(changes.consumers)
        for name in changes.gone:
            self._consumers.pop(name, None)
        self._books.update(changes.books)
        if changes.dead is not None:
            self._dead = changes.dead

    def _refuse(self, outcome: Outcome) -> None:
        assert outcome.error is not None
        told = unavailable(outcome.error)
        if self._writer.failing:
            if self.problem is None:
                log.error("%s", told)
            self.problem = told.message
        else:
            log.error("one unit cannot be written: %r", outcome.error)
        for job in outcome.jobs:
            # One error object each: several green threads may raise it.
            self._answer(job, unavailable(outcome.error))

    def _answer(self, job: Job, outcome: Committed | EventdError) -> None:
        self.pending_bytes -= job.size
        self.queued -= 1
        try:
            job.done(outcome)
        except Exception:
            log.exception("the outcome of a unit could not be told")

    def _kept(self, dropped: Dropped | None, used: int) -> None:
        """Retention had a look: what is in use, and what went."""
        self.bytes = used
        if dropped is None:
            return
        self.first = dropped.end
        for consumer, events in dropped.lost.items():
            if consumer not in self.dropped:
                log.error("%s: retention_size drops events that it has not settled", consumer)
            self.dropped[consumer] = self.dropped.get(consumer, 0) + events

    def _tell(self, holes: list[Hole]) -> None:
        for hole in holes:
            if hole.first not in self._holes and len(self._holes) < HOLES:
                self._holes.add(hole.first)
                self.damaged += hole.end - hole.first
                log.error("events %d to %d are damaged and passed over: %s", hole.first, hole.end - 1, hole.why)


def _superseded() -> Superseded:
    return Superseded("the journal has gone past this outcome", hint="it is handled again from the durable record")
