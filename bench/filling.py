"""A journal with millions of events, made by the journal's own code: ``python -m bench.filling FILE EVENTS``.

It is written without waiting for the disk, synced once at the end, and copied for each
run that wants it. The rows are blocks of ``BLOCK`` events, as a busy door gathers them.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench import payload
from bench.process import Process
from eventd import green
from eventd.event import Draft, Encoding
from eventd.journal import Journal, JournalOptions, Unit

__all__ = ["Filled"]

#: Events of one row, and rows of one unit: a unit of 4 MB, of which two are under way.
BLOCK = 100
ROWS = 500
IN_FLIGHT = 2
#: The consumer that has handled all of them.
CONSUMER = "handler:bench"


class Filled:
    """The journal to copy from; ``events`` of them, all handled."""

    def __init__(self, directory: Path, events: int) -> None:
        self.events = events
        self._file = directory / "filled" / "journal.sqlite"

    def fill(self, console: Console) -> None:
        """Make it, with a bar that tells how far it is.

        :raises RuntimeError: when the child that writes it fails.
        """
        self._file.parent.mkdir()
        command = [sys.executable, "-m", "bench.filling", str(self._file), str(self.events)]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with (
            Process("filling", command, self._file.parent, processors=os.sched_getaffinity(0), pipes=True) as child,
            Progress(*columns, console=console) as progress,
        ):
            task = progress.add_task("writing a journal", total=self.events)
            for line in child.stdout:
                progress.update(task, completed=int(line))
            if child.child.wait():
                child.alive()

    def copy(self, directory: Path) -> None:
        """Put a copy into a ``state_dir``, on the disk and out of the page cache: as after a boot."""
        directory.mkdir()
        copy = shutil.copyfile(self._file, directory / self._file.name)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class _Filler:
    """Keeps some units in the journal until all events are durable."""

    def __init__(self, journal: Journal, events: int) -> None:
        self._journal = journal
        self._events = events - events % BLOCK
        self._draft = Draft(Encoding.FORWARD, BLOCK, (payload.TAG,), payload.entries(BLOCK), "bench")
        self._asked = 0
        self._written = 0
        self._finished = green.Signal()
        self._error: Exception | None = None

    def run(self) -> None:
        """Return when all are durable."""
        for _ in range(IN_FLIGHT):
            self._next()
        self._finished.wait()
        if self._error is not None:
            raise self._error

    def _next(self) -> None:
        rows = min(ROWS, (self._events - self._asked) // BLOCK)
        if rows:
            self._asked += rows * BLOCK
            cursors = {CONSUMER: self._asked}
            self._journal.submit(Unit(drafts=[self._draft] * rows, cursors=cursors), self._done)
        elif self._written == self._events:
            self._finished.set()

    def _done(self, outcome: object) -> None:
        if isinstance(outcome, Exception):
            self._error = outcome
            self._finished.set()
            return
        self._written = self._journal.end - self._journal.first
        print(self._written, flush=True)
        self._next()


def main() -> None:
    """Write the journal that the arguments name."""
    file, events = Path(sys.argv[1]), int(sys.argv[2])
    journal = Journal(file, green.Bridge(), JournalOptions(fsync=False, memory=0))
    journal.open()
    _Filler(journal, events).run()
    journal.close()


if __name__ == "__main__":
    green.install()
    green.run(main)
