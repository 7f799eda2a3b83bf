"""Volatile events go through the same plugins as all others, and leave nothing in the journal but what they led to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from eventd.dispatch.deadletters import DeadLetters
from eventd.dispatch.progress import VolatileStatus
from eventd.errors import JournalUnavailable
from eventd.event import Batch, Event
from eventd.journal import Letters
from eventd.plugin.contract import Emitter, Handler, State
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait

NAME = "handler:seen"
VOLATILE = f"[event_type:Pulse]\ndurable = no\n{FAST}"


class Pulse(Event):
    """A volatile event."""

    type = "pulse"


def seen() -> Any:
    """A handler that notes what it gets, and fails for the numbers in ``bad``."""

    class Seen(Handler):
        types = (">",)
        numbers: ClassVar[list[int]] = []
        bad: ClassVar[set[int]] = set()

        def handle(self, batch: Batch) -> None:
            for index, event in enumerate(batch):
                if event.data["n"] in self.bad:
                    batch.fail(index, "bad")
                else:
                    self.numbers.append(event.data["n"])

    return Seen


def world(directory: Path, handler: Any, text: str = "") -> World:
    return World(directory, {"seen": handler}, event_types=[Pulse], text=VOLATILE + text)


def pulse(world: World, *numbers: int) -> None:
    world.dispatcher.post.deliver([numbered("pulse", numbers)])


def volatile(world: World) -> VolatileStatus:
    status = world.status(NAME).volatile
    assert status is not None
    assert status.came == status.settled + status.dead + status.dropped + status.pending
    return status


def handled(world: World) -> VolatileStatus:
    wait(lambda: volatile(world).pending == 0, "volatile events to be handled")
    return volatile(world)


@on_hub
def test_they_are_handled_in_order_and_leave_nothing_in_the_journal(tmp_path: Path) -> None:
    handler = seen()
    with world(tmp_path, handler, f"[handler:seen]\n{FAST}batch_size = 3\n") as running:
        for first in range(0, 10, 2):
            pulse(running, first, first + 1)
        assert handled(running) == VolatileStatus(10, 10, 0, 0, 0)
        assert handler.numbers == list(range(10))
        status = running.done(NAME)
        assert (running.journal.end, status.settled, status.cursor) == (0, 0, 0)


@on_hub
def test_durable_ones_go_on_beside_them(tmp_path: Path) -> None:
    handler = seen()
    with world(tmp_path, handler, f"[handler:seen]\n{FAST}batch_wait = 20ms\n") as running:
        for number in range(0, 40, 2):
            pulse(running, number)
            running.publish(numbered("a", [number + 1]))
        handled(running)
        assert running.done(NAME).settled == 20
        assert sorted(handler.numbers) == list(range(40))
        assert [n for n in handler.numbers if n % 2 == 0] == list(range(0, 40, 2))


@on_hub
def test_an_event_type_executes_its_own(tmp_path: Path) -> None:
    numbers: list[int] = []

    class Beat(Event):
        type = "beat"

        def execute(self) -> None:
            numbers.append(self.data["n"])

    with World(tmp_path, event_types=[Beat], text=f"[event_type:Beat]\ndurable = no\n{FAST}") as running:
        running.dispatcher.post.deliver([numbered("beat", [1, 2])])
        wait(lambda: numbers == [1, 2])
        assert running.journal.end == 0


@on_hub
def test_what_is_given_up_is_a_dead_letter_and_can_be_tried_again(tmp_path: Path) -> None:
    handler = seen()
    handler.bad = {1, 3}
    with world(tmp_path, handler, f"[handler:seen]\n{FAST}attempts = 3\n") as running:
        pulse(running, 0, 1, 2, 3)
        assert handled(running) == VolatileStatus(4, 2, 2, 0, 0)
        wait(lambda: len(running.dead()) == 2)
        letters = running.dead()
        assert [(letter.attempts, letter.type, letter.offset < 0) for letter in letters] == [(3, "pulse", True)] * 2
        assert running.done(NAME).dead == 0

        handler.bad = {3}
        consumers = {consumer.name: consumer for consumer in running.dispatcher.consumers}
        list(DeadLetters(running.journal, consumers.get).retry(Letters()))
        assert [letter.id for letter in running.dead()] == [letter.id for letter in letters if b'"n":3' in letter.event]
        status = running.done(NAME)
        assert (status.settled, status.dead, handler.numbers) == (0, 0, [0, 2, 1])


@on_hub
def test_a_stateful_handler_counts_each_once_and_what_it_emits_is_durable(tmp_path: Path) -> None:
    class Counting(Handler):
        types = ("pulse", "a")

        def __init__(self, state: State, emit: Emitter) -> None:
            self.state, self.emit = state, emit

        def handle(self, batch: Batch) -> None:
            for event in batch:
                self.state.add(event.type)
                self.emit("counted", event.data["n"])

    with world(tmp_path, Counting, f"[handler:seen]\n{FAST}batch_size = 2\n") as running:
        for number in range(10):
            pulse(running, number)
            running.publish(numbered("a", [number]))
        handled(running)
        running.done(NAME)
        kept = running.journal.state(NAME)
        assert (kept.get("pulse"), kept.get("a")) == (b"\x0a", b"\x0a")
        wait(lambda: running.journal.end == 30)
        assert running.journal.books[f"emitted:{NAME}"] == 20


@on_hub
def test_what_a_handler_emits_of_a_volatile_type_skips_the_journal(tmp_path: Path) -> None:
    class Echo(Handler):
        types = ("a",)

        def __init__(self, emit: Emitter) -> None:
            self.emit = emit

        def handle(self, batch: Batch) -> None:
            for event in batch:
                self.emit("pulse", event.data)

    handler = seen()
    with World(tmp_path, {"echo": Echo, "seen": handler}, event_types=[Pulse], text=VOLATILE) as running:
        running.publish(numbered("a", [7]))
        wait(lambda: handler.numbers == [7, 7])
        running.done("handler:echo")
        assert (running.journal.end, volatile(running).came) == (1, 1)


@on_hub
def test_a_journal_that_refuses_holds_up_only_who_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = seen()
    handler.bad = {1}
    with world(tmp_path, handler, f"[handler:seen]\n{FAST}attempts = 1\n") as running:
        submit, refused = running.journal.submit, [0]

        def refuse(unit: Any, done: Any) -> None:
            if unit.dead and refused[0] < 2:
                refused[0] += 1
                error = JournalUnavailable("full")
                error.retry_after = 0.01
                done(error)
            else:
                submit(unit, done)

        monkeypatch.setattr(running.journal, "submit", refuse)
        pulse(running, 0)
        wait(lambda: handler.numbers == [0])
        pulse(running, 1, 2)
        wait(lambda: len(running.dead()) == 1)
        assert (refused, handler.numbers) == ([2], [0, 2])


@on_hub
def test_a_stop_handles_what_is_there_and_tells_what_it_loses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler = seen()
    handler.bad = {1}
    with world(tmp_path, handler, "[handler:seen]\nretry_first = 1m\n") as running:
        pulse(running, 1)
        wait(lambda: running.dispatcher._volatile[NAME]._ordering.count == 1)
        pulse(running, 2, 3)
        running.dispatcher.stop(2.0)
        assert handler.numbers == [2, 3]
    assert "1 volatile events are lost" in caplog.text


@on_hub
def test_what_goes_wrong_inside_drops_the_portion_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = seen()
    with world(tmp_path, handler) as running:
        lane = running.dispatcher._volatile[NAME]
        handle = lane._handling.handle

        def fails(portion: Any) -> Any:
            monkeypatch.setattr(lane._handling, "handle", handle)
            raise OSError("no")

        monkeypatch.setattr(lane._handling, "handle", fails)
        pulse(running, 1, 2)
        wait(lambda: volatile(running).dropped == 2)
        pulse(running, 3)
        assert handled(running) == VolatileStatus(3, 1, 0, 2, 0)
        assert handler.numbers == [3]


@on_hub
def test_who_wants_no_volatile_type_has_no_books_of_them(tmp_path: Path) -> None:
    handler = seen()
    handler.types = ("a",)
    with world(tmp_path, handler) as running:
        assert running.status(NAME).volatile is None
