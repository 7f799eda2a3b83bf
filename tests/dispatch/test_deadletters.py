"""Dead letters are looked at, tried again by who gave them up, and dropped; the books stay right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from eventd import green
from eventd.dispatch import deadletters
from eventd.dispatch.deadletters import REPLAY, DeadLetters, full_name
from eventd.event import Batch, Event
from eventd.green import Signal
from eventd.journal import DeadLetter, Letters, Unit
from eventd.plugin.contract import Emitter, Handler, Reject, Retry, State
from tests.dispatch.support import draft, numbered
from tests.dispatch.world import FAST, World, on_hub, wait


class Picky(Handler):
    """Raises for the numbers in ``bad``; counts and emits what it handles."""

    types = ("n",)
    bad: set[int]

    def __init__(self, emit: Emitter, state: State) -> None:
        self.emit = emit
        self.state = state

    def __init_subclass__(cls) -> None:
        cls.bad = {1, 2}

    def handle(self, batch: Batch) -> None:
        for event in batch:
            if event.data["n"] in self.bad:
                raise ValueError(f"{event.data['n']} is bad")
            self.state.add("handled")
            self.emit("done", {"n": event.data["n"]})


def picky() -> type[Picky]:
    return type("Made", (Picky,), {})


def desk(world: World) -> DeadLetters:
    consumers = {consumer.name: consumer for consumer in world.dispatcher.consumers}
    return DeadLetters(world.journal, consumers.get)


def told(lines: Any) -> dict[str, Any]:
    """What the last line says."""
    last: dict[str, Any] = msgspec.json.decode(list(lines)[-1])
    return last


def given_up(world: World) -> None:
    world.publish(numbered("n", range(4)))
    world.done("handler:picky")
    wait(lambda: world.journal.dead_count == 2)


@on_hub
def test_letters_are_listed_and_shown(tmp_path: Path) -> None:
    with World(tmp_path, {"picky": picky()}, text=f"[handler:picky]\n{FAST}attempts = 2\n") as world:
        given_up(world)
        rows = sorted(desk(world).list(Letters()), key=lambda row: int(row["offset"]))
        assert [(row["consumer"], row["type"], row["offset"], row["attempts"]) for row in rows] == [
            ("handler:picky", "n", 1, 2), ("handler:picky", "n", 2, 2),
        ]  # fmt: skip
        assert rows[0]["reason"] == "ValueError: 1 is bad"
        assert rows[0]["last_time"].endswith("Z")
        whole = msgspec.json.decode(msgspec.json.encode(desk(world).show(rows[0]["id"])))
        assert whole["event"]["data"] == {"n": 1}
        assert "raise ValueError" in whole["traceback"]
        assert desk(world).show(99) is None


@on_hub
def test_what_is_settled_by_a_retry_leaves_with_what_came_of_it(tmp_path: Path) -> None:
    plugin = picky()
    with World(tmp_path, {"picky": plugin}) as world:
        given_up(world)
        plugin.bad.clear()
        last = told(desk(world).retry(Letters()))

        assert last == {"chosen": 2, "settled": 2, "failed": 0, "skipped": 0, "done": True, "error": None, "paused": []}
        assert world.dead() == []
        status = world.done("handler:picky")
        assert (status.settled, status.dead) == (4, 0)
        assert world.journal.books["dead_raised:handler:picky"] == 2
        assert world.journal.books["emitted:handler:picky"] == 4
        assert world.journal.state("handler:picky").get("handled") == msgspec.msgpack.encode(4)


@on_hub
def test_what_fails_again_stays_with_its_attempts_added(tmp_path: Path) -> None:
    plugin = picky()
    with World(tmp_path, {"picky": plugin}, text=f"[handler:picky]\n{FAST}attempts = 2\n") as world:
        given_up(world)
        [before] = [letter for letter in world.dead() if letter.offset == 1]
        plugin.bad.discard(2)
        last = told(desk(world).retry(Letters()))

        assert (last["settled"], last["failed"]) == (1, 1)
        [letter] = world.dead()
        assert (letter.id, letter.offset, letter.attempts) == (before.id, 1, 4)
        assert letter.first_time == before.first_time
        assert letter.last_time > before.last_time
        status = world.done("handler:picky")
        assert (status.settled, status.dead) == (3, 1)


@on_hub
def test_letters_that_are_under_way_or_gone_are_skipped(tmp_path: Path) -> None:
    plugin = picky()
    with World(tmp_path, {"picky": plugin}, text=f"[handler:picky]\n{FAST}attempts = 2\n") as world:
        given_up(world)
        shared = desk(world)
        first, second = shared.retry(Letters()), shared.retry(Letters())
        ids = [letter.id for letter in world.dead()]
        shared.drop(Letters(ids=ids[:1]))
        third = shared.retry(Letters())
        plugin.bad = {2}
        assert told(first)["skipped"] == 1
        assert told(second)["chosen"] == 2
        assert told(third)["chosen"] == 1


@on_hub
def test_a_long_retry_goes_page_by_page_and_tells_how_far_it_is(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(deadletters, "PAGE", 3)
    plugin = picky()
    plugin.bad = set(range(10))
    with World(tmp_path, {"picky": plugin}, text=f"[handler:picky]\n{FAST}attempts = 1\n") as world:
        world.publish(numbered("n", range(10)))
        wait(lambda: world.journal.dead_count == 10)
        plugin.bad.clear()
        lines = [msgspec.json.decode(line) for line in desk(world).retry(Letters())]

        assert [line["settled"] for line in lines] == sorted(line["settled"] for line in lines)
        assert len(lines) >= 4
        assert lines[-1]["settled"] == 10
        assert world.journal.dead_count == 0


@on_hub
def test_live_events_go_on_while_a_letter_waits_for_its_next_attempt(tmp_path: Path) -> None:
    plugin = picky()
    text = "[handler:picky]\nretry_first = 1m\nretry_most = 1m\nattempts = 2\nstart = earliest\n"
    with World(tmp_path, {"picky": plugin}, text=text) as world:
        world.journal.submit(
            Unit(dead=[DeadLetter("handler:picky", 9, b'{"type":"n","data":{"n":1}}', 1, 1, 1, "")]), lambda done: None
        )
        wait(lambda: world.journal.dead_count == 1)
        lines = desk(world).retry(Letters())
        first = msgspec.json.decode(next(lines))
        world.publish(numbered("n", [0, 3]))

        wait(lambda: world.status("handler:picky").settled == 2, "live events to be handled")
        assert (first["settled"], first["failed"], first["done"]) == (0, 0, False)


@on_hub
def test_letters_of_a_handler_that_does_not_run_stay(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        known = green.Signal()
        world.journal.submit(Unit(dead=[DeadLetter("handler:old", 0, b"{}", 1, 1, 1, "")]), known.set)
        known.wait()
        last = told(desk(world).retry(Letters()))

        assert (last["skipped"], last["error"]) == (1, "handler:old does not run")
        assert len(world.dead()) == 1


@on_hub
def test_a_letter_of_a_replay_is_in_no_books_of_its_handler(tmp_path: Path) -> None:
    plugin = picky()
    with World(tmp_path, {"picky": plugin}) as world:
        world.publish(numbered("n", [0]))
        world.done("handler:picky")
        event = b'{"specversion":"1.0","id":"1","source":"/","type":"n","data":{"n":5}}'
        known = green.Signal()
        world.journal.submit(Unit(dead=[DeadLetter(f"{REPLAY}handler:picky", 0, event, 1, 1, 1, "")]), known.set)
        known.wait()
        assert told(desk(world).retry(Letters()))["settled"] == 1

        status = world.done("handler:picky")
        assert (status.settled, status.dead, world.journal.dead_count) == (1, 0, 0)


@on_hub
def test_what_is_dropped_is_counted(tmp_path: Path) -> None:
    with World(tmp_path, {"picky": picky()}, text=f"[handler:picky]\n{FAST}attempts = 1\n") as world:
        given_up(world)
        assert desk(world).drop(Letters(type="n")) == 2
        assert world.journal.books["dead_dropped:handler:picky"] == 2
        assert (world.status("handler:picky").dead, world.journal.dead_count) == (2, 0)


@on_hub
def test_an_event_type_tries_its_letters_again(tmp_path: Path) -> None:
    class Reading(Event):
        type = "n"
        broken = True

        def execute(self) -> None:
            if self.broken:
                raise ValueError

    text = f"[event_type:Reading]\n{FAST}attempts = 1\n"
    with World(tmp_path, event_types=[Reading], text=text) as world:
        world.publish(draft(Event("n", {})))
        wait(lambda: world.journal.dead_count == 1)
        Reading.broken = False
        assert told(desk(world).retry(Letters()))["settled"] == 1


def test_a_name_may_stand_without_its_kind() -> None:
    known = ["handler:a", "event_type:b"]
    assert [full_name(name, known) for name in ("a", "handler:a", "b", "c")] == [
        "handler:a", "handler:a", "event_type:b", "c",
    ]  # fmt: skip


@on_hub
def test_a_retry_whose_letter_was_dropped_takes_no_other_one_with_it(tmp_path: Path) -> None:
    wish = Signal()

    class Late(Handler):
        types = ("n",)

        def handle(self, batch: Batch) -> None:
            for event in batch:
                if event.data["n"] or not tried:
                    raise Reject("no")
                if not wish.is_set():
                    asked.set()
                    raise Retry(0.01)

    tried: list[int] = []
    asked = Signal()
    with World(tmp_path, {"late": Late}) as world:
        world.publish(numbered("n", [0]))
        wait(lambda: world.journal.dead_count == 1)
        tried.append(1)
        lines: list[bytes] = []
        green.Group("test").spawn("retry", lambda: lines.extend(desk(world).retry(Letters())))
        assert asked.wait(5.0)
        assert desk(world).drop(Letters()) == 1
        world.publish(numbered("n", [1]))
        wait(lambda: world.journal.dead_count == 1)
        wish.set()
        wait(lambda: lines and msgspec.json.decode(lines[-1])["done"])

        assert [letter.offset for letter in world.dead()] == [1]
        status = world.done("handler:late")
        assert (status.settled, status.dead) == (1, 1)
