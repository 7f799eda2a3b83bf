"""The plugin behind a consumer: where it runs by default, and what is told when it cannot start."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from eventd import green
from eventd.calls.collector import Collector
from eventd.dispatch.work import Work
from eventd.event import Batch, Event
from eventd.plugin.contract import Handler
from eventd.plugin.registry import Registry
from tests.dispatch.world import on_hub
from tests.plugin.support import configuration


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
