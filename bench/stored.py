"""Cases (f), (g), (h): a journal with millions of events when it is opened, filled further, and replayed."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import payload
from bench.cases import Aim, Column, Sample
from bench.daemon import Eventd
from bench.filling import BLOCK, Filled
from bench.generator import Generator
from bench.handling import Handling
from bench.machine import Processors
from bench.process import Process
from bench.running import Contestant, Running

__all__ = ["Full", "Ready", "Replay"]

#: A replay that has not ended by then has failed.
_MOST_SECONDS = 300
_EMPTY = "empty journal in eventd"


def _journal(filled: Filled) -> str:
    return f"The journal has {filled.events:,} events, in rows of {BLOCK}, all of them handled."


class Ready:
    """Case (f): from the start of the process to a 200 from /readyz."""

    key = "f"
    title = "Time to ready with a large journal, seconds"
    columns: Sequence[Column] = (
        Column("seconds", "seconds", "{:.2f}"),
        Column("cpu", "CPU s", "{:.2f}"),
        Column("memory", "MiB resident"),
    )
    aims: Sequence[Aim] = (Aim("seconds", most=2.0),)

    def __init__(self, processors: Processors, filled: Filled) -> None:
        self._processors = processors
        self.how = (
            f"From the start of the process until `/readyz` says 200 and the handler has started, Python's own start "
            f"included. {_journal(filled)} Its file is synced and not in the page cache."
        )
        self.contestants: Sequence[Contestant] = (
            Eventd("http", filled=filled),
            Eventd("http", name=_EMPTY),
        )

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One start."""
        with contestant.start(directory, 0, self._processors.every) as running:
            memory = running.processes[0].memory() / 2**20
            return {"seconds": running.ready_after, "cpu": running.cpu(), "memory": memory}


class Full(Handling):
    """Case (g): the run of case (a), behind a large journal."""

    key = "g"
    title = "Acknowledged events/s with a large journal"
    aims: Sequence[Aim] = (Aim("rate", _EMPTY, 0.9),)

    def __init__(self, generator: Generator, processors: Processors, seconds: float, filled: Filled) -> None:
        super().__init__(generator, processors, seconds)
        self.how = f"As in (a). {_journal(filled)}"
        self.contestants: Sequence[Contestant] = (
            Eventd("forward", filled=filled),
            Eventd("forward", name=_EMPTY),
        )


class Replay:
    """Case (h): the whole journal once more through the handler of case (a)."""

    key = "h"
    title = "Replayed events/s through a Python handler"
    columns: Sequence[Column] = (
        Column("rate", "events/s"),
        Column("server_cpu", "CPU s per million", "{:.2f}"),
    )
    aims: Sequence[Aim] = (Aim("rate", least=500_000),)

    def __init__(self, processors: Processors, filled: Filled) -> None:
        self._processors = processors
        self._events = filled.events
        #: What the handler is to have added up.
        self._total = self._events // BLOCK * payload.chunk_total(BLOCK)
        self.how = (
            f"`eventd replay` from the first event to the last, the start of the command included. {_journal(filled)} "
            "The handler decodes each event and adds up one field; the sum is checked."
        )
        self.contestants: Sequence[Contestant] = (Eventd("http", filled=filled),)

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One replay."""
        with contestant.start(directory, 0, self._processors.every) as running:
            return self._replay(running, directory)

    def _replay(self, running: Running, directory: Path) -> Sample:
        config = str(directory / "eventd.ini")
        command = [sys.executable, "-m", "eventd", "replay", "bench", "-c", config, "--from", "0"]
        cpu, begin = running.cpu(), time.monotonic()
        with Process("replay", command, directory, processors=self._processors.every) as replay:
            if replay.child.wait(_MOST_SECONDS):
                replay.alive()
        seconds = time.monotonic() - begin
        return {"rate": self._checked(running) / seconds, "server_cpu": (running.cpu() - cpu) / self._events * 1e6}

    def _checked(self, running: Running) -> int:
        reading = running.meter.read() if running.meter is not None else None
        if reading is None or (reading.events, reading.total) != (self._events, self._total):
            raise RuntimeError(f"{self._events:,} events were to be replayed, the handler had {reading}")
        return reading.events
