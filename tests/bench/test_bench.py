"""The load generator counts right on every wire, and results become a page. The runs themselves are no tests."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from bench import payload
from bench.build import build
from bench.burning import burn, turns_in
from bench.cases import Aim, Case, Column, Row, run_case
from bench.contestants import Ceiling
from bench.filling import Filled
from bench.generator import Generator
from bench.machine import processors
from bench.meter import Meter
from bench.payload import Message
from bench.publishing import Publishing
from bench.report import Report, verdicts

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")

MESSAGES = {
    "forward": payload.forward,
    "nats": payload.nats,
    "redis": payload.redis,
    "websocket": payload.native,
    "websocket, pings": payload.ping,
    "websocket, large frames": payload.native_chunk,
}


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator(build(tmp_path_factory.mktemp("programs")))


@pytest.mark.parametrize("make", MESSAGES.values(), ids=list(MESSAGES))
def test_each_message_is_answered_once(generator: Generator, tmp_path: Path, make: Callable[[], Message]) -> None:
    message, everywhere = make(), processors().every
    with generator.sink(message, tmp_path, everywhere) as (port, _):
        load = generator.run(message, port, tmp_path, everywhere, connections=3, window=4, total=50, seconds=20)
    assert (load.opened, load.sent, load.answered, load.errors, load.closed) == (3, 50, 50, 0, 0)
    assert 0 < load.p50 <= load.p99 <= load.most * 1.02
    assert load.first < load.last


def test_a_fixed_rate_is_kept(generator: Generator, tmp_path: Path) -> None:
    message, everywhere = payload.native(), processors().every
    with generator.sink(message, tmp_path, everywhere) as (port, _):
        load = generator.run(
            message, port, tmp_path, everywhere, connections=10, window=64, rate=1000, total=500, seconds=20
        )
    assert load.answered == 500
    assert load.missed == 0
    assert 0.45 < load.seconds < 5


def test_idle_connections_are_held_and_touched(generator: Generator, tmp_path: Path) -> None:
    message, everywhere = payload.native(), processors().every
    with (
        generator.sink(message, tmp_path, everywhere) as (port, _),
        generator.idle(message, port, tmp_path, everywhere, connections=20, window=1, seconds=20) as touch,
    ):
        touch()
        touch()


def test_a_server_that_breaks_off_is_told(generator: Generator, tmp_path: Path) -> None:
    message, everywhere = payload.native(), processors().every
    broken = payload.forward()  # its sink does not answer the upgrade as a WebSocket server does
    with (
        generator.sink(broken, tmp_path, everywhere) as (port, process),
        pytest.raises(RuntimeError, match="load generator"),
    ):
        process.stop()
        generator.run(message, port, tmp_path, everywhere, total=1, seconds=1)


def test_the_meter_is_read_where_it_is_not_written(tmp_path: Path) -> None:
    reader = Meter(tmp_path / "meter", create=True)
    writer = Meter(tmp_path / "meter")
    assert reader.read() == (0, 0, 0, 0)
    writer.ready()
    writer.add(3, 33)
    writer.add(4, 44)
    reading = reader.read()
    assert (reading.events, reading.total, reading.ready) == (7, 77, 1)
    assert reading.last > 0


def test_a_meter_adds_up_what_several_processes_count(tmp_path: Path) -> None:
    reader = Meter(tmp_path / "meter", create=True)
    writers = [Meter(tmp_path / "meter") for _ in range(2)]
    writers[0].ready()
    assert reader.read().ready == 1
    for writer in writers:
        writer.ready()
        writer.add(3, 33)
    reading = reader.read()
    assert (reading.events, reading.total, reading.ready) == (6, 66, 2)


def test_twice_the_turns_are_burnt_in_twice_the_time() -> None:
    assert turns_in(0.004) > 1.3 * turns_in(0.002) > 0
    assert burn(9) == sum(range(8))


def test_a_large_journal_is_written_once_and_copied(tmp_path: Path) -> None:
    filled = Filled(tmp_path, 12_300)
    filled.fill(Console(quiet=True))
    filled.copy(tmp_path / "state")
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "journal.sqlite")) as journal:
        assert journal.execute("SELECT min(first), sum(count) FROM blocks").fetchone() == (0, 12_300)
        assert journal.execute("SELECT consumer, offset FROM cursors").fetchall() == [("handler:bench", 12_300)]


def test_a_contestant_that_fails_does_not_stop_the_others(generator: Generator, tmp_path: Path) -> None:
    case = _case(generator)
    rows = run_case(case, 2, tmp_path, lambda _: None)
    assert [len(row.samples) for row in rows] == [2, 0]
    assert rows[1].failed == "it cannot"


def test_the_aim_is_a_ratio_of_medians() -> None:
    eventd, peer = Row("eventd", ""), Row("websockets", "")
    eventd.samples, peer.samples = [{"rate": value} for value in (10, 30, 20)], [{"rate": 10.0}]
    case = _case(None)
    case.aims = (Aim("rate", "websockets", 2), Aim("rate", most=5), Aim("rate", least=1500))
    assert verdicts(case, [eventd, peer]) == [
        "eventd: 2.00 × websockets, aim ≥ 2 × websockets: reached",
        "eventd: 20.00, aim ≤ 5: not reached",
        "eventd: 20, aim ≥ 1,500: not reached",
    ]


def test_the_page_and_the_plot_are_written(tmp_path: Path) -> None:
    row, broken = Row("eventd", "as it comes"), Row("a <peer>", "note", failed="it cannot")
    row.samples = [{"rate": 1000.0}, {"rate": 3000.0}]
    report = Report(["a machine"], "python -m bench")
    report.add(_case(None), [row, broken])
    report.write(tmp_path)
    page = (tmp_path / "benchmarks.md").read_text()
    assert "| eventd | 2,000 (1,000–3,000) |" in page
    assert "a <peer> failed: it cannot" in page
    ET.fromstring((tmp_path / "benchmarks.svg").read_text())  # our own text


class _Case(Publishing):
    """A case whose contestants are given, and whose second one fails."""

    columns: Sequence[Column] = (Column("rate", "events/s"),)

    def measure(self, contestant: object, directory: Path) -> dict[str, float]:
        if contestant is self.contestants[-1]:
            raise RuntimeError("it cannot")
        return {"rate": 1.0}


def _case(generator: Generator | None) -> Case:
    case = _Case(generator, processors(), 0.1)  # type: ignore[arg-type]  # nothing is sent
    case.contestants = [Ceiling(generator, payload.native(), name) for name in "ab"]  # type: ignore[arg-type]  # nor here
    return case
