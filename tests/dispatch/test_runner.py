"""One call of a plugin: where it runs, what it emits, how long it holds the hub."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from eventd import green
from eventd.calls.collector import Collector
from eventd.calls.executing import PluginExit
from eventd.calls.traces import Traces
from eventd.dispatch.calling import Place
from eventd.dispatch.runner import Runner
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

        def work(batch: Batch) -> None:
            for event in batch:
                emit("b", event.data)

        runner = Runner(work, place, Traces(emit, None), times.append)

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

        runner = Runner(work, place, Traces(emit, None), times.append)
        with pytest.raises(ValueError):
            runner.run(Batch.of([Event("a")]))

        assert len(runner.run(Batch.of([Event("a")]))) == 1
        assert len(times) == 2

    in_place("green", body)
