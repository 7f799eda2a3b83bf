"""The one that writes: takes all units that wait, and makes them durable in one transaction.

    submit (any thread) ──► queue ──► take all ──► transaction ──► post(settle, Outcome)

Runs in a native thread of its own. It gives offsets, keeps cursors and dead letters, and
between two commits looks after retention, the WAL and a disk that was full. It knows
neither the hub nor who waits: ``post`` brings each outcome to where ``settle`` may run.
"""

from __future__ import annotations

import logging
import queue
import shutil
import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

from eventd.event import Block

from . import deadletters
from .checkpoint import Checkpointer, checkpoint
from .connection import JournalOptions, connect
from .housekeeping import Housekeeping
from .record import block_of, to_row
from .retention import Dropped, used_bytes
from .schema import APPEND, MOVE, Identity, prepare, renew
from .unit import Done, Unit
from .wal import commits_behind

__all__ = ["Job", "Opened", "Outcome", "Writer"]

log = logging.getLogger(__name__)

#: Seconds without units after which the writer looks after retention.
PERIOD = 1.0
#: Seconds that units which only move cursors wait for one that somebody waits for.
LINGER = 0.02

#: Brings a call to the thread that waits for outcomes.
Post = Callable[..., object]


class Job(NamedTuple):
    """A unit, who is told its outcome, and its bytes."""

    unit: Unit
    done: Done
    size: int


class Opened(NamedTuple):
    """What the database holds at the start."""

    identity: Identity
    first: int
    end: int
    cursors: dict[str, int]
    dead: dict[str, int]
    bytes: int


class Outcome(NamedTuple):
    """A commit: its jobs with their first offsets and its blocks, or the error that refused it."""

    jobs: list[Job]
    firsts: list[int]
    blocks: list[Block]
    end: int
    cursors: dict[str, int]
    seconds: float
    #: How many dead letters there are, by consumer, where that changed.
    dead: dict[str, int] | None = None
    error: BaseException | None = None


