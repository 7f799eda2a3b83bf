"""The plugin behind a consumer: where it runs by default, and what is told when it cannot start."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.calls.collector import Collector
from eventd.dispatch.calling import TimedOut
from eventd.dispatch.work import Work
from eventd.event import Batch, Event
from eventd.plugin.contract import Emitter, Handler, State
from eventd.plugin.registry import Registry
from tests.dispatch.world import on_hub, wait
from tests.plugin.support import configuration
from tests.support.wait import SCALE

#: Seconds that nothing here lasts.
LONG = 5.0 * SCALE


class Threaded(Handler):
    types = (">",)
    run = "thread"
    seen: list[str]

    def handle(self, batch: Batch) -> None:
        self.seen.append(threading.current_thread().name)


@pytest.mark.parametrize(("text", "thread"), [("", "handler:it"), ("run = green\n", "MainThread")])
def test_the_class_says_where_it_runs_unless_the_section_does(tmp_path: Path, text: str, thread: str) -> None:
    @on_hub
    def body() -> None:
        Threaded.seen = []
        registry = Registry(configuration(tmp_path, f"[handler:it]\n{text}"))
        registry.add("handler", "it", Threaded)
        bridge, times = green.Bridge(), list[tuple[str, float]]()
        collector = Collector("eventd://n/handler/it", {})
        work = Work(registry.handlers["it"], registry, bridge, collector, lambda *it: times.append(it))

        runner = work.start()
        assert runner is not None
        runner.run(Batch.of([Event("a")]))
        work.stop()
        bridge.close()

        assert Threaded.seen == [thread]
        assert [name for name, _ in times] == ["handler:it"]

    body()


class Silent:
    """A store that does not answer before it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.gate = threading.Event()

    def get(self, key: str) -> bytes | None:
        self.asked.set()
        self.gate.wait(LONG)
        self.asked.clear()
        return None

    def range(self, prefix: str = "", **bounds: Any) -> list[tuple[str, bytes]]:
        return []

    def count(self, prefix: str = "", **besides: Any) -> int:
        return 0


class Reads(Handler):
    types = (">",)
    run = "thread"

    def __init__(self, state: State, emit: Emitter) -> None:
        self.state, self.emit = state, emit

    def handle(self, batch: Batch) -> None:
        self.state.set("written", 1)
        self.emit("b")
        self.state.add("hangs")


@on_hub
def test_the_hub_does_not_wait_for_a_call_that_is_given_up_inside_the_state(tmp_path: Path) -> None:
    registry = Registry(configuration(tmp_path, "[handler:it]\ntimeout = 50ms\n"))
    registry.add("handler", "it", Reads)
    bridge, store = green.Bridge(), Silent()
    work = Work(registry.handlers["it"], registry, bridge, store, lambda *it: None)
    runner, given_up, emitter = work.start(), work.state, work._collector
    assert runner is not None
    assert given_up is not None

    with pytest.raises(TimedOut) as caught:
        runner.run(Batch.of([Event("a")]))
    work.abandon(caught.value)
    assert store.asked.is_set()

    with pytest.raises(RuntimeError):
        emitter("b")
    assert emitter.close() == []
    assert work.state is not None
    assert work.state.take() == {}
    store.gate.set()
    wait(lambda: not work.stuck and not work._hanging)
    assert given_up.take() == {}
    work.stop()
    bridge.close()


@on_hub
def test_one_that_cannot_be_built_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Handler):
        types = (">",)

        def __init__(self) -> None:
            raise KeyboardInterrupt

        def handle(self, batch: Batch) -> None: ...

    registry = Registry(configuration(tmp_path))
    registry.add("handler", "it", Broken)
    bridge = green.Bridge()
    work = Work(registry.handlers["it"], registry, bridge, Collector("eventd://n/handler/it", {}), lambda *it: None)

    assert work.start() is None
    work.stop()
    bridge.close()

    assert "handler:it cannot be started" in caplog.text
