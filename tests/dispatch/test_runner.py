"""One call of a plugin: where it runs, what it emits, how long it holds the hub."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from eventd import green
from eventd.dispatch.calling import LONGEST_HOLD, Place, PluginExit
from eventd.dispatch.emitter import Collector
from eventd.dispatch.runner import Runner, executing
from eventd.event import Batch, Event
from tests.dispatch.world import on_hub, wait


def collector() -> Collector:
    return Collector("eventd://n/handler/x", {})


def in_place(run: str, body: Callable[[Place], None]) -> None:
    @on_hub
    def whole() -> None:
        bridge = green.Bridge()
        place = Place(run, "handler:it", bridge)
        body(place)
        place.close()
        bridge.close()

    whole()


@pytest.mark.parametrize(("run", "thread"), [("green", "MainThread"), ("thread", "handler:it")])
def test_a_place_is_where_it_says(run: str, thread: str) -> None:
    def body(place: Place) -> None:
        assert place.call(lambda word: (word, threading.current_thread().name), "hello") == ("hello", thread)

    in_place(run, body)


@pytest.mark.parametrize("run", ["green", "thread"])
def test_an_exit_becomes_an_ordinary_error_with_its_cause(run: str) -> None:
    def leave() -> None:
        raise SystemExit(3)

    def body(place: Place) -> None:
        with pytest.raises(PluginExit, match=r"it raised SystemExit\(3\)") as caught:
            place.call(leave)
        assert isinstance(caught.value.__cause__, SystemExit)
        with pytest.raises(ZeroDivisionError):
            place.call(lambda: 1 / 0)

    in_place(run, body)


@on_hub
def test_a_green_thread_can_still_be_killed_inside_a_plugin() -> None:
    bridge, group = green.Bridge(), green.Group("test")
    place = Place("green", "handler:it", bridge)
    after: list[str] = []

    def forever() -> None:
        place.call(green.Signal().wait)
        after.append("went on")

    killed = group.spawn("it", forever)
    green.sleep(0)
    killed.kill()
    wait(lambda: not len(group))

    assert after == []
    bridge.close()


def test_a_runner_gives_what_was_emitted_and_tells_the_time() -> None:
    def body(place: Place) -> None:
        emit, times = collector(), list[float]()
        runner = Runner(lambda batch: [emit("b", event.data) for event in batch], place, emit, times.append)  # type: ignore[arg-type, return-value]  # what it returns is not looked at

        drafts = runner.run(Batch.of([Event("a", 1), Event("a", 2)]))

        assert [draft.count for draft in drafts] == [1, 1]
        assert len(times) == 1
        assert times[0] >= 0

    in_place("green", body)


def test_a_runner_forgets_what_a_failed_call_emitted() -> None:
    def body(place: Place) -> None:
        emit, times = collector(), list[float]()

        def work(batch: Batch) -> None:
            emit("b")
            if len(times) == 0:
                raise ValueError

        runner = Runner(work, place, emit, times.append)
        with pytest.raises(ValueError):
            runner.run(Batch.of([Event("a")]))

        assert len(runner.run(Batch.of([Event("a")]))) == 1
        assert len(times) == 2

    in_place("green", body)


@pytest.mark.parametrize("run", ["green", "thread"])
def test_execute_is_called_for_each_event_and_failures_stay_apart(run: str) -> None:
    def body(place: Place) -> None:
        emit = collector()

        def execute(event: Event) -> None:
            emit("seen", event.data)
            if event.data == 1:
                raise SystemExit
            if event.data == 2:
                raise ValueError

        batch = Batch.of([Event("a", number) for number in range(4)])
        drafts = Runner(executing(execute, emit, place), place, emit, lambda seconds: None).run(batch)

        assert {index: type(error) for index, error in batch.failures.items()} == {1: PluginExit, 2: ValueError}
        assert sum(draft.count for draft in drafts) == 2

    in_place(run, body)


def test_long_work_on_the_hub_lets_others_have_their_turn() -> None:
    def body(place: Place) -> None:
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
        executing(execute, collector(), place)(Batch.of([Event("a")] * 20))

        assert len(turns) - before >= 5
        group.kill()
        wait(lambda: not len(group))

    in_place("green", body)