class Writer:
    """Owns the connection that writes. All methods but ``submit`` and ``stop`` are its thread's."""

    def __init__(
        self,
        path: str,
        options: JournalOptions,
        post: Post,
        settle: Callable[[Outcome], None],
        report: Callable[[Dropped | None, int], None],
        *,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        self._path = path
        self.options = options
        self._post = post
        self._settle = settle
        self._report = report
        self._checkpointer = checkpointer
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stopping = False
        #: Whether the disk refused the last commit: health tells, and the writer tries by itself.
        self.failing = False
        self._end = 0
        self._cursors: dict[str, int] = {}
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
        self._connection, self._end, self._cursors = connection, opened.end, dict(opened.cursors)
        self._keeping = Housekeeping(connection, self.options, self._checkpointer, self._reported)
        return opened

    def submit(self, job: Job) -> None:
        """Queue a unit; its outcome is posted after those of all that were queued before."""
        self._queue.put(job)

    def stop(self) -> None:
        """End ``run`` when all units that are queued now have their outcome."""
        self._queue.put(None)

    def abandon(self) -> list[Job]:
        """The units that are still queued, once ``run`` has ended."""
        jobs: list[Job] = []
        while not self._queue.empty():
            job = self._queue.get()
            if job is not None:
                jobs.append(job)
        return jobs

    def run(self) -> None:
        """Commit units until ``stop``: the body of the native thread."""
        while not self._stopping:
            self.step()
        self.close()

    def step(self) -> None:
        """Commit what waits, or wait for a while; then do a little housekeeping."""
        jobs = self._take()
        if jobs:
            self._commit(jobs)
        elif self.failing:
            self._probe()
        self._keeping.tend(self._cursors)

    def close(self) -> None:
        """Copy the WAL away, so that the next start finds nothing to recover."""
        try:
            checkpoint(self._connection)
        except sqlite3.Error as error:
            log.warning("the journal's WAL could not be copied into the database at the end: %s", error)
        self._connection.close()

    def _read(self, connection: sqlite3.Connection) -> Opened:
        identity = prepare(connection, self.options.node)
        if self._lost_commits():
            renew(connection)
            identity = prepare(connection, self.options.node)
        cursors: dict[str, int] = dict(connection.execute("SELECT consumer, offset FROM cursors"))
        last = connection.execute("SELECT first + count FROM blocks ORDER BY first DESC LIMIT 1").fetchone()
        # A damaged last row may tell too little, a cursor never tells too much.
        end = max([*cursors.values(), int(last[0]) if last else 0])
        row = connection.execute("SELECT first FROM blocks ORDER BY first LIMIT 1").fetchone()
        first = int(row[0]) if row else end
        return Opened(identity, first, end, cursors, deadletters.count(connection), used_bytes(connection))

    def _lost_commits(self) -> bool:
        """Look for commits behind a damaged frame of the WAL, and keep the WAL for who wants to look closer."""
        lost = commits_behind(self._path)
        if lost:
            kept = f"{self._path}-wal.broken-{time.time_ns()}"
            log.error("the WAL is damaged: %d commits behind the damage are lost; it is kept as %s", lost, kept)
            try:
                shutil.copyfile(f"{self._path}-wal", kept)
            except OSError as error:
                log.error("it could not be kept: %s", error)
        return lost > 0

    def _take(self) -> list[Job]:
        """All units that wait, up to the limit of a transaction; none when nothing came for a while."""
        jobs: list[Job] = []
        size = 0
        deadline = 0.0
        while size < self.options.unit_bytes:
            job = self._next(jobs, deadline)
            if job is None:
                break
            if not jobs:
                deadline = time.monotonic() + LINGER
            if job.unit.urgent:
                deadline = 0.0
            jobs.append(job)
            size += job.size
        return jobs

    def _next(self, jobs: list[Job], deadline: float) -> Job | None:
        try:
            if not jobs:
                job = self._queue.get(timeout=PERIOD)
            elif (left := deadline - time.monotonic()) > 0:
                job = self._queue.get(timeout=left)
            else:
                job = self._queue.get_nowait()
        except queue.Empty:
            return None
        if job is None:
            self._stopping = True
        return job

    def _commit(self, jobs: list[Job]) -> None:
        started = time.perf_counter()
        try:
            outcome = self._write(jobs, started)
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait are told
            self._roll_back()
            if len(jobs) > 1 and not isinstance(error, sqlite3.DatabaseError | OSError):
                # One of them cannot be written at all: the others must not be refused for it.
                for job in jobs:
                    self._commit([job])
                return
            self.failing = isinstance(error, sqlite3.DatabaseError | OSError)
            outcome = Outcome(jobs, [], [], self._end, {}, time.perf_counter() - started, error=error)
        else:
            self.failing = False
            self._end = outcome.end
            self._cursors.update(outcome.cursors)
            self._keeping.wrote([len(block.body) for block in outcome.blocks])
        self._post(self._settle, outcome)

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except sqlite3.Error as error:
            # Then the next commit cannot begin, and is rolled back again: nothing of this one becomes durable.
            log.warning("a commit that failed could not be rolled back yet: %s", error)

    def _write(self, jobs: list[Job], started: float) -> Outcome:
        firsts, blocks, end = self._place(jobs)
        cursors: dict[str, int] = {}
        letters = [letter for job in jobs for letter in job.unit.dead]
        for job in jobs:
            cursors.update(job.unit.cursors)
        rows = [to_row(block) for block in blocks]
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        self._connection.executemany(APPEND, rows)
        self._connection.executemany(MOVE, cursors.items())
        if letters:
            deadletters.bury(self._connection, letters)
        dead = deadletters.count(self._connection) if letters else None
        execute("COMMIT")
        return Outcome(jobs, firsts, blocks, end, cursors, time.perf_counter() - started, dead)

    def _place(self, jobs: list[Job]) -> tuple[list[int], list[Block], int]:
        """Give offsets: the first one of each job, the blocks of all, and the end behind them."""
        firsts: list[int] = []
        blocks: list[Block] = []
        end = self._end
        received = time.time_ns()
        for job in jobs:
            firsts.append(end)
            for draft in job.unit.drafts:
                if draft.count > 0:
                    blocks.append(block_of(draft, end, received))
                    end += draft.count
        return firsts, blocks, end

    def _probe(self) -> None:
        if self._keeping.probe():
            self.failing = False
            self._post(self._settle, Outcome([], [], [], self._end, {}, 0.0))

    def _reported(self, dropped: Dropped | None, used: int) -> None:
        self._post(self._report, dropped, used)
