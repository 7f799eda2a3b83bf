"""What a case is, and how one is run: interleaved rounds, medians, one verdict per aim.

Rounds are interleaved (A B C A B C), so that a machine that slows down or speeds up
does it to all. A contestant that fails is told with its reason, and the others go on.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.machine import Disturbance
from bench.running import Contestant

__all__ = ["OTHERS", "Aim", "Case", "Column", "Row", "run_case"]

#: Beside a case's columns: the processors' worth of work of others during the run.
OTHERS = "others"

#: Values of one run, by column.
Sample = dict[str, float]


@dataclass(frozen=True)
class Column:
    """One figure of a case; ``most`` says whether more is better, for the plot's caption."""

    key: str
    title: str
    form: str = "{:,.0f}"


@dataclass(frozen=True)
class Aim:
    """What eventd is to reach: a share of a peer's figure, or a bound from above or below."""

    column: str
    peer: str | None = None
    times: float = 1.0
    most: float | None = None
    least: float | None = None

    def told(self) -> str:
        """In words."""
        if self.peer:
            return f"≥ {self.times:g} × {self.peer}"
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:,.0f}"


@dataclass
class Row:
    """All samples of one contestant."""

    name: str
    note: str
    samples: list[Sample] = field(default_factory=list)
    failed: str | None = None

    def median(self, column: str) -> float | None:
        """The median over the rounds; ``None`` where there is no sample."""
        values = self.values(column)
        return statistics.median(values) if values else None

    def values(self, column: str) -> list[float]:
        """The samples of a column, round by round."""
        return [sample[column] for sample in self.samples if column in sample]


class Case(Protocol):
    """One question, asked of several contestants."""

    key: str
    title: str
    how: str
    columns: Sequence[Column]
    aims: Sequence[Aim]
    contestants: Sequence[Contestant]

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One run of one contestant, in an empty directory."""


def run_case(case: Case, rounds: int, directory: Path, progress: Callable[[str], None]) -> list[Row]:
    """Ask all contestants, round by round."""
    rows = [Row(contestant.name, contestant.note) for contestant in case.contestants]
    for number in range(1, rounds + 1):
        for row, contestant in zip(rows, case.contestants, strict=True):
            progress(f"({case.key}) round {number} of {rounds}: {row.name}")
            if row.failed is None:
                _measure(case, contestant, row, directory)
    return rows


def _measure(case: Case, contestant: Contestant, row: Row, directory: Path) -> None:
    os.sync()  # what one contestant left unwritten is not written at the expense of the next
    with tempfile.TemporaryDirectory(dir=directory) as place:
        disturbance = Disturbance()
        try:
            sample = case.measure(contestant, Path(place))
            row.samples.append({**sample, OTHERS: disturbance.share()})
        except (RuntimeError, TimeoutError, OSError) as error:
            row.failed = str(error)
