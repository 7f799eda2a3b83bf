"""Cases (f) and (g): what a journal that holds millions of events costs at the start, and while more come in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.cases import Aim, Column, Sample
from bench.daemon import Eventd
from bench.filling import BLOCK, Filled
from bench.generator import Generator
from bench.handling import Handling
from bench.machine import Processors
from bench.running import Contestant

__all__ = ["Full", "Ready"]

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
