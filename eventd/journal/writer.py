"""The one that writes: takes all units that wait, and makes them durable in one transaction.

    submit (any thread) ──► queue ──► take all ──► transaction ──► post(settle, Outcome)

Runs in a native thread of its own. It gives offsets, keeps cursors and dead letters, and
between two commits looks after retention, the WAL and a disk that was full. It knows
neither the hub nor who waits: ``post`` brings each outcome to where ``settle`` may run.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

from eventd.errors import JournalUnavailable
from eventd.event import Block

from .checkpoint import Checkpointer, checkpoint
from .connection import JournalOptions, connect
from .edge import check_numbers, next_offset, try_append
from .housekeeping import Housekeeping, Report
from .jobs import Chore, Job, Jobs
from .ledger import Changes, Ledger
from .mending import Mender
from .record import block_of, to_row
from .retention import Dropped, used_bytes
from .schema import APPEND, Identity, prepare, renew
from .unit import ConsumerRecord
from .wal import tell_lost

__all__ = ["SUPERSEDED", "Job", "Opened", "Outcome", "Writer"]

log = logging.getLogger(__name__)

#: In the place of a first offset: the unit was refused as superseded.
SUPERSEDED = -1

#: Brings a call to the thread that waits for outcomes.
Post = Callable[..., object]


class Opened(NamedTuple):
    """What the database holds at the start."""

    identity: Identity
    first: int
    end: int
    consumers: dict[str, ConsumerRecord]
    books: dict[str, int]
    dead: dict[str, int]
    bytes: int
    #: Events that a rescue right before did not find.
    lost: int = 0

    @property
    def cursors(self) -> dict[str, int]:
        """By consumer, the first offset that it has not settled."""
        return {name: record.offset for name, record in self.consumers.items()}


class Outcome(NamedTuple):
    """A commit: its jobs with their first offsets, its blocks, and what changed; or the error that refused it."""

    jobs: list[Job]
    firsts: list[int]
    blocks: list[Block]
    end: int
    changes: Changes | None
    seconds: float
    error: BaseException | None = None


class Writer:
    """Owns the connection that writes. All methods but ``submit`` and ``stop`` are its thread's."""

    def __init__(
        self,
        path: str,
        options: JournalOptions,
        post: Post,
        settle: Callable[[Outcome], None],
        report: Report,
        *,
        checkpointer: Checkpointer | None = None,
        mended: Callable[[Opened], object] | None = None,
    ) -> None:
        self._path = path
        self.options = options
        self._post = post
        self._settle = settle
        self._report = report
        self._checkpointer = checkpointer
        self._jobs = Jobs(options.unit_bytes)
        #: Whether the disk refused the last commit: health tells, and the writer tries by itself.
        self.failing = False
        self._end = 0
        self._ledger = Ledger()
        self._mended = mended
        self._mender = Mender(path)
        #: Whether the files were put aside and those in their place are not open yet.
        self._detached = False
        self._lost = 0
        self._identity: Identity
        self._connection: sqlite3.Connection
        self._keeping: Housekeeping

    def open(self) -> Opened:
        """Open or make the database, and read what the hub wants to know of it.

        :raises sqlite3.Error: when SQLite refuses the file.
        :raises JournalUnavailable: when it is not ours to write.
        """
        connection = connect(self._path, fsync=self.options.fsync)
        try:
            opened = self._read(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._end, self._identity = connection, opened.end, opened.identity
        self._keeping = Housekeeping(connection, self.options, self._checkpointer, self._reported, self._ledger)
        return opened

    def submit(self, job: Job | Chore) -> None:
        """Queue a unit; its outcome is posted after those of all that were queued before."""
        self._jobs.put(job)

    def stop(self) -> None:
        """End ``run`` when all units that are queued now have their outcome."""
        self._jobs.stop()

    def abandon(self) -> list[Job | Chore]:
        """What is still queued, once ``run`` has ended."""
        return self._jobs.rest()

    def run(self) -> None:
        """Commit units until ``stop``: the body of the native thread."""
        while not self._jobs.stopped:
            self.step()
        self.close()

    def step(self) -> None:
        """Commit what waits, or wait for a while; then do a little housekeeping."""
        jobs, chore = self._jobs.take()
        if jobs:
            self._commit(jobs)
        if chore is not None:
            self._do(chore)
        elif not jobs and self.failing:
            self._probe()
        damage = self._keeping.tend(self._ledger.cursors)
        if damage is not None:
            self._mend(damage)

    def close(self) -> None:
        """Copy the WAL away, so that the next start finds nothing to recover."""
        try:
            checkpoint(self._connection)
        except sqlite3.Error as error:
            log.warning("the journal's WAL could not be copied into the database at the end: %s", error)
        self._connection.close()

    def _read(self, connection: sqlite3.Connection) -> Opened:
        identity = prepare(connection, self.options.node)
        if tell_lost(self._path):
            renew(connection)
            identity = prepare(connection, self.options.node)
        self._ledger.read(connection)
        check_numbers(self._ledger.numbers())
        end = next_offset(connection, self._ledger.top)
        try_append(connection, end)
        row = connection.execute("SELECT first FROM blocks ORDER BY first LIMIT 1").fetchone()
        first = int(row[0]) if row else end
        ledger = self._ledger
        return Opened(
            identity, first, end, dict(ledger.consumers), dict(ledger.books), ledger.dead, used_bytes(connection)
        )

    def _commit(self, jobs: list[Job]) -> None:
        started = time.perf_counter()
        try:
            outcome = self._write(jobs, started)
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait are told
            self._roll_back()
            if self._mend(error):
                self._commit(jobs)
                return
            if len(jobs) > 1 and not isinstance(error, sqlite3.DatabaseError | OSError):
                # One of them cannot be written at all: the others must not be refused for it.
                for job in jobs:
                    self._commit([job])
                return
            self.failing = isinstance(error, sqlite3.DatabaseError | OSError)
            outcome = Outcome(jobs, [], [], self._end, None, time.perf_counter() - started, error)
        else:
            self.failing = False
            self._end = outcome.end
            rows = 0 if outcome.changes is None else outcome.changes.rows
            self._keeping.wrote([len(block.body) for block in outcome.blocks], rows)
        self._post(self._settle, outcome)

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except sqlite3.Error as error:
            # Then the next commit cannot begin, and is rolled back again: nothing of this one becomes durable.
            log.warning("a commit that failed could not be rolled back yet: %s", error)

    def _write(self, jobs: list[Job], started: float) -> Outcome:
        changes = self._ledger.stage()
        firsts, blocks, end = self._place(jobs, changes)
        rows = [to_row(block) for block in blocks]
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        self._connection.executemany(APPEND, rows)
        changes.write(self._connection)
        execute("COMMIT")
        self._ledger.take(changes)
        return Outcome(jobs, firsts, blocks, end, changes, time.perf_counter() - started)

    def _place(self, jobs: list[Job], changes: Changes) -> tuple[list[int], list[Block], int]:
        """Give offsets: the first one of each job that is admitted, the blocks of all, and the end behind them."""
        firsts: list[int] = []
        blocks: list[Block] = []
        end = self._end
        received = time.time_ns()
        for job in jobs:
            if not changes.admit(job.unit):
                firsts.append(SUPERSEDED)
                continue
            firsts.append(end)
            for draft in job.unit.drafts:
                if draft.count > 0:
                    blocks.append(block_of(draft, end, received))
                    end += draft.count
        return firsts, blocks, end

    def _do(self, chore: Chore) -> None:
        """Do a chore in a transaction; what it changes is told first, then what it returned."""
        changes = self._ledger.stage()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            value = chore.work(self._connection, changes)
            changes.write(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits is told
            self._roll_back()
            if self._mend(error):
                self._do(chore)
            else:
                self._post(chore.done, None, error)
            return
        self._ledger.take(changes)
        self._post(self._settle, Outcome([], [], [], self._end, changes, 0.0))
        self._post(chore.done, value, None)

    def _mend(self, error: BaseException | None) -> bool:
        """Write a damaged journal anew and open it; whether what failed by ``error`` may be tried again."""
        if not self._detached and error is not None:
            rescued = self._mender.mend(error, self._identity, self._ledger, self._end, self._detach)
            self._lost += rescued.lost if rescued is not None else 0
        if not self._detached:
            return False
        try:
            opened = self.open()._replace(lost=self._lost)
        except (sqlite3.Error, OSError, JournalUnavailable) as trouble:
            log.error("the journal cannot be opened again yet: %s", trouble)
            return False
        self._detached, self._lost = False, 0
        if self._checkpointer is not None:
            self._checkpointer.reopen()
        if self._mended is not None:
            self._post(self._mended, opened)
        return True

    def _detach(self) -> None:
        """Close the files; until others are open, an empty database in memory refuses everything."""
        self._connection.close()
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._keeping = Housekeeping(self._connection, self.options, None, self._reported)
        self._detached = True

    def _probe(self) -> None:
        if self._mend(None) or self._keeping.probe():
            self.failing = False
            self._post(self._settle, Outcome([], [], [], self._end, None, 0.0))

    def _reported(self, dropped: Dropped | None, used: int, changes: Changes) -> None:
        self._post(self._report, dropped, used, changes)
