"""Who is paused is handed nothing, before and after a restart, and goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from eventd import green
from eventd.dispatch.consumer import Consumer
from eventd.dispatch.deadletters import DeadLetters
from eventd.dispatch.pausing import KEEPER, Pausing
from eventd.dispatch.replay import Busy, Replays
from eventd.errors import JournalUnavailable, NotFound
from eventd.event import Batch, Event
from eventd.journal import Letters
from eventd.plugin.contract import Handler
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait

NAME = "handler:seen"


class Pulse(Event):
    """A volatile event."""

    type = "pulse"


class Seen(Handler):
    """Notes what it gets; what is in ``bad`` fails, and ``gate`` holds it in a call."""

    types = ("a", "pulse")
    numbers: ClassVar[list[int]]
    bad: ClassVar[set[int]]
    gate: ClassVar[green.Signal | None]
    started: ClassVar[int]

    def start(self) -> None:
        type(self).started += 1

    def handle(self, batch: Batch) -> None:
        for index, event in enumerate(batch):
            if event.data["n"] in self.bad:
                batch.fail(index, "bad")
            else:
                self.numbers.append(event.data["n"])
        if self.gate is not None:
            self.gate.wait()


@pytest.fixture
def plugin() -> type[Seen]:
    return type("Made", (Seen,), {"numbers": [], "bad": set(), "gate": None, "started": 0})


def world(directory: Path, plugin: type[Seen], text: str = "") -> World:
    sections = f"[event_type:Pulse]\ndurable = no\n{FAST}[handler:seen]\n{FAST}{text}"
    return World(directory, {"seen": plugin}, event_types=[Pulse], text=sections)


def consumers(world: World) -> dict[str, Consumer]:
    return {consumer.name: consumer for consumer in world.dispatcher.consumers}


def pausing(world: World) -> Pausing:
    return Pausing(world.dispatcher.paused, lambda: consumers(world))


def pause(world: World, name: str = "seen") -> None:
    assert pausing(world).put(name, True) == (NAME, True)
    rests(world)


def resume(world: World) -> None:
    assert pausing(world).put("seen", False) == (NAME, True)


def rests(world: World) -> None:
    wait(lambda: world.status(NAME).state == "paused", "it to rest")


def turns(world: World) -> None:
    """Give everybody many turns: whoever would do something has done it then."""
    for _ in range(20):
        world.publish(numbered("other", [0]))


@pytest.mark.parametrize("name", ["seen", NAME])
@on_hub
def test_its_events_wait_and_all_are_handled_once_in_order(tmp_path: Path, plugin: type[Seen], name: str) -> None:
    with world(tmp_path, plugin) as running:
        running.publish(numbered("a", range(3)))
        running.done(NAME)
        pause(running, name)
        running.publish(numbered("a", range(3, 8)))
        turns(running)
        assert plugin.numbers == [0, 1, 2]
        assert (running.status(NAME).pending, running.status(NAME).settled) == (25, 3)
        wait(lambda: running.journal.cursors[NAME] == 3, "its place to be written")

        resume(running)
        assert running.done(NAME).settled == 8
        assert plugin.numbers == list(range(8))


@on_hub
def test_what_is_not_wanted_passes_by_up_to_the_first_event_that_is(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        pause(running)
        running.publish(numbered("other", range(5)))
        wait(lambda: running.status(NAME).passed == 5, "what is not wanted to pass")
        running.publish(numbered("a", [1]))
        running.publish(numbered("other", range(2)))
        turns(running)
        assert (running.status(NAME).passed, running.status(NAME).pending) == (5, 23)
        assert running.status(NAME).state == "paused"


@on_hub
def test_it_finishes_and_settles_what_is_in_its_hands(tmp_path: Path, plugin: type[Seen]) -> None:
    plugin.gate = green.Signal()
    with world(tmp_path, plugin, "batch_size = 2\n") as running:
        running.publish(numbered("a", range(6)))
        wait(lambda: plugin.numbers == [0, 1], "the first portion to be in its hands")
        pausing(running).put("seen", True)
        assert running.status(NAME).state == "running"
        plugin.gate.set()
        rests(running)
        turns(running)
        wait(lambda: running.journal.consumers[NAME].settled == 2, "it to be settled")
        assert plugin.numbers == [0, 1]
        resume(running)
        running.done(NAME)
        assert plugin.numbers == list(range(6))


@on_hub
def test_it_is_paused_after_a_restart_and_not_even_started(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        pause(running)
        running.publish(numbered("a", range(3)))
    started = plugin.started
    with world(tmp_path, plugin) as running:
        turns(running)
        assert (running.status(NAME).state, NAME in running.dispatcher.paused) == ("paused", True)
        assert (plugin.numbers, plugin.started) == ([], started)
        resume(running)
        running.done(NAME)
        assert plugin.numbers == [0, 1, 2]
    with world(tmp_path, plugin) as running:
        assert running.dispatcher.paused.names == []
        running.publish(numbered("a", [3]))
        running.done(NAME)
    assert plugin.numbers == [0, 1, 2, 3]


@on_hub
def test_one_whose_plugin_is_gone_stays_paused_and_can_be_resumed(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        pause(running)
    with World(tmp_path) as running:
        assert running.dispatcher.paused.names == [NAME]
        assert pausing(running).put("seen", False) == (NAME, True)
        with pytest.raises(NotFound):
            pausing(running).put("seen", False)
    with world(tmp_path, plugin) as running:
        running.publish(numbered("a", [0]))
        assert running.done(NAME).settled == 1


@on_hub
def test_one_that_was_forgotten_is_paused_no_more(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        pause(running)
    with World(tmp_path) as running:
        running.journal.forget_consumer(NAME)
    with world(tmp_path, plugin) as running:
        assert running.dispatcher.paused.names == []


@on_hub
def test_pausing_twice_and_resuming_what_runs_change_nothing(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        assert pausing(running).put("seen", False) == (NAME, False)
        pause(running)
        assert pausing(running).put("seen", True) == (NAME, False)
        assert running.dispatcher.paused.names == [NAME]


@on_hub
def test_who_names_nobody_is_told_the_names_there_are(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running, pytest.raises(NotFound, match=r"'x{100}' here; there is: handler:seen \("):
        pausing(running).put("x" * 200, True)


@on_hub
def test_of_very_many_names_some_are_told(tmp_path: Path) -> None:
    with World(tmp_path) as running, pytest.raises(NotFound, match=r"handler:19, and 5 more \("):
        Pausing(running.dispatcher.paused, lambda: {f"handler:{n:02}": NoConsumer() for n in range(25)}).put("x", True)


class NoConsumer:
    def hold(self, paused: bool) -> None:
        raise AssertionError


@on_hub
def test_where_the_disk_refuses_it_is_as_it_was(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        running.journal.perform(lambda connection, changes: connection.execute("ALTER TABLE state RENAME TO gone"))
        with pytest.raises(JournalUnavailable):
            pausing(running).put("seen", True)
        running.journal.perform(lambda connection, changes: connection.execute("ALTER TABLE gone RENAME TO state"))
        running.publish(numbered("a", [1]))
        assert running.done(NAME).settled == 1


@on_hub
def test_where_it_cannot_be_read_all_go_on(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin) as running:
        pause(running)
        running.journal.perform(lambda connection, changes: connection.execute("ALTER TABLE state RENAME TO gone"))
        running.dispatcher.paused.read()
        assert running.dispatcher.paused.names == [NAME]
        running.journal.perform(lambda connection, changes: connection.execute("ALTER TABLE gone RENAME TO state"))
        assert running.journal.state(KEEPER).get(NAME) == b""


@on_hub
def test_retries_and_dead_letters_that_are_tried_again_wait(tmp_path: Path, plugin: type[Seen]) -> None:
    plugin.bad = {1}
    with world(tmp_path, plugin, "attempts = 1\n") as running:
        running.publish(numbered("a", range(3)))
        wait(lambda: running.journal.dead_count == 1)
        pause(running)
        plugin.bad.clear()
        letters = DeadLetters(running.journal, consumers(running).get, running.dispatcher.paused)
        lines = letters.retry(Letters(limit=10))
        assert b'"paused":["handler:seen"]' in next(lines)
        turns(running)
        assert (plugin.numbers, running.journal.dead_count) == ([0, 2], 1)
        resume(running)
        last = list(lines)[-1]
        assert b'"settled":1' in last
        assert b'"paused":[]' in last
        assert plugin.numbers == [0, 2, 1]


@on_hub
def test_its_next_attempt_waits(tmp_path: Path, plugin: type[Seen]) -> None:
    plugin.bad = {1}
    with world(tmp_path, plugin, "attempts = 1000000\n") as running:
        running.publish(numbered("a", [1]))
        wait(lambda: running.status(NAME).retries > 2)
        pause(running)
        tried = running.status(NAME).retries
        turns(running)
        assert running.status(NAME).retries == tried
        plugin.bad.clear()
        resume(running)
        assert running.done(NAME).settled == 1


@on_hub
def test_replays_are_refused_and_one_under_way_waits(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin, "batch_size = 1\n") as running:
        running.publish(numbered("a", range(5)))
        running.done(NAME)
        replays = Replays(running.journal, lambda: {NAME: consumers(running)[NAME].siding})
        plugin.gate = green.Signal()
        under_way: Iterator[bytes] = replays.start("seen", "earliest", "now", (), False)
        wait(lambda: len(plugin.numbers) == 6, "the replay to be under way")
        pausing(running).put("seen", True)
        plugin.gate.set()
        rests(running)
        turns(running)
        assert len(plugin.numbers) == 6
        with pytest.raises(Busy, match="is paused"):
            replays.start("seen", "earliest", "now", (), False)
        assert b'"events":5' in list(replays.start("seen", "earliest", "now", (), True))[-1]
        resume(running)
        assert b'"state":"done"' in list(under_way)[-1]
        assert plugin.numbers == [*range(5), *range(5)]


@on_hub
def test_volatile_events_wait_and_those_that_wait_at_a_stop_are_lost(
    tmp_path: Path, plugin: type[Seen], caplog: Any
) -> None:
    with world(tmp_path, plugin) as running:
        pause(running)
        running.dispatcher.post.deliver([numbered("pulse", [1, 2])])
        turns(running)
        assert plugin.numbers == []
        resume(running)
        wait(lambda: plugin.numbers == [1, 2], "volatile events to be handled")
        pause(running)
        running.dispatcher.post.deliver([numbered("pulse", [3])])
    assert plugin.numbers == [1, 2]
    assert "1 volatile events are lost" in caplog.text


@on_hub
def test_a_batch_that_fills_is_not_handed_out(tmp_path: Path, plugin: type[Seen]) -> None:
    with world(tmp_path, plugin, "batch_wait = 1m\n") as running:
        running.publish(numbered("a", [1]))
        wait(lambda: not consumers(running)[NAME]._bed.parked and consumers(running)[NAME]._intake.count == 1)
        pause(running)
        assert (plugin.numbers, running.status(NAME).pending) == ([], 1)
