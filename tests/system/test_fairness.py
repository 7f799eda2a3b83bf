"""One connection that publishes as fast as it can leaves room for a thousand that do not."""

from __future__ import annotations

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

#: Slow publishers, and the seconds that each rests behind an ack.
SLOW, PAUSE = 1000, 0.5
#: Windows that are measured with the firehose and without it in turns, and their seconds.
WINDOWS, SECONDS = 3, 1.5
#: Seconds for which a change is not measured.
SETTLED = 0.5
#: Publishes of the firehose behind which it is under way.
UNDER_WAY = 10_000
#: What part of the acks that they have alone the slow ones must have beside it. Each waits for one before its next
#: event, so it is less than this when acks take a sixth of a second longer.
LEAST_SHARE = 0.75


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


def test_the_slow_have_their_acks_beside_a_firehose(directory: Path, root: Path) -> None:
    alone, beside = [], []
    with (
        DaemonProcess(directory) as daemon,
        Publishers(daemon.port("http"), SLOW, PAUSE) as publishers,
    ):
        publishers.run_for(SECONDS)
        for _ in range(WINDOWS):
            alone.append(len(publishers.run_for(SECONDS)))
            with firehose(daemon, publishers, root):
                beside.append(len(publishers.run_for(SECONDS)))
            publishers.run_for(SETTLED)
        daemon.kill()
    assert statistics.median(beside) > LEAST_SHARE * statistics.median(alone), (alone, beside)
