"""A plugin whose call hangs is replaced; when too many hang, it waits until one ends."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from eventd.dispatch import instance
from eventd.event import Batch
from eventd.plugin.contract import Emitter, Handler, State
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait

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

        assert letter.reason == "TimedOut: it did not return within 0.05 s"


@on_hub
def test_with_three_that_hang_it_is_stuck_until_one_ends(tmp_path: Path) -> None:
    handler = hanging(3)
    with World(tmp_path, {"it": handler}, text=SETTINGS) as world:
        world.publish(numbered("a", range(2)))
        wait(lambda: world.status("handler:it").state == "stuck")
        assert world.status("handler:it").pending > 0
        world.balanced("handler:it")

        handler.gate.set()
        status = world.done("handler:it")
        assert (status.settled, status.dead) == (2, 0)


@on_hub
def test_one_that_is_stuck_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    handler = hanging(3)
    with World(tmp_path, {"it": handler}, text=SETTINGS) as world:
        world.publish(numbered("a", [0]))
        wait(lambda: world.status("handler:it").state == "stuck")

        assert world.dispatcher.stop(1.0)
    handler.gate.set()
