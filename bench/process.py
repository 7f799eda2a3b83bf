"""Child processes: started on their processors, measured, always stopped again.

What they serve is not its business. Every child dies with the benchmark, and only
processes that were started here are ever signalled.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

__all__ = ["Process", "free_port", "until"]

#: Between two looks at a condition: short beside what is measured.
_PAUSE = 0.005
_STOP_TIMEOUT = 15.0


def until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    """Wait for a condition.

    :raises TimeoutError: when it does not come true in time.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what}")
        time.sleep(_PAUSE)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One child; its output goes to a file that is told when it fails."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        directory: Path,
        *,
        processors: Iterable[int],
        environment: Mapping[str, str] | None = None,
        pipes: bool = False,
    ) -> None:
        self.name = name
        self._log = directory / f"{name}.log"
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, processors)
        try:
            with self._log.open("wb") as log:
                self.child = subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if pipes else log,
                    stderr=log,
                    env={**os.environ, **(environment or {})},
                )
        finally:
            os.sched_setaffinity(0, before)
        self._watched = psutil.Process(self.child.pid)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def stdin(self) -> IO[bytes]:
        """Its standard input; only with ``pipes``."""
        assert self.child.stdin is not None
        return self.child.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Its standard output; only with ``pipes``."""
        assert self.child.stdout is not None
        return self.child.stdout

    @property
    def output(self) -> str:
        """The last that it said: of a traceback, the error."""
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line[:300] for line in reversed(lines) if line.strip()), "it said nothing")

    def alive(self) -> bool:
        """True while it runs.

        :raises RuntimeError: with what it said last, when it ended.
        """
        if self.child.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.child.returncode}: {self.output}")
        return True

    def wait_for_port(self, port: int, timeout: float = 20.0) -> None:
        """Wait until it accepts connections."""
        until(lambda: self._accepts(port), timeout, f"{self.name} to listen on {port}")

    def _accepts(self, port: int) -> bool:
        self.alive()
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def memory(self) -> int:
        """Resident bytes."""
        return int(self._watched.memory_info().rss)

    def cpu(self) -> float:
        """Processor seconds used until now, in user and kernel mode, by it and its children that run."""
        times = [one.cpu_times() for one in (self._watched, *self._watched.children())]
        return float(sum([one.user + one.system for one in times]))

    def stop(self) -> None:
        """Ask it to end, then make it."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()
