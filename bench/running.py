"""The face that all contestants have: eventd, its peers, and the trivial server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.meter import Meter
from bench.payload import Message
from bench.process import Process, until

__all__ = ["Contestant", "Running"]


@dataclass
class Running:
    """A contestant that is ready; ``meter`` is its consumer's count, where it has one.

    ``ready_after`` is how many seconds it took to start, where that is measured, and
    ``doors`` are the ports of a server that has several.
    """

    port: int
    processes: list[Process]
    meter: Meter | None = None
    ready_after: float = 0.0
    doors: Mapping[str, int] = field(default_factory=dict)

    def wait(self, events: int, timeout: float) -> None:
        """Wait until its consumer has handled so many events.

        :raises RuntimeError: when one of its processes failed before.
        """
        meter = self.meter
        if meter is not None:
            until(lambda: meter.read().events >= events or self._failed(), timeout, f"{events:,} handled events")

    def _failed(self) -> bool:
        for process in self.processes:
            if process.child.poll() not in (None, 0):
                process.alive()
        return False

    def cpu(self) -> float:
        """Processor seconds of all its processes."""
        return sum(process.cpu() for process in self.processes if process.child.poll() is None)


class Contestant(Protocol):
    """Takes messages on a port and answers them; with a consumer, Python code handles the events."""

    name: str
    note: str

    def message(self, *, deflate: bool = False) -> Message:
        """What is sent to it; ``deflate`` offers compression where the protocol has it."""

    def start(self, directory: Path, events: int, processors: Iterable[int]) -> AbstractContextManager[Running]:
        """Run it with nothing stored; a consumer of its own ends after so many events."""
