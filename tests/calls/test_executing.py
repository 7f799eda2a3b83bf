"""``execute`` is called for one event after the other, and each fails alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from eventd import green
from eventd.calls.collector import Collector
from eventd.calls.executing import Behind, PluginExit, executing, exit_of
from eventd.dispatch.calling import LONGEST_HOLD, Breath
from eventd.event import Batch, Event
from eventd.process import ExitCalled
from tests.dispatch.world import on_hub, wait


def collector() -> Collector:
    made = Collector("eventd://n/event_type/x", {})
    made.open()
    return made


def batch_of(*data: object) -> Batch:
    return Batch.of([Event("a", one) for one in data])


def test_failures_stay_apart_and_take_back_what_they_left() -> None:
    emit = collector()

    def execute(event: Event) -> None:
        emit("seen", event.data)
        if event.data == 1:
            raise SystemExit
        if event.data == 2:
            raise ValueError

    batch = batch_of(0, 1, 2, 3)
    executing(execute, emit)(batch)

    assert {index: type(error) for index, error in batch.failures.items()} == {1: PluginExit, 2: ValueError}
    assert sum(draft.count for draft in emit.close()) == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ExitCalled(3), "it called os._exit(3)"),
        (SystemExit(3), "it raised SystemExit(3)"),
        (KeyboardInterrupt(), "it raised KeyboardInterrupt()"),
    ],
)
def test_what_would_end_a_program_is_told_as_it_was_done(error: BaseException, told: str) -> None:
    assert str(exit_of(error)) == told


def test_behind_a_failure_its_key_is_not_tried() -> None:
    tried: list[Any] = []

    def execute(event: Event) -> None:
        tried.append(event.data)
        if event.data == "a1":
            raise ValueError

    batch = batch_of("a1", "b1", "a2", "b2")
    executing(execute, collector(), key=lambda event: event.data[0])(batch)

    assert tried == ["a1", "b1", "b2"]
    assert {index: type(error) for index, error in batch.failures.items()} == {0: ValueError, 2: Behind}


def test_what_is_not_the_plugins_ends_the_call() -> None:
    class BrokenOff(BaseException):
        pass

    def execute(event: Event) -> None:
        raise BrokenOff

    batch = batch_of(1, 2)
    with pytest.raises(BrokenOff):
        executing(execute, collector())(batch)
    assert not batch.failures


@on_hub
def test_long_work_on_the_hub_lets_others_have_their_turn() -> None:
    turns: list[Any] = []
    group = green.Group("test")

    def other() -> None:
        while True:
            turns.append(time.perf_counter())
            green.sleep(0)

    def execute(event: Event) -> None:
        until = time.perf_counter() + LONGEST_HOLD / 2
        while time.perf_counter() < until:
            pass

    group.spawn("other", other)
    green.sleep(0)
    before = len(turns)
    executing(execute, collector(), Breath())(batch_of(*range(20)))

    assert len(turns) - before >= 5
    group.kill()
    wait(lambda: not len(group))
