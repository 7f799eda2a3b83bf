"""What waits for the writer: units, and chores that are done between two commits.

Any thread puts, the writer takes: all units that wait at once, up to the limit of a
transaction. What is done with them is the writer's.
"""

from __future__ import annotations

import queue
import sqlite3
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .ledger import Changes
from .unit import Done, Unit

__all__ = ["Chore", "Job", "Jobs"]

#: Seconds without units after which the writer looks after retention.
PERIOD = 1.0
#: Seconds that units which only move cursors wait for one that somebody waits for.
LINGER = 0.02


class Job(NamedTuple):
    """A unit, who is told its outcome, and its bytes."""

    unit: Unit
    done: Done
    size: int


class Chore(NamedTuple):
    """Something else to be done in a transaction of its own; ``done`` is told what it returned or raised."""

    work: Callable[[sqlite3.Connection, Changes], Any]
    done: Callable[[Any, BaseException | None], object]


class Jobs:
    """The queue before the writer."""

    def __init__(self, limit: int) -> None:
        self._queue: queue.SimpleQueue[Job | Chore | None] = queue.SimpleQueue()
        self._limit = limit
        #: Whether ``stop`` was met.
        self.stopped = False

    def put(self, job: Job | Chore) -> None:
        """Queue behind all that were queued before."""
        self._queue.put(job)

    def stop(self) -> None:
        """Have the writer stop when all that is queued now is done."""
        self._queue.put(None)

    def take(self) -> tuple[list[Job], Chore | None]:
        """All units that wait, up to the limit and the next chore; nothing when nothing came for a while."""
        jobs: list[Job] = []
        size = 0
        deadline = 0.0
        while size < self._limit:
            job = self._next(jobs, deadline)
            if job is None or isinstance(job, Chore):
                return jobs, job
            if not jobs:
                deadline = time.monotonic() + LINGER
            if job.unit.urgent:
                deadline = 0.0
            jobs.append(job)
            size += job.size
        return jobs, None

    def rest(self) -> list[Job | Chore]:
        """What is still queued, once nobody takes any more."""
        left: list[Job | Chore] = []
        while not self._queue.empty():
            job = self._queue.get()
            if job is not None:
                left.append(job)
        return left

    def _next(self, jobs: list[Job], deadline: float) -> Job | Chore | None:
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
            self.stopped = True
        return job
