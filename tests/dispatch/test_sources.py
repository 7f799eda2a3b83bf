"""Sources run where their section says, and again when they end."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.dispatch.sources import SourceStatus
from eventd.errors import JournalUnavailable
from eventd.plugin.contract import Emitter, Source, Stop
from tests.dispatch.world import World, on_hub, wait
from tests.green.support import watched
from tests.support.wait import SCALE

RETRIES = "retry_first = 1ms\nretry_most = 2ms\n"


class Clock(Source):
    """Ticks as fast as it can be made durable, until told to stop."""

    threads: set[str]

    def __init_subclass__(cls) -> None:
        cls.threads = set()

    def __init__(self, stop: Stop) -> None:
        self.stop_told = stop

    def run(self, emit: Emitter) -> None:
        while not self.stop_told.wait(0.001):
            self.threads.add(threading.current_thread().name)
            emit("tick", time.time())


def only(world: World) -> SourceStatus:
    (status,) = world.dispatcher.sources.status()
    return status


@pytest.mark.parametrize("run", ["green", "thread", ""])
def test_a_source_emits_until_told_to_stop(tmp_path: Path, run: str) -> None:
    clock = type("It", (Clock,), {})
    line = f"run = {run}\n" if run else ""

    @on_hub
    def body() -> None:
        with World(tmp_path, sources={"clock": clock}, text=f"[source:clock]\n{RETRIES}{line}") as world:
            world.dispatcher.sources.start()
            wait(lambda: only(world).emitted >= 3)
            assert only(world).state == "running"

            assert world.dispatcher.sources.stop(5.0)
            assert only(world).state == "stopped"
            assert world.journal.end == only(world).emitted

    body()

    assert clock.threads == {"MainThread" if run == "green" else "source:clock"}


@pytest.mark.parametrize("run", ["green", "thread"])
def test_a_source_that_ends_is_started_again(tmp_path: Path, run: str, caplog: pytest.LogCaptureFixture) -> None:
    class Flaky(Source):
        runs = 0

        def run(self, emit: Emitter) -> None:
            type(self).runs += 1
            emit("run", self.runs)
            if self.runs == 1:
                raise SystemExit(1)
            if self.runs == 2:
                raise ValueError("no")

    @on_hub
    def body() -> None:
        with World(tmp_path, sources={"it": Flaky}, text=f"[source:it]\n{RETRIES}run = {run}\n") as world:
            world.dispatcher.sources.start()
            wait(lambda: only(world).restarts >= 3)
            world.dispatcher.sources.stop(5.0)

    body()

    assert "it raised SystemExit(1)" in caplog.text
    assert "ValueError: no" in caplog.text
    assert "source:it returned; it is started again" in caplog.text


@on_hub
def test_a_source_that_waits_in_its_own_way_is_told_by_stop(tmp_path: Path) -> None:
    class Own(Source):
        def __init__(self) -> None:
            self.ended = threading.Event()

        def run(self, emit: Emitter) -> None:
            self.ended.wait()

        def stop(self) -> None:
            self.ended.set()

    with World(tmp_path, sources={"own": Own}) as world:
        world.dispatcher.sources.start()
        wait(lambda: only(world).state == "running")

        assert world.dispatcher.sources.stop(5.0)


@on_hub
def test_a_source_that_does_not_return_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    release = threading.Event()

    class Deaf(Source):
        def run(self, emit: Emitter) -> None:
            release.wait()

        def stop(self) -> None:
            raise ValueError("never")

    with World(tmp_path, sources={"deaf": Deaf}) as world:
        world.dispatcher.sources.start()
        wait(lambda: only(world).state == "running")

        assert not world.dispatcher.sources.stop(0.01)
        release.set()


@on_hub
def test_a_source_is_held_back_by_a_full_disk_and_goes_on(tmp_path: Path) -> None:
    clock = type("It", (Clock,), {})
    with World(tmp_path, sources={"clock": clock}) as world:
        world.refusal = JournalUnavailable("full", retry_after=0.001)
        world.dispatcher.sources.start()
        wait(lambda: clock.threads)
        green.sleep(0.01)
        assert (only(world).emitted, only(world).restarts) == (0, 0)

        world.refusal = None
        wait(lambda: only(world).emitted)
        assert only(world).restarts == 0


def stalling() -> Any:
    """A source that holds the hub in its first run, and emits in which thread it is in each."""

    class Stalls(Clock):
        runs = 0

        def run(self, emit: Emitter) -> None:
            type(self).runs += 1
            self.threads.add(threading.current_thread().name)
            if self.runs == 1:
                time.sleep(20.0 * SCALE)
            emit("run", self.runs)
            super().run(emit)

    return Stalls


@on_hub
def test_a_green_source_that_stalls_is_broken_off_and_runs_in_a_thread_from_then_on(tmp_path: Path) -> None:
    source, text = stalling(), f"[source:it]\nrun = green\n{RETRIES}"
    with watched(0.02, 0.05), World(tmp_path, sources={"it": source}, text=text) as world:
        world.dispatcher.sources.start()
        wait(lambda: only(world).emitted >= 3)

        assert world.dispatcher.sources.stop(5.0)
    assert source.threads == {"MainThread", "source:it"}


@on_hub
def test_a_green_source_that_is_disabled_is_not_started_again(tmp_path: Path) -> None:
    source, text = stalling(), f"[source:it]\nrun = green\non_stall = disable\n{RETRIES}"
    with watched(0.02, 0.05), World(tmp_path, sources={"it": source}, text=text) as world:
        world.dispatcher.sources.start()
        wait(lambda: only(world).state == "disabled")

        assert world.dispatcher.sources.stop(5.0)
    assert source.runs == 1
