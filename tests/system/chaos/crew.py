"""Who publishes and subscribes: child processes that are killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.wait import until
from tests.system.chaos.notes import last, read

__all__ = ["GROUP", "PUBLISHERS", "SUBSCRIBERS", "WORKERS", "Child", "Crew"]

ROOT = Path(__file__).resolve().parents[3]
#: The durable subscription.
GROUP = "workers"

#: By name: how they write.
PUBLISHERS = {"a": "json", "b": "msgpack", "c": "json"}
#: By name: how they write, and what they ask for.
SUBSCRIBERS: dict[str, tuple[str, dict[str, Any]]] = {
    "all": ("json", {"types": ["chaos.>"], "start": "earliest"}),
    "few": ("json", {"types": ["chaos.>"], "start": "earliest", "credit": 7}),
    "one": ("msgpack", {"types": ["chaos.a"], "start": "earliest"}),
    "sevens": ("json", {"types": ["chaos.*"], "start": "now", "filters": [{"suffix": {"id": "7"}}]}),
}
_WORK = {"types": ["chaos.>"], "start": "earliest", "name": GROUP}
WORKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "first": ("json", _WORK), "second": ("msgpack", {**_WORK, "credit": 30}), "third": ("json", {**_WORK, "credit": 1}),
}  # fmt: skip

#: Seconds for a child to begin, in calm, and to end when it is told to.
STARTS_WITHIN, ENDS_WITHIN = 30.0, 60.0


class Child:
    """One of them, with its notes; it goes on from those when it is started again."""

    def __init__(self, program: str, name: str, directory: Path, url: str, *arguments: str) -> None:
        self.name = f"{program} {name}"
        self.notes = directory / f"{program}-{name}.jsonl"
        self.log = self.notes.with_suffix(".log")
        self._program = program
        self._arguments = (url, str(self.notes), *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._noted = 0

    def start(self) -> None:
        """Start it, whether for the first time or not."""
        command = [sys.executable, "-W", "error", "-m", f"tests.system.chaos.{self._program}", *self._arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)
        self._noted = self._size

    @property
    def begun(self) -> bool:
        """Whether it is at work, and knows how it is told to end: the first thing it does is to write that down."""
        return self._size > self._noted

    @property
    def ended(self) -> int | None:
        """Its exit status, where it has ended."""
        assert self._process is not None
        return self._process.poll()

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Have it finish what it has begun; its exit status."""
        return self._end(signal.SIGTERM)

    def lines(self) -> list[dict[str, Any]]:
        """All that it wrote down."""
        return read(self.notes)

    def last(self) -> dict[str, Any]:
        """What it wrote down last."""
        return last(self.notes)

    @property
    def _size(self) -> int:
        return self.notes.stat().st_size if self.notes.exists() else 0

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(ENDS_WITHIN)


class Crew:
    """All of them; whoever is left at the end is killed."""

    def __init__(self, directory: Path, port: int) -> None:
        directory.mkdir()
        url = f"ws://127.0.0.1:{port}/"
        self.publishers = [Child("publisher", name, directory, url, name, how) for name, how in PUBLISHERS.items()]
        self.subscribers = self._made("subscriber", SUBSCRIBERS, directory, url)
        self.workers = self._made("worker", WORKERS, directory, url)

    @property
    def everyone(self) -> list[Child]:
        """All children."""
        return [*self.publishers, *self.consumers]

    @property
    def consumers(self) -> list[Child]:
        """Those who subscribe."""
        return [*self.subscribers.values(), *self.workers.values()]

    def start(self) -> None:
        """Start all, and wait until each is at work."""
        for child in self.everyone:
            child.start()
        self.settle()

    def settle(self) -> None:
        """Wait until all are at work."""
        until(lambda: all(child.begun for child in self.everyone), timeout=STARTS_WITHIN, what="all children to begin")

    def notes(self, children: Mapping[str, Child]) -> dict[str, list[dict[str, Any]]]:
        """What each of some wrote down."""
        return {name: child.lines() for name, child in children.items()}

    def died(self) -> list[str]:
        """Who has ended although nobody told it to."""
        return [f"{child.name} ended with {child.ended}" for child in self.everyone if child.ended is not None]

    def complaints(self) -> list[str]:
        """What their logs should not have: whatever breaks, nobody has broken the protocol."""
        return [
            f"{child.name}: {line.strip()}"
            for child in self.everyone
            for line in child.log.read_text(errors="replace").splitlines()
            if any(word in line for word in ("broke the", "fault", "refused:", "Traceback"))
        ]

    def __enter__(self) -> Crew:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.everyone:
            child.kill()

    @staticmethod
    def _made(
        program: str, terms: Mapping[str, tuple[str, dict[str, Any]]], directory: Path, url: str
    ) -> dict[str, Child]:
        return {
            name: Child(program, name, directory, url, how, json.dumps(wanted)) for name, (how, wanted) in terms.items()
        }
