"""The command: ``python -m bench [--only a,b,c] [--rounds N] [--quick]``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from bench.build import build
from bench.cases import Case, Row, run_case
from bench.fanout import Delay, FanOut
from bench.filling import Filled
from bench.generator import Generator
from bench.handling import Handling
from bench.idle import Idle
from bench.machine import describe, processors
from bench.publishing import Latency, Publishing
from bench.report import Report, table
from bench.stateful import Stateful
from bench.stored import Full, Ready, Replay
from bench.subscribing import Subscribing
from bench.workers import Computing, Lag, Passing

_ROOT = Path(__file__).parent.parent
#: On the same disk as the repository: on a memory file system a sync costs nothing.
_WORK = _ROOT / ".bench"
_KEYS = "abcdefghijklmn"
#: The cases that want a large journal.
_FILLED = frozenset("fghn")
#: Columns of the tables where there is no terminal to say.
_WIDTH = 140


def _cases(generator: Generator, filled: Filled, quick: bool) -> list[Case]:
    where = processors()
    return [
        Handling(generator, where, 1.0 if quick else 4.0),
        Publishing(generator, where, 1.0 if quick else 5.0),
        Idle(generator, where, 1_000 if quick else 10_000),
        Latency(generator, where, 1.0 if quick else 6.0),
        Stateful(generator, where, 1.0 if quick else 4.0),
        Ready(where, filled),
        Full(generator, where, 1.0 if quick else 4.0, filled),
        Replay(where, filled),
        FanOut(generator, where, 1.0 if quick else 5.0),
        Delay(generator, where, 1.0 if quick else 6.0),
        Subscribing(generator, where, 1.0 if quick else 4.0),
        Computing(generator, where, 1.0 if quick else 5.0),
        Lag(generator, where, 1.0 if quick else 6.0),
        Passing(where, filled),
    ]


def _keys(_: click.Context, __: click.Parameter, value: str) -> str:
    keys = value.replace(",", "")
    if not keys or set(keys) - set(_KEYS):
        raise click.BadParameter(f"the cases are {', '.join(_KEYS)}")
    return keys


@click.command(epilog="Example: python -m bench --only a,b --quick")
@click.option("--only", default=_KEYS, callback=_keys, help="The cases to run, such as a,c.")
@click.option("--rounds", default=3, show_default=True, help="How often each is measured; medians are told.")
@click.option("--quick", is_flag=True, help="Short runs, to see that all works; writes no report.")
@click.option("--against", default="", help="Run only contestants whose name contains this, beside none others.")
def main(only: str, rounds: int, quick: bool, against: str) -> None:
    """Measure eventd beside its peers on this machine."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    _WORK.mkdir(exist_ok=True)
    os.chdir(_ROOT)  # so that the children's python -m finds eventd and bench
    with tempfile.TemporaryDirectory(dir=_WORK) as place:
        directory = Path(place)
        report = Report(describe(directory), "python -m bench " + " ".join(sys.argv[1:]))
        generator = Generator(build(directory))
        filled = Filled(directory, 1_000_000 if quick else 10_000_000)
        if _FILLED & set(only):
            filled.fill(console)
        for case in _cases(generator, filled, quick):
            if case.key not in only:
                continue
            case.contestants = [one for one in case.contestants if against in one.name]
            rows = _run(console, case, rounds, directory)
            report.add(case, rows)
            console.print(table(case, rows))
    if not quick and not against and only == _KEYS:
        report.write(_ROOT / "docs")
        console.print("written: docs/benchmarks.md, docs/benchmarks.svg")


def _run(console: Console, case: Case, rounds: int, directory: Path) -> list[Row]:
    if not console.is_terminal:
        return run_case(case, rounds, directory, console.print)
    with console.status(case.title) as status:
        return run_case(case, rounds, directory, status.update)


if __name__ == "__main__":
    main()
