"""A range goes through a handler once more; its place, its books and its live events stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventd import green
from eventd.dispatch.replay import Busy, Replays
from eventd.event import Batch
from eventd.plugin.contract import Emitter, Handler, State
from tests.dispatch.support import forward_draft, numbered
from tests.dispatch.world import FAST, World, on_hub, wait

NAME = "handler:seen"
#: Nobody lives to see the second attempt.
SLOW = "[handler:seen]\nretry_first = 1m\nretry_most = 1m\nstart = earliest\n"


class Seen(Handler):
    """Keeps the numbers that it got, counts them in its state and may raise for some."""

    types = ("a.>",)
    numbers: list[int]
    bad: set[int]

    def __init_subclass__(cls) -> None:
        cls.numbers, cls.bad = [], set()

    def handle(self, batch: Batch) -> None:
        for index, event in enumerate(batch):
            if event.data["n"] in self.bad:
                batch.fail(index, "bad")
            else:
                self.numbers.append(event.data["n"])


class Counting(Seen):
    """The same with a state and emits."""

    def __init__(self, state: State, emit: Emitter) -> None:
        self.state = state
        self.emit = emit

    def handle(self, batch: Batch) -> None:
        super().handle(batch)
        for event in batch:
            self.state.add("handled")
            self.emit("done", {"n": event.data["n"]})


def seen(base: type[Seen] = Seen) -> type[Seen]:
    return type("Made", (base,), {})


def replays(world: World) -> Replays:
    return Replays(world.journal, lambda: {consumer.name: consumer.siding for consumer in world.dispatcher.consumers})


def replay(world: World, start: str = "earliest", end: str = "now", *types: str, dry_run: bool = False) -> Any:
    return replays(world).start("seen", start, end, types, dry_run)


def told(lines: Iterator[bytes]) -> dict[str, Any]:
    last: dict[str, Any] = msgspec.json.decode(list(lines)[-1])
    return last


@pytest.mark.parametrize("kind", [Seen, Counting])
@on_hub
def test_events_go_through_once_more_and_the_live_place_stays(tmp_path: Path, kind: type[Seen]) -> None:
    plugin = seen(kind)
    with World(tmp_path, {"seen": plugin}) as world:
        world.publish(numbered("a.b", range(3)), numbered("other", [9]), forward_draft("a.c", [{"n": 3}, {"n": 4}]))
        before = world.done(NAME)
        last = told(replay(world))

        assert plugin.numbers == [0, 1, 2, 3, 4] * 2
        assert (last["state"], last["events"], last["settled"], last["dead"]) == ("done", 5, 5, 0)
        assert (last["handler"], last["first"], last["resumed"], last["error"]) == (NAME, 0, False, None)
        after = world.done(NAME)
        assert (after.settled, after.dead, after.since) == (before.settled, before.dead, before.since)
        assert list(world.journal.consumers) == [NAME]


@on_hub
def test_what_a_replay_emits_and_keeps_is_durable_as_ever(tmp_path: Path) -> None:
    with World(tmp_path, {"seen": seen(Counting)}) as world:
        world.publish(numbered("a.b", range(3)))
        world.done(NAME)
        told(replay(world))
        world.publish(numbered("a.b", [7]))
        world.done(NAME)

        assert world.journal.state(NAME).get("handled") == msgspec.msgpack.encode(7)
        assert world.journal.books[f"emitted:{NAME}"] == 7
        assert world.journal.end == 4 + 7


@on_hub
def test_a_range_begins_and_ends_within_blocks(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}, text=f"[handler:seen]\n{FAST}batch_size = 3\n") as world:
        world.publish(forward_draft("a.b", [{"n": n} for n in range(10)]), numbered("a.b", range(10, 20)))
        world.done(NAME)
        plugin.numbers.clear()
        last = told(replay(world, "4", "13"))

        assert plugin.numbers == list(range(4, 13))
        assert (last["first"], last["end"], last["offset"]) == (4, 13, 13)


@on_hub
def test_only_some_types(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}) as world:
        world.publish(numbered("a.b", [0, 1]), numbered("a.c", [2]), numbered("x", [3]))
        world.done(NAME)
        plugin.numbers.clear()
        assert told(replay(world, "earliest", "now", "a.c", "x"))["events"] == 1
        assert plugin.numbers == [2]


@on_hub
def test_a_dry_run_only_counts(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}) as world:
        world.publish(numbered("a.b", range(7)), numbered("x", [3]))
        world.done(NAME)
        last = told(replay(world, "2", "100", dry_run=True))

        assert (last["events"], last["first"], last["end"], last["state"]) == (5, 2, 8, "done")
        assert plugin.numbers == list(range(7))
        assert list(world.journal.consumers) == [NAME]


@on_hub
def test_what_fails_is_a_dead_letter_of_the_replay_and_holds_nobody_back(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}, text=f"[handler:seen]\n{FAST}attempts = 3\n") as world:
        world.publish(numbered("a.b", range(5)))
        world.done(NAME)
        plugin.numbers.clear()
        plugin.bad = {1, 3}
        last = told(replay(world))

        assert (last["state"], last["settled"], last["dead"]) == ("done", 3, 2)
        assert plugin.numbers == [0, 2, 4]
        letters = sorted(world.dead(), key=lambda letter: letter.offset)
        assert [(letter.consumer, letter.offset, letter.attempts) for letter in letters] == [
            (f"replay:{NAME}", 1, 3), (f"replay:{NAME}", 3, 3),
        ]  # fmt: skip
        assert (world.done(NAME).settled, world.status(NAME).dead) == (5, 0)


@on_hub
def test_live_events_go_on_beside_it(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}, text=f"[handler:seen]\n{FAST}batch_size = 10\n") as world:
        world.publish(numbered("a.b", range(20_000)))
        world.done(NAME)
        plugin.numbers.clear()
        lines = replay(world)
        world.publish(numbered("a.b", [-1]))
        told(lines)
        world.done(NAME)

        assert plugin.numbers.index(-1) < 20_000
        assert sorted(plugin.numbers) == [-1, *range(20_000)]


class Gated(Seen):
    """Waits in the middle of what is replayed."""

    gate: green.Signal

    def handle(self, batch: Batch) -> None:
        super().handle(batch)
        if batch.events[0].data["n"] == 20:
            self.gate.wait()


@on_hub
def test_one_that_is_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    plugin = seen(Gated)
    plugin.gate = green.Signal()  # type: ignore[attr-defined]  # of the class that it was made of
    plugin.gate.set()  # type: ignore[attr-defined]  # the same
    text = f"[handler:seen]\n{FAST}batch_size = 1\n"
    with World(tmp_path, {"seen": plugin}, text=text) as world:
        world.publish(numbered("a.b", range(50)))
        world.done(NAME)
        plugin.numbers.clear()
        plugin.gate.clear()  # type: ignore[attr-defined]  # the same
        lines = replay(world, "earliest", "50")
        assert msgspec.json.decode(next(lines))["state"] == "running"
        lines.close()
        plugin.gate.set()  # type: ignore[attr-defined]  # the same
        wait(lambda: world.dispatcher.consumers[0].siding.idle)
        assert world.journal.consumers[f"replay:{NAME}:earliest-50"].offset == len(plugin.numbers) == 21

    with World(tmp_path, {"seen": plugin}, text=text) as world:
        last = told(replay(world, "earliest", "50"))
        assert (last["resumed"], last["events"]) == (True, 29)
        assert plugin.numbers == list(range(50))
        # Once it came to its end, the same command begins anew.
        assert told(replay(world, "earliest", "50"))["resumed"] is False


@on_hub
def test_a_stop_of_the_daemon_breaks_it_off(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}, text=f"[handler:seen]\n{FAST}batch_size = 1\n") as world:
        world.publish(numbered("a.b", range(300)))
        world.done(NAME)
        plugin.numbers.clear()
        lines = replay(world)
        wait(lambda: plugin.numbers)
    done = len(plugin.numbers)
    last = told(lines)
    assert (last["state"], last["error"]) == ("stopped", "the daemon is stopping")
    with World(tmp_path, {"seen": plugin}) as world:
        assert world.journal.consumers[f"replay:{NAME}:earliest-now"].settled == done


@on_hub
def test_one_at_a_time(tmp_path: Path) -> None:
    with World(tmp_path, {"seen": seen()}) as world:
        world.publish(numbered("a.b", range(10)))
        world.done(NAME)
        lines = replay(world)
        with pytest.raises(Busy):
            replay(world)
        told(lines)
        told(replay(world))


@on_hub
def test_never_beyond_what_the_handler_has_done(tmp_path: Path) -> None:
    plugin = seen()
    with World(tmp_path, {"seen": plugin}, text=SLOW) as world:
        world.publish(numbered("a.b", range(3)))
        world.done(NAME)
        plugin.bad = {4}
        world.publish(numbered("a.b", [3, 4, 5]))
        wait(lambda: 5 in plugin.numbers)
        assert (told(replay(world, "0", "6", dry_run=True))["end"], world.journal.end) == (4, 6)


@pytest.mark.parametrize(
    "order",
    [("nobody", "0", "1", ()), ("seen", "soon", "1", ()), ("seen", "0", "later", ()), ("seen", "0", "1", ("a..b",)),
     ("seen", "0", "1", ("a",) * 33)],
)  # fmt: skip
@on_hub
def test_what_cannot_be_understood_is_told_before_anything_begins(
    tmp_path: Path, order: tuple[str, str, str, tuple[str, ...]]
) -> None:
    handler, start, end, types = order
    with World(tmp_path, {"seen": seen()}) as world, pytest.raises(ValueError, match="nobody|soon|later|pattern"):
        replays(world).start(handler, start, end, types, dry_run=False)


@on_hub
def test_an_empty_range_is_done_at_once(tmp_path: Path) -> None:
    with World(tmp_path, {"seen": seen()}) as world:
        last = told(replay(world))
        assert (last["state"], last["events"], list(world.journal.consumers)) == ("done", 0, [NAME])
