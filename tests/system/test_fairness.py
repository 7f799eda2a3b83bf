"""One connection that publishes as fast as it can leaves room for a thousand that do not."""

from __future__ import annotations

import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.daemon import DaemonProcess
from tests.support.publishers import Publishers
from tests.support.wait import SCALE

log = logging.getLogger(__name__)

#: Slow publishers, and the seconds that each rests behind an ack.
SLOW, PAUSE = 1000, 0.5
#: Windows that are measured with the firehose and without it in turns, and their seconds.
WINDOWS, SECONDS = 3, 1.5
#: Seconds for which a change is not measured.
SETTLED = 0.5
#: Publishes of the firehose behind which it is under way.
UNDER_WAY = 10_000
#: How much later the slowest hundredth of the acks may be beside a firehose, and how often it may be measured:
#: what else the machine does is measured, too.
RATIO, ATTEMPTS = 3.0, 4


def accepted(daemon: DaemonProcess) -> int:
    count: int = daemon.status()["events"]["accepted"]
    return count


@contextmanager
def firehose(daemon: DaemonProcess, publishers: Publishers, root: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.support.firehose", str(daemon.port("http"))]
    before, deadline = accepted(daemon), time.monotonic() + 20 * SCALE
    with subprocess.Popen(command, cwd=root) as process:
        try:
            while accepted(daemon) < before + UNDER_WAY:
                assert time.monotonic() < deadline, "the firehose does not publish"
                publishers.run_for(SETTLED)
            yield
        finally:
            process.kill()


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1]


def measured(daemon: DaemonProcess, publishers: Publishers, root: Path) -> tuple[float, float]:
    """The 99th percentile of what acks take, alone and beside a firehose: medians of windows, in turns."""
    alone, beside = [], []
    for _ in range(WINDOWS):
        alone.append(p99(publishers.run_for(SECONDS)))
        with firehose(daemon, publishers, root):
            beside.append(p99(publishers.run_for(SECONDS)))
        publishers.run_for(SETTLED)
    return statistics.median(alone), statistics.median(beside)


def test_the_slow_have_their_acks_beside_a_firehose(directory: Path, root: Path) -> None:
    with (
        DaemonProcess(directory) as daemon,
        Publishers(daemon.port("http"), SLOW, PAUSE) as publishers,
    ):
        publishers.run_for(SECONDS)
        for _ in range(ATTEMPTS):
            alone, beside = measured(daemon, publishers, root)
            log.info("p99 of an ack: %.1f ms alone, %.1f ms beside a firehose", alone * 1e3, beside * 1e3)
            if beside <= RATIO * alone:
                break
        daemon.kill()
    assert beside <= RATIO * alone
