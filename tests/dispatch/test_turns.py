"""Who has a turn, and what becomes of a turn that is broken off: new events beside failing ones, stops, replays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from eventd.dispatch.lane import Span
from eventd.dispatch.portion import Portion
from eventd.errors import JournalUnavailable
from eventd.event import Batch
from eventd.journal import Unit
from eventd.plugin.contract import Handler, State
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait

ANXIOUS = "[handler:slow]\nstart = earliest\nattempts = 0\nretry_first = 10ms\nretry_most = 50ms\nbatch_size = 100\n"


class Slow(Handler):
    """Fails for small numbers, and takes longer over each failure than its pause is."""

    types = ("n",)
    seen: ClassVar[list[int]] = []

    def handle(self, batch: Batch) -> None:
        for event in batch:
            if event.data["n"] < 20:
                time.sleep(0.005)  # a slow failure is the input of this test
                raise ValueError("it is small")
            Slow.seen.append(event.data["n"])


class Hanging(Handler):
    """Does not return before the test lets it."""

    types = ("n",)
    run = "thread"
    gate = threading.Event()

    def handle(self, batch: Batch) -> None:
        Hanging.gate.wait(20)


class Counting(Handler):
    """Counts every event in its state."""

    types = ("n",)

    def __init__(self, state: State) -> None:
        self._state = state

    def handle(self, batch: Batch) -> None:
        for _ in batch:
            self._state.add("n")


@on_hub
def test_new_events_have_their_turn_however_many_fail_again_and_again(tmp_path: Path) -> None:
    with World(tmp_path, {"slow": Slow}, text=ANXIOUS) as world:
        world.crashed = True  # those that fail for ever are not waited for at the end
        world.publish(numbered("n", range(20)))
        wait(lambda: world.status("handler:slow").retries > 20)
        world.publish(numbered("n", range(50, 60)))
        wait(lambda: Slow.seen == list(range(50, 60)))


@on_hub
def test_a_stop_makes_no_dead_letters_of_events_that_had_no_attempt(tmp_path: Path) -> None:
    settings = f"[handler:hang]\n{FAST}attempts = 1\ntimeout = 50ms\n"
    with World(tmp_path, {"hang": Hanging}, text=settings) as world:
        world.publish(numbered("n", range(6)))
        wait(lambda: world.status("handler:hang").state == "stuck")
        world.dispatcher.stop(2.0)
        Hanging.gate.set()
        assert [letter.reason for letter in world.dead() if "it did not return" not in letter.reason] == []


@on_hub
def test_what_a_replay_wrote_before_it_failed_is_not_kept_with_the_next_event(tmp_path: Path) -> None:
    with World(tmp_path, {"count": Counting}) as world:
        world.publish(numbered("n", range(5)))
        world.done("handler:count")
        consumer = world.dispatcher.consumers[0]
        lane = consumer.siding.take_on(Span("replay:handler:count:x", 0, 5, lambda type: True))
        handle = lane._handling.handle

        def fail_behind(portion: Portion) -> Any:
            handle(portion)
            raise RuntimeError("no fault of the plugin")

        lane._handling.handle = fail_behind  # type: ignore[method-assign]  # a fault of ours, made on purpose
        assert lane.over.wait(5)
        world.publish(numbered("n", range(1)))
        world.done("handler:count")
        wait(lambda: not consumer.unsaved)
        assert world.journal.state("handler:count").get("n") == b"\x06"


@on_hub
def test_a_replay_commits_no_state_that_the_live_events_have_not(tmp_path: Path) -> None:
    with World(tmp_path, {"count": Counting}) as world:
        world.crashed = True  # the live events are never committed
        world.publish(numbered("n", range(5)))
        world.done("handler:count")
        consumer = world.dispatcher.consumers[0]
        wait(lambda: not consumer.unsaved)
        submit = world.journal.submit

        def refuse_live(unit: Unit, done: Callable[[Any], None]) -> None:
            if "handler:count" in unit.moves:
                world.bridge.post(done, JournalUnavailable("the disk is full"))
            else:
                submit(unit, done)

        consumer._commits._submit = refuse_live
        world.publish(numbered("n", range(3)))
        wait(lambda: consumer.unsaved)
        consumer.siding.take_on(Span("replay:handler:count:y", 0, 5, lambda type: True))
        world.dispatcher.stop(2.0)
        replayed = world.journal.consumers.get("replay:handler:count:y")
        counted = world.journal.state("handler:count").get("n")
        assert counted == bytes([5 + (replayed.settled if replayed else 0)])
