"""What ``eventd top`` draws, in windows of any size."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from eventd.cli.rates import rates
from eventd.cli.view import History, draw
from tests.cli.statuses import status


def screen(
    width: int = 80, height: int | None = None, handlers: int = 2, gone: str | None = None, **changes: Any
) -> list[str]:
    """The lines after three seconds."""
    history = History(60)
    for second in range(1, 4):
        now = rates(status(second - 1, handlers), status(second, handlers, **changes))
        history.add(now)
    out = Console(width=width, file=io.StringIO(), highlight=False, markup=False, emoji=False)
    out.print(draw(out, now, history, gone, height))
    assert isinstance(out.file, io.StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def row(lines: list[str], name: str) -> list[str]:
    return next(line.split() for line in lines if line.startswith(name))


@pytest.mark.parametrize(
    ("width", "gone"), [(40, ["settled/s", "dead", "retries"]), (50, ["retries"]), (60, []), (80, []), (200, [])]
)
def test_columns_go_by_their_importance_and_no_line_is_wider_than_the_window(width: int, gone: list[str]) -> None:
    lines = screen(width)

    assert max(map(len, lines)) <= width
    columns = row(lines, "handler ")
    all_of_them = ["handler", "state", "settled/s", "pending", "±", "dead", "retries"]
    assert columns == [name for name in all_of_them if name not in gone]
    values = dict(zip(columns, row(lines, "handler:n1"), strict=True))
    assert (values["state"], values["pending"], values["±"]) == ("running", "1,015", "↑")


def test_all_is_told() -> None:
    queues = [{"name": "ingest", "bytes": 32, "limit": 64}, {"name": "backlog", "bytes": 0, "limit": 9}]
    lines = screen(queues=queues, subscriptions={"count": {"live": 2}})

    assert lines[0].startswith("eventd 0.1.0 on n1: ready, up 16m 43s, lag 1.2 ms ███, 3 stalls")
    assert row(lines, "received") == ["received", "100/s", "███"]
    assert row(lines, "rejected")[1] == "10/s"
    assert row(lines, "http") == ["http", "0", "50"]
    for line in (
        "subscriptions: 2 live", "queues: ingest 50%",
        "journal: 4.8 MiB, +2.0 KiB/s; dead letters: 7", "The books balance.",
    ):  # fmt: skip
        assert line in lines


def test_what_is_wrong_stands_out() -> None:
    lines = screen(ready=False, reasons=["the disk is full", "it stops"], imbalances=["handler:x: 3 are missing"])

    assert lines[0].startswith("eventd 0.1.0 on n1: not ready")
    assert lines[1:3] == ["  the disk is full", "  it stops"]
    assert "The books do NOT balance: handler:x: 3 are missing" in lines


def test_a_daemon_that_is_gone_is_told_in_the_first_line_over_what_was_last() -> None:
    lines = screen(gone="no daemon runs here: " + "x" * 100)

    assert lines[0].startswith("eventd on n1 is gone: no daemon runs here: xxx")
    assert len(lines[0]) == 80
    assert row(lines, "handler:n1")[3] == "1,015"


@pytest.mark.parametrize("height", [11, 12, 13, 14, 18, 24, 36])
def test_rows_are_cut_to_the_height_and_those_of_interest_stay(height: int) -> None:
    lines = screen(height=height, handlers=30)

    assert len(lines) == height
    assert any(line.startswith("listener") for line in lines) == (height > 13)
    shown = [line.split()[0] for line in lines if line.startswith("handler:")]
    more = [line for line in lines if line.startswith("and ") and line.endswith(" more")]
    assert more[-1] == f"and {30 - len(shown)} more"
    assert shown[:2] == ["handler:n1", "handler:n11"][: len(shown)]
    assert "The books balance." in lines


def test_where_all_fits_nothing_is_cut_and_blank_lines_set_the_parts_apart() -> None:
    lines = screen(height=24)

    assert not any(line.endswith(" more") for line in lines)
    assert lines.count("") == 4
    assert "" not in screen(height=18, handlers=5)


def test_names_of_others_cannot_steer_the_terminal_and_long_ones_are_cut() -> None:
    told = [{"name": "handler:\x1b[2J" + "x" * 300, "state": "[running]", "pending": 1}]
    lines = screen(80, consumers=told)

    assert not any("\x1b" in line for line in lines)
    line = next(line for line in lines if "handler:\\u001b" in line)
    assert "…" in line and "[running]" in line and len(line) <= 80


def test_no_handler_and_stalls_where_they_are_told() -> None:
    assert "no handler runs" in screen(handlers=0)
    told = [{"name": "a", "state": "idle", "pending": 1, "stalls": 12}, {"name": "b", "state": "idle", "pending": 0}]
    lines = screen(200, consumers=told)
    assert (row(lines, "a ")[-1], row(lines, "b ")[-1]) == ("12", "–")


def test_of_many_queues_the_fullest_are_told_and_of_anything_else_nothing() -> None:
    many = [{"name": f"q{n}", "bytes": n, "limit": 10} for n in range(9)]
    assert "queues: q8 80%, q7 70%, q6 60%" in screen(queues=many)
    assert "queues: empty" in screen(queues=[{"name": "none", "bytes": 5, "limit": 0}])
    assert not any(line.startswith("queue") for line in screen(queues="many"))



def test_only_the_last_ones_are_remembered_and_what_is_not_known_is_blank() -> None:
    history = History(3)
    for second in range(1, 4):
        history.add(rates(status(second - 1), status(second)))
    history.add(None)
    assert history["received"] == [100, 100, None]
