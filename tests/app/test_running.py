from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from eventd import Event, Handler, StateDirectory, green
from eventd.app import place, running
from eventd.app.outbox import Outbox
from eventd.app.place import Limits
from eventd.app.running import Options, Running
from eventd.app.subscription import Settings, make
from tests.app.support import loop_of, started
from tests.dispatch.world import on_hub
from tests.support.wait import until


class Connected:
    """Something beside the loop that writes down what happens to it."""

    def __init__(self, said: list[str], name: str, fails: bool = False) -> None:
        self.said = said
        self.name = name
        self.fails = fails

    def start(self) -> None:
        self.said.append(f"start {self.name} in {threading.current_thread().name}")
        if self.fails:
            raise ZeroDivisionError

    def stop(self, timeout: float) -> bool:
        self.said.append(f"stop {self.name}")
        return True


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(place, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(place, "LEAST_FREE", 0)
    return tmp_path


def make_running(said: list[str], *connected: Connected, **options: Any) -> Running:
    class Says(Handler):
        types = (">",)

        def start(self) -> None:
            said.append("start handler")

        def handle(self, batch: Any) -> None: ...

        def stop(self) -> None:
            said.append("stop handler")

    given = {"journal": None, "limits": Limits(), "buffer": 1 << 20, "stop_timeout": 1.0, "on_error": None, **options}
    return Running(
        Options(**given), [make(Says, "says", None, None, Settings())], list(connected), Outbox(given["buffer"])
    )


@on_hub
def test_it_starts_from_the_back_and_stops_from_the_front() -> None:
    said: list[str] = []
    made = make_running(said, Connected(said, "one"), Connected(said, "two"))
    made.start()
    until(lambda: "start handler" in said, pause=green.sleep)
    assert made.started
    made.stop()

    assert said[-3:] == ["stop two", "stop one", "stop handler"]
    assert sorted(said[:-3]) == ["start handler", "start one in eventd-pool-0", "start two in eventd-pool-0"]


@on_hub
def test_a_start_that_fails_stops_what_had_started(memory: Path) -> None:
    said: list[str] = []
    made = make_running(said, Connected(said, "one"), Connected(said, "two", fails=True))
    with pytest.raises(ZeroDivisionError):
        made.start()
    made.stop()

    assert "stop one" in said
    assert list(memory.iterdir()) == []


@on_hub
def test_who_asks_it_to_stop_is_heard_from_any_thread() -> None:
    made = make_running([])
    made.start()
    threading.Thread(target=made.ask_to_stop).start()
    made.wait()
    assert made.asked
    made.stop()


def test_a_subscriber_that_hangs_does_not_hold_up_the_end_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LEAST_SECONDS", 0.1)
    go, begun = threading.Event(), threading.Event()
    loop = loop_of(stop_timeout=0.1)

    @loop.subscribe
    def hangs(event: Event) -> None:
        begun.set()
        go.wait()

    loop.publish(Event("a"))
    began = time.monotonic()
    with started(loop):
        begun.wait()
    assert time.monotonic() - began < 10
    go.set()


def test_who_holds_the_event_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def holds(event: Event) -> None:
        until(lambda: time.monotonic() > began + 0.2)

    loop = loop_of()
    loop.subscribe(holds, name="holds", run="green")
    loop.publish(Event("a"))
    began = time.monotonic()
    loop.stop()
    loop.start()

    assert "handler:holds held the event loop for 0." in caplog.text
    assert green.hub().on_stall is None


def test_a_handler_may_keep_files_beside_the_journal(tmp_path: Path) -> None:
    class Keeps(Handler):
        types = (">",)

        def __init__(self, own: StateDirectory) -> None:
            self.own = own

        def handle(self, batch: Any) -> None:
            (self.own / "file").touch()

    loop = loop_of(Keeps, journal=tmp_path / "events")
    loop.publish(Event("a"))
    loop.stop()
    loop.start()

    assert [path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("file")] == ["plugins"]
