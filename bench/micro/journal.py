"""What the journal can do on this machine: ``python -m bench.micro.journal [DIRECTORY]``.

Prints medians of three runs of each: events/s in blocks of 1,000 events of 85 bytes,
commits/s with 64 producers of single events, and what a unit costs the hub.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from eventd import green
from eventd.event import Draft, Encoding
from eventd.journal import Journal, JournalOptions, Unit

__all__ = ["main"]

RUNS = 3
#: 1,000 events of 85 bytes, as a Forward chunk brings them.
BLOCK = Draft(Encoding.FORWARD, 1000, ("bench.reading",), bytes(range(256)) * 332 + b"12345678", "bench")
SINGLE = Draft(Encoding.JSON, 1, ("bench.reading",), b"x" * 200)
MICROSECONDS = 1e6


class Producers:
    """Keeps ``in_flight`` units in the journal until ``total`` of them are durable."""

    def __init__(self, journal: Journal, draft: Draft, in_flight: int, total: int) -> None:
        self._journal = journal
        self._unit = Unit(drafts=[draft])
        self._left = total
        self._missing = total
        self._finished = green.Signal()
        self.commits = 0
        for _ in range(in_flight):
            self._next()

    def wait(self) -> None:
        """Wait until all are durable."""
        self._finished.wait()

    def _next(self) -> None:
        if self._left:
            self._left -= 1
            self._journal.submit(self._unit, self._done)

    def _done(self, outcome: object) -> None:
        self._missing -= 1
        self._next()
        if not self._missing:
            self._finished.set()


def measure(directory: Path, draft: Draft, in_flight: int, total: int) -> tuple[float, float, float, float]:
    """Units/s, commits/s, processor seconds of the hub's thread a unit, and the slowest commit in seconds."""
    commits: list[float] = []
    with tempfile.TemporaryDirectory(dir=directory) as name:
        options = JournalOptions(on_commit=lambda seconds, events, size: commits.append(seconds))
        journal = Journal(Path(name) / "journal.sqlite", green.Bridge(), options)
        journal.open()
        started, used = time.perf_counter(), time.thread_time()
        Producers(journal, draft, in_flight, total).wait()
        seconds, used = time.perf_counter() - started, time.thread_time() - used
        journal.close()
    return total / seconds, len(commits) / seconds, used / total, max(commits)


def report(title: str, measured: Callable[[], tuple[float, float, float, float]], events: int) -> None:
    """Print the medians of some runs."""
    units, commits, hub, slowest = (median(column) for column in zip(*(measured() for _ in range(RUNS)), strict=True))
    print(f"{title}: {units * events:12,.0f} events/s {commits:8,.0f} commits/s", end=" ")
    print(f"{hub * MICROSECONDS:6.1f} µs of the hub a unit, slowest commit {slowest * 1e3:.1f} ms")


def main() -> None:
    """Measure and print."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
    report("blocks of 1,000 × 85 bytes, 4 in flight ", lambda: measure(directory, BLOCK, 4, 4000), BLOCK.count)
    report("single events, 64 in flight             ", lambda: measure(directory, SINGLE, 64, 60000), 1)
    report("single events, 1 in flight              ", lambda: measure(directory, SINGLE, 1, 3000), 1)


if __name__ == "__main__":
    green.install()
    green.run(main)
