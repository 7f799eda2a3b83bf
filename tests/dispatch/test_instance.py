"""A plugin whose call hangs is replaced; when too many hang, it waits until one ends."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from eventd.dispatch import instance
from eventd.dispatch.inhand import Hand
from eventd.dispatch.instance import LONGEST_GAP, Instance
from eventd.dispatch.retry import Policy
from eventd.event import Batch
from eventd.green import BrokenOff
from eventd.plugin.contract import Emitter, Handler, State
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait
from tests.green.support import watched
from tests.support.wait import SCALE

#: Seconds that nothing here lasts.
LONG = 20.0 * SCALE

SETTINGS = f"[handler:it]\n{FAST}timeout = 50ms\nrun = thread\n"


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "LOOK_UP", 0.001)


def hanging(times: int) -> Any:
    """A handler whose first calls with event 0 hang until its gate opens, and then do what they should not."""

    class Hangs(Handler):
        types = ("a",)
        made = 0
        hung = 0
        gate = threading.Event()
        errors: ClassVar[list[BaseException]] = []

        def __init__(self, state: State, emit: Emitter) -> None:
            type(self).made += 1
            self.state, self.emit = state, emit

        def handle(self, batch: Batch) -> None:
            for event in batch:
                self.state.add("count")
                if event.data["n"] == 0 and self.hung < times:
                    type(self).hung += 1
                    with suppress(BrokenOff):
                        self.gate.wait(30.0)
                    self.spoil()
                self.emit("b", event.data)

        def spoil(self) -> None:
            for harm in (lambda: self.state.set("count", -1), lambda: self.emit("b", "again")):
                try:
                    harm()
                except RuntimeError as error:
                    self.errors.append(error)

    return Hangs


@on_hub
def test_a_call_that_hangs_is_a_failed_attempt_and_another_instance_goes_on(tmp_path: Path) -> None:
    handler = hanging(2)
    with World(tmp_path, {"it": handler}, text=SETTINGS) as world:
        world.publish(numbered("a", range(3)))
        status = world.done("handler:it")
        handler.gate.set()
        wait(lambda: len(handler.errors) == 4)

        assert (status.settled, status.dead, handler.made) == (3, 0, 3)
        assert world.emitted == 3
        assert world.journal.state("handler:it").get("count") == b"\x03"


@on_hub
def test_one_that_hangs_for_ever_becomes_a_dead_letter(tmp_path: Path) -> None:
    handler = hanging(99)
    with World(tmp_path, {"it": handler}, text=SETTINGS + "attempts = 2\n") as world:
        world.publish(numbered("a", [0]))
        world.done("handler:it")
        handler.gate.set()
        wait(lambda: world.dead())
        (letter,) = world.dead()

        assert letter.reason.startswith(f"TimedOut: it did not return within 0.05 s, at {__file__}:")


@on_hub
def test_with_three_that_hang_it_is_stuck_until_one_ends_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler = hanging(3)
    with World(tmp_path, {"it": handler}, text=SETTINGS) as world:
        world.publish(numbered("a", range(2)))
        wait(lambda: world.status("handler:it").state == "stuck")
        assert world.status("handler:it").pending > 0
        world.balanced("handler:it")
        assert caplog.text.count("and a new instance goes on") == 2
        assert caplog.text.count(f"a call hangs: it did not return within 0.05 s, at {__file__}:") == 3
        assert caplog.text.count("handler:it is stuck: calls of it hang in 3 threads, and its events wait") == 1
        assert "is stuck no more" not in caplog.text

        handler.gate.set()
        status = world.done("handler:it")
        assert (status.settled, status.dead) == (2, 0)
        assert caplog.text.count("handler:it is stuck no more") == 1


@on_hub
def test_those_that_spin_are_broken_off_and_it_is_not_stuck(tmp_path: Path) -> None:
    class Spins(Handler):
        types = ("a",)
        threads: ClassVar[list[threading.Thread]] = []

        def handle(self, batch: Batch) -> None:
            self.threads.append(threading.current_thread())
            while True:
                pass

    with World(tmp_path, {"it": Spins}, text=SETTINGS + "attempts = 5\n") as world:
        world.publish(numbered("a", [0]))
        assert world.done("handler:it").dead == 1
        wait(lambda: not any(thread.is_alive() for thread in Spins.threads))

    assert len(Spins.threads) == 5


@on_hub
def test_one_that_is_stuck_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    handler = hanging(3)
    with World(tmp_path, {"it": handler}, text=SETTINGS) as world:
        world.publish(numbered("a", [0]))
        wait(lambda: world.status("handler:it").state == "stuck")

        assert world.dispatcher.stop(1.0)
    handler.gate.set()


def stalling(seconds: float) -> Any:
    """A handler that holds the hub with event 0, and tells in which thread it got each."""

    class Stalls(Handler):
        types = ("a",)
        seen: ClassVar[list[tuple[int, str]]] = []

        def handle(self, batch: Batch) -> None:
            for event in batch:
                self.seen.append((event.data["n"], threading.current_thread().name))
                if event.data["n"] == 0 and threading.current_thread() is threading.main_thread():
                    time.sleep(seconds)

    return Stalls


@on_hub
def test_a_batch_that_was_broken_off_is_handled_one_by_one_in_a_thread_by_the_same_instance(tmp_path: Path) -> None:
    handler = stalling(LONG)
    with watched(0.02, 0.05), World(tmp_path, {"it": handler}) as world:
        world.publish(numbered("a", range(3)))
        status = world.done("handler:it")

    assert (status.settled, status.dead, status.run, status.moved) == (3, 0, "thread", True)
    assert handler.seen == [(0, "MainThread"), *((n, "handler:it") for n in range(3))]


@on_hub
def test_one_that_was_broken_off_and_spins_in_the_thread_too_becomes_a_dead_letter(tmp_path: Path) -> None:
    class Spins(Handler):
        types = ("a",)
        threads: ClassVar[list[threading.Thread]] = []

        def handle(self, batch: Batch) -> None:
            for event in batch:
                if event.data["n"] == 0:
                    self.threads.append(threading.current_thread())
                    while True:
                        pass

    text = f"[handler:it]\n{FAST}attempts = 2\n"
    with watched(0.02, 0.1), World(tmp_path, {"it": Spins}, text=text) as world:
        world.publish(numbered("a", [0]))
        world.publish(numbered("a", [1]))
        status = world.done("handler:it")
        (letter,) = world.dead()

    assert (status.settled, status.dead, status.run, status.moved) == (1, 1, "thread", True)
    assert letter.reason.startswith(f"TimedOut: it did not return within 0.1 s, at {__file__}:")
    assert [thread.name for thread in Spins.threads] == ["MainThread", *["handler:it"] * (len(Spins.threads) - 1)]


@on_hub
def test_the_reason_of_a_dead_letter_is_that_it_was_broken_off(tmp_path: Path) -> None:
    text = f"[handler:it]\n{FAST}attempts = 1\ntimeout = 50ms\non_stall = warn\n"
    with watched(0.02), World(tmp_path, {"it": stalling(LONG)}, text=text) as world:
        world.publish(numbered("a", [0]))
        world.done("handler:it")
        (letter,) = world.dead()

    assert letter.reason.startswith("HeldTooLong: it held the event loop for")
    assert "time.sleep(seconds)" in letter.traceback


@pytest.mark.parametrize(("seconds", "settled"), [(0.05, 1), (LONG, 0)])
def test_one_that_is_disabled_is_called_again_only_by_the_next_daemon(
    tmp_path: Path, seconds: float, settled: int
) -> None:
    text = f"[handler:it]\n{FAST}on_stall = disable\nbatch_size = 1\n"

    @on_hub
    def body() -> None:
        with watched(0.02, 0.2), World(tmp_path, {"it": stalling(seconds)}, text=text) as world:
            world.publish(numbered("a", range(3)))
            wait(lambda: world.status("handler:it").state == "disabled")
            status = world.status("handler:it")
            assert (status.settled, status.dead, status.pending) == (settled, 0, 3 - settled)
            world.balanced("handler:it")
        with World(tmp_path, {"it": stalling(0.0)}, text=text) as world:
            assert world.done("handler:it").settled == 3

    body()


@on_hub
def test_a_start_that_does_not_return_is_broken_off_and_tried_again_in_a_thread(tmp_path: Path) -> None:
    class Starts(Handler):
        types = ("a",)
        threads: ClassVar[list[str]] = []

        def start(self) -> None:
            self.threads.append(threading.current_thread().name)
            if len(self.threads) == 1:
                time.sleep(LONG)

        def handle(self, batch: Batch) -> None: ...

    with watched(0.02, 0.05), World(tmp_path, {"it": Starts}) as world:
        world.publish(numbered("a", [1]))
        assert world.done("handler:it").settled == 1

    assert Starts.threads == ["MainThread", "handler:it"]


@pytest.mark.parametrize(("deaths", "quiet", "pauses"), [(1, 0.0, 0), (6, 0.0, 1), (6, 100.0, 0)])
def test_after_many_deaths_it_waits_only_where_they_were_just_now(deaths: int, quiet: float, pauses: int) -> None:
    waited: list[float] = []
    work: Any = SimpleNamespace(
        deaths=deaths, quiet=quiet, policy=Policy(0, 1.0, 60.0), place=SimpleNamespace(disabled=False),
        start=lambda: SimpleNamespace(whole=False, run=lambda batch: []), sift=list,
        loaded=SimpleNamespace(full_name="handler:a"),
    )  # fmt: skip
    made = Instance(work, lambda seconds: bool(waited.append(seconds)), Hand())
    made.start()
    made.call(Batch.of([]))
    assert len(waited) == pauses
    assert all(pause <= LONGEST_GAP for pause in waited)
    assert made.trouble is None
