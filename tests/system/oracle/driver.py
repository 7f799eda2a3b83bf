"""What is done to the daemon: faults at random moments, in an order that a seed decides.

After each fault every publisher must get acknowledgements again, by the daemon's own doing
or by a new start, and never by anything else.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.daemon import DaemonProcess
from tests.support.wait import PERIOD, SCALE, until
from tests.system.oracle.publishers import Publisher

__all__ = ["Disk", "Driver", "is_root"]

#: Seconds within which acknowledgements must come again after a fault.
RECOVERY = 30
#: Longest that the daemon is left alone, stopped, or without room on its disk.
CALM, FROZEN, FULL = 0.8, 1.5, 1.5


class Disk:
    """A file system in memory, small enough to be filled; only root can make one."""

    def __init__(self, place: Path, megabytes: int) -> None:
        self.place = place
        self._ballast = place / "ballast"
        place.mkdir()
        options = f"size={megabytes}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "eventd-oracle", str(place)], check=True)

    def fill(self) -> None:
        """Take all room that is left."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink()

    def remove(self) -> None:
        """Take the file system away."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)


class Driver:
    """Does one fault after the other; ``history`` has each with the second in which it began."""

    def __init__(self, daemon: DaemonProcess, publishers: Sequence[Publisher], seed: str, disk: Disk | None) -> None:
        self._daemon = daemon
        self._publishers = publishers
        self._chance = random.Random(seed)
        self._disk = disk
        self._faults: list[Callable[[], None]] = [
            self._kill, self._kill_while_it_starts, self._terminate, self._freeze, self._hang_up,
        ]  # fmt: skip
        if disk is not None:
            self._faults += [self._full_disk, self._kill_on_a_full_disk]
        self.history: list[str] = []

    def run(self, seconds: float) -> None:
        """All faults in turn, each round in another order, until the time is over; at least one round."""
        begin = time.monotonic()
        while not self.history or time.monotonic() - begin < seconds:
            for fault in self._chance.sample(self._faults, len(self._faults)):
                self._wait(CALM)
                self.history.append(f"{time.monotonic() - begin:.1f} s: {fault.__name__.strip('_')}")
                fault()
                self._recover()

    def _recover(self) -> None:
        before = [publisher.acknowledged for publisher in self._publishers]

        def silent() -> list[str]:
            pairs = zip(self._publishers, before, strict=True)
            return [p.name for p, count in pairs if p.acknowledged == count and p.failure is None]

        deadline = time.monotonic() + RECOVERY * SCALE
        while silent():
            if self._process().poll() is not None or time.monotonic() > deadline:
                ended = self._process().returncode
                what = "no acknowledgements" if ended is None else f"the daemon ended with {ended}"
                raise AssertionError(f"{what} after {self.history[-3:]}: {silent()}\n{self._daemon.tail()}")
            threading.Event().wait(PERIOD)

    def _process(self) -> subprocess.Popen[bytes]:
        assert self._daemon.process is not None
        return self._daemon.process

    def _wait(self, most: float) -> None:
        """Pause: the moment of the blow is the input of this test."""
        threading.Event().wait(self._chance.uniform(0, most))

    def _kill(self) -> None:
        self._daemon.kill()
        self._daemon.start(RECOVERY)

    def _kill_while_it_starts(self) -> None:
        self._daemon.kill()
        for _ in range(2):
            self._daemon.launch()
            self._wait(1.5)
            self._daemon.kill()
        self._daemon.start(RECOVERY)

    def _terminate(self) -> None:
        assert self._daemon.stop(RECOVERY) == 0, self._daemon.tail()
        self._daemon.start(RECOVERY)

    def _freeze(self) -> None:
        self._process().send_signal(signal.SIGSTOP)
        self._wait(FROZEN)
        self._process().send_signal(signal.SIGCONT)

    def _hang_up(self) -> None:
        self._process().send_signal(signal.SIGHUP)

    def _full_disk(self) -> None:
        assert self._disk is not None
        self._disk.fill()
        self._wait(FULL)
        self._disk.empty()

    def _kill_on_a_full_disk(self) -> None:
        assert self._disk is not None
        self._disk.fill()
        self._wait(FULL)
        self._daemon.kill()
        self._daemon.launch()
        self._wait(2 * FULL)
        self._disk.empty()
        until(self._daemon.ready, timeout=RECOVERY, what="the daemon that started on a full disk to be ready")


def is_root() -> bool:
    """Whether a file system can be mounted."""
    return os.geteuid() == 0
