"""1,000 subscribers of which 50 never read: the others do not notice, and what the 50 cost is their windows.

The 950 are measured without the 50 and beside them, in turn, several times. A connection that
nobody reads first fills the kernels' buffers, then its window; then it falls back behind the live
edge. The 50 do that anew in each round, and at its end they read on where they were.
``--log-cli-level=info`` shows what was measured.
"""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.daemon import DaemonProcess
from tests.support.readers import Crowd, Publisher
from tests.support.wait import until

log = logging.getLogger(__name__)

READERS, NEVER = 950, 50
#: Bytes of a subscription's window.
WINDOW = 128 * 1024
#: Events of a round and the bytes of each, and rounds of each kind: one event that the machine holds up
#: must not be a hundredth of them.
EVENTS, SIZE, ROUNDS = 200, 200, 6
#: How much later the slowest hundredth may have its events beside 50 that never read, and how often it may
#: be measured: what else the machine does is measured, too.
RATIO, ATTEMPTS = 1.2, 4
#: Bytes of a large event, and how many of them are more than a window and what the kernels hold.
LARGE, LAG = 60_000, 5
#: Large events that fill all caches of the daemon, and such that the 50 miss while its memory is looked at.
FILLING, MANY = 300, 80
#: Bytes beside the windows: what the allocator does not give back, and one message for each above its window.
SLACK = 16 << 20
#: Seconds for one event to be everywhere.
PATIENCE = 30.0

CONFIG = f"""
[limits]
subscription_window = {WINDOW}
[journal]
memory = 4M
"""


class Hall:
    """A daemon with its 950 readers; publishes to all of them."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self._daemon = daemon
        self._publisher = Publisher(daemon.port("http"))
        self.crowd = Crowd(daemon.port("http"))
        #: Events so far: the offset of the next one.
        self.end = 0

    def fill(self) -> None:
        """Have the daemon allocate what it does once, with few readers, and let the others come."""
        self.crowd.join(1)
        self.publish(FILLING, LARGE)
        self.crowd.join(READERS - 1)
        with self.neglected(alike=False):
            self.publish(EVENTS, SIZE)
        self.publish(EVENTS, SIZE)

    def publish(self, events: int, size: int) -> list[float]:
        """Publish events one by one, each when everybody has the last one; how late each was, everywhere."""
        late: list[float] = []
        for _ in range(events):
            began = time.perf_counter()
            offset, self.end = self.end, self.end + 1
            self._publisher.publish(offset, "x" * size)
            arrivals = self.crowd.arrivals.setdefault(offset, [])
            everybody = len(self.crowd.readers)
            # Strict: nobody of those who read waits for those who do not.
            self.crowd.read(lambda arrivals=arrivals, everybody=everybody: len(arrivals) == everybody, PATIENCE)
            late += [arrival - began for arrival in arrivals]
            del self.crowd.arrivals[offset]
        return late

    def measure(self) -> float:
        """The 99th percentile of how late events are."""
        return statistics.quantiles(self.publish(EVENTS, SIZE), n=100)[-1]

    def measure_beside(self, *, alike: bool = True) -> float:
        """The same beside 50 that never read."""
        with self.neglected(alike=alike):
            return self.measure()

    @contextmanager
    def neglected(self, *, alike: bool) -> Iterator[None]:
        """50 come, and are not read. At the end they are there still, read on where they were, and go.

        ``alike``, they share their messages with the others; else each has its own.
        """
        slow = self.crowd.join(NEVER, narrow=True, alike=alike)
        self.crowd.neglect(slow)
        self.publish(LAG, LARGE)
        yield
        assert self.subscribers == READERS + NEVER
        assert all(each.next is not None and each.next < self.end for each in slow)
        self.crowd.heed(slow)
        self.crowd.read(lambda: all(each.next == self.end for each in slow), PATIENCE)
        self.crowd.neglect(slow)
        self.crowd.arrivals.clear()
        for each in slow:
            each.socket.close()
        until(lambda: self.subscribers == READERS, what="the 50 to be gone")

    @property
    def subscribers(self) -> int:
        """How many the daemon knows of."""
        return int(self._daemon.status()["subscriptions"]["count"]["live"])

    @property
    def memory(self) -> int:
        """Bytes that the daemon has in memory."""
        assert self._daemon.process is not None
        pages = Path(f"/proc/{self._daemon.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        self.crowd.close()
        self._publisher.socket.close()


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    """A daemon with 950 readers."""
    with DaemonProcess(tmp_path_factory.mktemp("eventd"), CONFIG) as daemon:
        filled = Hall(daemon)
        filled.fill()
        yield filled
        filled.close()


def compare(hall: Hall) -> tuple[float, list[float], list[float]]:
    """The ratio of the medians, and the 99th percentiles without the 50 and with them."""
    without, beside = [], []
    for number in range(ROUNDS):
        # Which is first changes, so that what grows or ebbs away is the same for both.
        kinds = [(without, hall.measure), (beside, hall.measure_beside)]
        for found, measure in reversed(kinds) if number % 2 else kinds:
            found.append(measure())
    return statistics.median(beside) / statistics.median(without), without, beside


@pytest.mark.timeout(600)
def test_nobody_notices_that_50_of_1000_never_read(hall: Hall) -> None:
    told: list[object] = []
    for _ in range(ATTEMPTS):
        ratio, without, beside = compare(hall)
        in_ms = [[round(1000 * each, 1) for each in times] for times in (without, beside)]
        told.append((round(ratio, 2), *in_ms))
        if ratio <= RATIO:
            break
    log.info("ratio, and the 99th percentiles in ms without the 50 and with them: %s", told)
    assert ratio <= RATIO, told


@pytest.mark.timeout(300)
def test_those_who_never_read_cost_their_windows_and_have_everything_when_they_do(hall: Hall) -> None:
    before = most = hall.memory
    with hall.neglected(alike=False):
        for _ in range(MANY):
            hall.publish(1, LARGE)
            most = max(most, hall.memory)
    most = max(most, hall.memory)
    log.info("memory before the 50: %d KiB, and with them at most %d KiB more", before >> 10, (most - before) >> 10)
    assert most - before <= NEVER * WINDOW + SLACK
