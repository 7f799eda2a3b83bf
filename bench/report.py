"""Tells the results: a table on the terminal, a page in Markdown, a plot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.cases import OTHERS, Aim, Case, Column, Row
from bench.plot import plot

__all__ = ["Report", "table"]

#: From this many processors' worth of others' work on, a figure is worth less.
_DISTURBED = 0.1

_HEAD = """# Benchmarks

Written by the run itself; do not edit. `make bench` repeats it.

- Command: `{command}`
- When: {when}
{machine}

Each figure is the median over the rounds, with the least and the most in brackets. Rounds are interleaved: every
contestant runs once, then every contestant again. The load generator is a C program built for the run; its own ceiling,
against a C server that does nothing, stands in the tables.

What the contestants promise with an acknowledgement differs, and eventd promises most: its acknowledgement means that
the event was synced to the disk. JetStream's default syncs every two minutes, Redis's `everysec` each second; core
NATS, Redis' PUBLISH and the bare WebSocket servers keep nothing.

![Each contestant beside eventd](benchmarks.svg)
"""


def _figure(row: Row, column: Column, spread: bool) -> str:
    median, values = row.median(column.key), row.values(column.key)
    if median is None:
        return "failed" if row.failed else "–"
    text = column.form.format(median)
    if spread and len(values) > 1:
        text += f" ({column.form.format(min(values))}–{column.form.format(max(values))})"
    return text


def _ratio(rows: Sequence[Row], row: Row, column: Column) -> str:
    """How many times the contestant's figure eventd's is; empty for eventd and for ceilings."""
    own, other = rows[0].median(column.key), row.median(column.key)
    if own is None or not other or row.name.startswith(("eventd", "load generator")):
        return ""
    return f"{own / other:.2f} ×"


def _cells(case: Case, rows: Sequence[Row], row: Row) -> list[str]:
    first, *others = case.columns
    figures = [_figure(row, column, False) for column in others]
    return [row.name, _figure(row, first, True), _ratio(rows, row, first), *figures]


def _titles(case: Case) -> list[str]:
    return ["", case.columns[0].title, "eventd / this", *(column.title for column in case.columns[1:])]


def verdicts(case: Case, rows: Sequence[Row]) -> list[str]:
    """One line for each aim and each row of eventd that it is about."""
    lines = []
    for row in rows:
        if row.name.startswith("eventd"):
            lines += [_verdict(row, aim, {other.name: other for other in rows}) for aim in case.aims]
    return [line for line in lines if line]


def _verdict(row: Row, aim: Aim, rows: dict[str, Row]) -> str:
    own = row.median(aim.column)
    if own is None:
        return ""
    if aim.most is not None:
        return f"{row.name}: {own:.2f}, aim {aim.told()}: {'reached' if own <= aim.most else 'not reached'}"
    if aim.least is not None:
        return f"{row.name}: {own:,.0f}, aim {aim.told()}: {'reached' if own >= aim.least else 'not reached'}"
    other = rows[aim.peer].median(aim.column) if aim.peer in rows else None
    if other is None:
        return ""
    reached = "reached" if own >= aim.times * other else "not reached"
    return f"{row.name}: {own / other:.2f} × {aim.peer}, aim {aim.told()}: {reached}"


def _failures(rows: Sequence[Row]) -> list[str]:
    return [f"{row.name} failed: {row.failed}" for row in rows if row.failed]


def disturbed(rows: Sequence[Row]) -> list[str]:
    """A warning, where others used the machine during the runs."""
    most = max((value for row in rows for value in row.values(OTHERS)), default=0.0)
    if most < _DISTURBED:
        return []
    return [f"Disturbed: other programs used up to {most:.0%} of a processor meanwhile. Repeat it on a quiet machine."]


def table(case: Case, rows: Sequence[Row]) -> Table:
    """The case for the terminal."""
    caption = "\n".join([*verdicts(case, rows), *_failures(rows), *disturbed(rows)])
    drawn = Table(title=f"({case.key}) {case.title}", caption=caption, caption_justify="left", title_justify="left")
    for index, title in enumerate(_titles(case)):
        drawn.add_column(title, justify="right" if index else "left")
    for row in rows:
        drawn.add_row(*_cells(case, rows, row))
    return drawn


class Report:
    """Gathers the cases of one run for ``docs/benchmarks.md`` and its plot."""

    def __init__(self, machine: Sequence[str], command: str) -> None:
        self._parts = [
            _HEAD.format(
                command=command.strip(),
                when=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                machine="\n".join(f"- {line}" for line in machine),
            )
        ]
        self._cases: list[tuple[Case, Sequence[Row]]] = []

    def add(self, case: Case, rows: Sequence[Row]) -> None:
        """Add a case that has been run."""
        self._cases.append((case, rows))
        lines = [f"## ({case.key}) {case.title}", "", case.how, "", *_markdown(_titles(case))]
        lines[-1] = "|---" + "|--:" * (len(case.columns) + 1) + "|"
        lines += [_markdown(_cells(case, rows, row))[0] for row in rows]
        notes = [*verdicts(case, rows), *_failures(rows), *disturbed(rows)]
        lines += ["", *(f"- {line}" for line in notes), "", "How each is set up:", ""]
        lines += [f"- **{row.name}**: {row.note}." for row in rows]
        self._parts.append("\n".join(lines) + "\n")

    def write(self, directory: Path) -> None:
        """Write the page and the plot."""
        (directory / "benchmarks.md").write_text("\n".join(self._parts))
        (directory / "benchmarks.svg").write_text(plot(self._cases))


def _markdown(cells: Sequence[str]) -> list[str]:
    return ["| " + " | ".join(cells) + " |", ""]
