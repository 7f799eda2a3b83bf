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
from functools import partial
from pathlib import Path

from eventd.errors import EventdError, JournalUnavailable, Superseded
from eventd.event import Block
from eventd.green import Bridge, Signal

from .checkpoint import Checkpointer
from .connection import JournalOptions, connect, unavailable
from .desk import Desk, closed
from .jobs import Chore, Job
from .opening import open_journal
from .reader import Reader
from .search import Scan
from .tail import Tail
from .unit import Committed, Done, Unit
from .writer import SUPERSEDED, Opened, Outcome, Writer

__all__ = ["Journal"]

log = logging.getLogger(__name__)

#: Bytes that one ``read`` gives at most, but for a single block that is larger.
READ_BYTES = 4 << 20
#: Bytes of the newest blocks that are read into memory, and so checked, when the journal is opened.
PRIME_BYTES = 16 << 20
#: Seconds for a thread that has nothing left to do to end.
LAST_SECONDS = 1.0


class Journal(Desk):
    """The durable log of one node: made with a bridge, opened and closed by a green thread."""

    def __init__(self, path: str | os.PathLike[str], bridge: Bridge, options: JournalOptions) -> None:
        self._checkpointer = Checkpointer(partial(connect, str(path), fsync=options.fsync))
        self._writer = Writer(
            str(path), options, bridge.post, self._settled, self._kept,
            checkpointer=self._checkpointer, mended=self._mended,
        )  # fmt: skip
        reading = partial(connect, str(path), writable=False)
        super().__init__(reading, self._writer.submit)
        self._options = options
        self.path = Path(path)
        self._bridge = bridge
        self._reader = Reader(reading)
        self.tail = Tail(options.memory)
        self._arrival = Signal()
        self._ended = Signal()
        self._lock = -1
        #: Why units are refused at present, for health.
        self.problem: str | None = None
        #: Bytes and units that wait for the writer.
        self.pending_bytes = 0
        self.queued = 0

    def open(self) -> None:
        """Open the journal, or make it where there is none; what is damaged is told and does not stop it.

        :raises JournalUnavailable: when it cannot be read or written at all.
        """
        self._threads = [self._bridge.thread(f"journal {name}") for name in ("writer", "reader", "checkpoint", "state")]
        writing, reading, copying, asking = self._threads
        opened, self._lock = writing.call(open_journal, str(self.path), self._writer)
        self._begin(opened)
        self._prime(reading.call(self._reader.newest, self.end, min(self._options.memory, PRIME_BYTES)))
        self._questions.open(asking)
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
        self._questions.close()
        for thread in self._threads:
            done = thread.stop(LAST_SECONDS) and done
        os.close(self._lock)
        return done

    def submit(self, unit: Unit, done: Done) -> None:
        """Make a unit durable; ``done`` is called once, in the order of submission, never from within."""
        if not self._open:
            self._bridge.post(done, closed())
            return
        size = unit.size
        self.pending_bytes += size
        self.queued += 1
        self._writer.submit(Job(unit, done, size))

    def commit(self, unit: Unit) -> Committed:
        """Make a unit durable; the green thread waits until it is.

        :raises EventdError: when it was refused.
        """
        known = Signal()
        self.submit(unit, known.set)
        known.wait()
        outcome = known.value
        if isinstance(outcome, EventdError):
            raise outcome
        assert isinstance(outcome, Committed)
        return outcome

    def read(self, offset: int, limit: int = READ_BYTES) -> list[Block]:
        """Blocks from the one that holds ``offset`` on: about ``limit`` bytes, at least one.

        Offsets that are gone or damaged are passed over. An empty list says that there is
        nothing to read between ``offset`` and what ``end`` was when this was called.

        :raises JournalUnavailable: when the disk does not answer.
        """
        if offset >= self.end:
            return []
        blocks = self.tail.read(offset, limit)
        if blocks is not None:
            return blocks
        scan = self._threads[1].call(self._reader.scan, max(offset, self.first), self.end, limit)
        self._tell(scan.holes)
        return scan.blocks

    def recent(self, offset: int, limit: int = READ_BYTES) -> list[Block] | None:
        """The same from memory, for who must not wait; ``None`` where it would have to be read from the disk."""
        return self.tail.read(offset, limit) if offset < self.end else []

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

    def _mended(self, opened: Opened) -> None:
        """The writer put a rescued journal in the place of a damaged one: what is read from now on is read there."""
        self._threads[1].submit(self._reader.close)
        self._questions.reopen()
        self._begin(opened)

    def _prime(self, scan: Scan) -> None:
        """Keep the newest blocks in memory; only what is consecutive up to the end is a tail."""
        self._tell(scan.holes)
        hole = max([hole.end for hole in scan.holes], default=0)
        for block in scan.blocks:
            if block.first >= hole:
                self.tail.add(block)

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
            self.tail.add(block)
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


def _superseded() -> Superseded:
    return Superseded("the journal has gone past this outcome", hint="it is handled again from the durable record")
