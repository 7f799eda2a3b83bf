"""The front door gathers, appends, answers each sender, and presses when it is full."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from eventd.errors import EventdError, JournalUnavailable, Stopping
from eventd.event import Draft, Encoding
from eventd.ingest import MOST_IN_FLIGHT, Done, Ingest


def draft(count: int = 1, size: int = 10) -> Draft:
    return Draft(Encoding.JSON, count, ("a.b",), b"x" * size)


class Bench:
    """An ingest whose journal and hub are driven by the test."""

    def __init__(self, most_pending: int = 1000) -> None:
        self.soon: list[Callable[[], None]] = []
        self.appended: list[tuple[list[Draft], Done]] = []
        self.pressure: list[bool] = []
        self.answers: list[tuple[str, int, EventdError | None]] = []
        self.ingest = Ingest(
            lambda drafts, done: self.appended.append((drafts, done)),
            self.soon.append,
            self.pressure.append,
            most_pending,
        )

    def submit(self, name: str, count: int = 1, size: int = 10) -> None:
        self.ingest.submit(draft(count, size), lambda first, error: self.answers.append((name, first, error)))

    def turn(self) -> None:
        soon, self.soon[:] = list(self.soon), []
        for call in soon:
            call()

    def commit(self, first: int = -1, error: EventdError | None = None) -> None:
        self.appended.pop(0)[1](first, error)


def test_what_arrives_in_one_pass_is_appended_together_and_each_sender_hears_its_offset() -> None:
    bench = Bench()
    bench.submit("a", count=3)
    bench.submit("b", count=2)
    assert bench.appended == []
    bench.turn()
    assert [d.count for d in bench.appended[0][0]] == [3, 2]
    assert bench.answers == []

    bench.commit(first=100)
    assert bench.answers == [("a", 100, None), ("b", 103, None)]
    assert bench.ingest.accepted == 5
    assert bench.ingest.idle


def test_events_gather_while_the_writer_is_busy() -> None:
    bench = Bench()
    for n in range(MOST_IN_FLIGHT + 3):
        bench.submit(str(n))
        bench.turn()
    assert len(bench.appended) == MOST_IN_FLIGHT

    bench.commit(first=1)
    bench.turn()
    assert len(bench.appended[-1][0]) == 3


def test_a_refused_unit_tells_every_sender_why_and_counts_it() -> None:
    bench = Bench()
    bench.submit("a", count=4)
    bench.turn()
    full = JournalUnavailable("no space left")
    bench.commit(error=full)
    assert bench.answers == [("a", -1, full)]
    assert bench.ingest.accepted == 0
    assert bench.ingest.refused == {"journal_unavailable": 4}
    assert bench.ingest.pending_bytes == 0


def test_pressure_rises_at_the_bound_and_falls_at_half_of_it() -> None:
    bench = Bench(most_pending=10_000)
    bench.submit("a", size=9_000)
    bench.turn()
    assert bench.pressure == []
    bench.submit("b", size=2_000)
    assert bench.pressure == [True]
    bench.turn()
    bench.commit(first=1)
    assert bench.pressure == [True, False]


def test_waiting_bytes_count_against_the_bound_even_before_they_are_appended() -> None:
    bench = Bench(most_pending=5_000)
    for _ in range(6):
        bench.submit("a", size=1_000)
    assert bench.pressure == [True]


def test_many_small_drafts_press_too_since_each_costs_memory_beside_its_body() -> None:
    bench = Bench(most_pending=10_000)
    for _ in range(20):
        bench.submit("a", size=1)
    assert bench.pressure == [True]
    bench.turn()
    bench.commit(first=0)
    assert bench.pressure == [True, False]
    assert bench.ingest.pending_bytes == 0


def test_a_journal_that_does_not_answer_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventd.ingest.PATIENCE", 0.0)
    bench = Bench()
    assert bench.ingest.problem() is None
    bench.submit("a")
    bench.turn()
    assert bench.ingest.problem() == "the journal has not answered for 0 s"
    bench.commit(error=JournalUnavailable("full"))
    assert bench.ingest.problem() is None


def test_after_stop_new_events_are_refused_and_taken_ones_finished() -> None:
    bench = Bench()
    bench.submit("taken")
    bench.turn()
    bench.ingest.stop()
    bench.submit("late")
    bench.turn()
    assert [(name, type(error)) for name, _, error in bench.answers] == [("late", Stopping)]
    bench.commit(first=7)
    assert bench.answers[-1] == ("taken", 7, None)


def test_a_sender_that_cannot_be_told_does_not_cost_the_others_their_answer(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()

    def fail(first: int, error: EventdError | None) -> None:
        raise RuntimeError("gone")

    bench.ingest.submit(draft(), fail)
    bench.submit("b")
    bench.turn()
    bench.commit(first=1)
    assert bench.answers == [("b", 2, None)]
    assert "could not be told" in caplog.text
