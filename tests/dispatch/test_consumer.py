"""A consumer follows the journal: in order, from its cursor, without missing or waking for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.errors import JournalUnavailable
from eventd.event import Batch, Event
from eventd.plugin.contract import Emitter, Handler, Logger
from tests.dispatch.support import draft, forward_draft, numbered
from tests.dispatch.world import FAST, World, on_hub, wait


class Keeper(Handler):
    """Keeps what it gets, batch by batch, for the test that made the subclass."""

    types = (">",)
    batches: list[list[Any]]
    gate: green.Signal

    def __init_subclass__(cls) -> None:
        cls.batches = []

    def handle(self, batch: Batch) -> None:
        self.batches.append([event.data["n"] for event in batch])

    @classmethod
    def numbers(cls) -> list[Any]:
        return [number for batch in cls.batches for number in batch]


def keeper(*types: str) -> type[Keeper]:
    return type("Kept", (Keeper,), {"types": types or (">",)})


@on_hub
def test_events_come_in_order_whatever_blocks_they_came_in(tmp_path: Path) -> None:
    kept = keeper()
    with World(tmp_path, {"kept": kept}) as world:
        world.publish(numbered("a", range(3)), forward_draft("b.c", [{"n": 3}, {"n": 4}]))
        world.publish(numbered("a", [5]))
        status = world.done("handler:kept")

        assert kept.numbers() == [0, 1, 2, 3, 4, 5]
        assert (status.settled, status.cursor, status.state) == (6, 6, "idle")
        assert world.timings[0][0] == "handler:kept"


@on_hub
def test_a_large_block_comes_in_batches(tmp_path: Path) -> None:
    kept = keeper()
    with World(tmp_path, {"kept": kept}, text=f"[handler:kept]\n{FAST}batch_size = 4\n") as world:
        world.publish(forward_draft("a", [{"n": n} for n in range(10)]))
        world.done("handler:kept")

        assert kept.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@on_hub
def test_what_arrives_during_a_batch_is_the_next_batch(tmp_path: Path) -> None:
    gate = green.Signal()

    class Slow(Keeper):
        def handle(self, batch: Batch) -> None:
            super().handle(batch)
            gate.wait()

    with World(tmp_path, {"slow": Slow}) as world:
        world.publish(numbered("a", [0]))
        wait(lambda: Slow.batches)
        for number in range(1, 6):
            world.publish(numbered("a", [number]))
        gate.set()
        world.done("handler:slow")

        assert Slow.batches == [[0], [1, 2, 3, 4, 5]]


@on_hub
def test_batch_wait_gathers_what_trickles_in(tmp_path: Path) -> None:
    kept = keeper()
    with World(tmp_path, {"kept": kept}, text=f"[handler:kept]\n{FAST}batch_size = 3\nbatch_wait = 20s\n") as world:
        for number in range(3):
            world.publish(numbered("a", [number]))
        world.done("handler:kept")

        assert kept.batches == [[0, 1, 2]]


@on_hub
def test_batch_wait_ends(tmp_path: Path) -> None:
    kept = keeper()
    with World(tmp_path, {"kept": kept}, text=f"[handler:kept]\n{FAST}batch_wait = 10ms\n") as world:
        world.publish(numbered("a", [0]))

        assert world.done("handler:kept").settled == 1


@on_hub
def test_batch_wait_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    kept = keeper()
    with World(tmp_path, {"kept": kept}, text=f"[handler:kept]\n{FAST}batch_wait = 1h\n") as world:
        world.publish(numbered("a", [0]))
        wait(lambda: world.dispatcher.consumers[0]._intake.count)

        assert world.dispatcher.stop(2.0)


@on_hub
def test_batch_wait_ends_when_much_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventd.dispatch.intake.FILLED_BYTES", 1 << 16)
    kept = keeper()
    with World(tmp_path, {"kept": kept}, text=f"[handler:kept]\n{FAST}batch_wait = 1h\n") as world:
        for number in range(6):
            world.publish(draft(Event("a", {"n": number, "ballast": "x" * (1 << 15)})))

        assert wait(lambda: kept.numbers())[:3] == [0, 1, 2]


@on_hub
def test_each_handler_gets_the_types_that_it_names(tmp_path: Path) -> None:
    one, all_b = keeper("a.one"), keeper("b.*", "b.*.>")
    with World(tmp_path, {"one": one, "b": all_b}) as world:
        world.publish(numbered("a.one", [1]), numbered("a.two", [2]), numbered("b.x", [3]), numbered("b.x.y", [4]))
        world.publish(draft(Event("a.one", {"n": 5}), Event("b.x", {"n": 6}), Event("c", {"n": 7})))
        status = world.done("handler:one")
        world.done("handler:b")

        assert one.numbers() == [1, 5]
        assert all_b.numbers() == [3, 4, 6]
        assert (status.settled, status.passed) == (2, 5)


@on_hub
def test_a_handler_is_not_woken_for_what_it_does_not_want(tmp_path: Path) -> None:
    kept = keeper("a")
    with World(tmp_path, {"kept": kept}) as world:
        world.publish(numbered("b", range(50)))
        assert world.done("handler:kept").passed == 50
        world.publish(numbered("a", [1]))
        status = world.done("handler:kept")

        assert (status.cursor, status.settled, status.passed) == (51, 1, 50)


@on_hub
def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second = keeper(), keeper()
    with World(tmp_path, {"kept": first}) as world:
        world.publish(numbered("a", [0, 1]))
        world.done("handler:kept")
    with World(tmp_path, {"kept": second}) as world:
        world.publish(numbered("a", [2]))
        world.done("handler:kept")

    assert (first.numbers(), second.numbers()) == ([0, 1], [2])


@on_hub
def test_what_came_while_it_was_away_is_handled_when_it_is_back(tmp_path: Path) -> None:
    with World(tmp_path, {"kept": keeper()}) as world:
        world.publish(numbered("a", [0]))
        world.done("handler:kept")
    with World(tmp_path) as world:
        world.publish(numbered("a", [1, 2]))
    kept = keeper()
    with World(tmp_path, {"kept": kept}) as world:
        wait(lambda: kept.numbers() == [1, 2])


@pytest.mark.parametrize(
    ("start", "seen"), [("now", [2]), ("earliest", [0, 1, 2]), ("2001-01-01T00:00:00Z", [0, 1, 2])]
)
def test_a_new_handler_starts_where_its_section_says(tmp_path: Path, start: str, seen: list[int]) -> None:
    @on_hub
    def body() -> None:
        with World(tmp_path) as world:
            world.publish(numbered("a", [0, 1]))
        kept = keeper()
        with World(tmp_path, {"kept": kept}, text=f"[handler:kept]\nstart = {start}\n") as world:
            world.publish(numbered("a", [2]))
            wait(lambda: kept.numbers() == seen)

    body()


@on_hub
def test_where_a_new_handler_starts_is_durable_before_anything_comes_in(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(numbered("a", [0, 1]))
    with World(tmp_path, {"kept": keeper()}, text="[handler:kept]\n") as world:
        world.publish(numbered("a", [2]))

        assert world.journal.cursors["handler:kept"] >= 2


@on_hub
def test_a_handler_that_cannot_start_is_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    class Late(Keeper):
        def start(self) -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise OSError("the other side is not there yet")

    with World(tmp_path, {"late": Late}) as world:
        world.publish(numbered("a", [0]))
        world.done("handler:late")

    assert Late.numbers() == [0]
    assert "handler:late cannot be started" in caplog.text


@on_hub
def test_a_handler_that_never_starts_does_not_hold_up_the_others_or_the_stop(tmp_path: Path) -> None:
    class Never(Keeper):
        def __init__(self) -> None:
            raise SystemExit("no")

    kept = keeper()
    with World(tmp_path, {"kept": kept, "never": Never}) as world:
        world.publish(numbered("a", [0]))
        world.done("handler:kept")

        assert world.status("handler:never").state == "failing"
        assert world.status("handler:never").pending == 1


@pytest.mark.parametrize("run", ["green", "thread"])
def test_the_five_words_come_in_order(tmp_path: Path, run: str) -> None:
    import threading

    words: list[str] = []
    threads: set[str] = set()

    class Told(Handler):
        types = (">",)

        def __init__(self, log: Logger) -> None:
            words.append("init")
            threads.add(threading.current_thread().name)

        def start(self) -> None:
            words.append("start")
            threads.add(threading.current_thread().name)

        def handle(self, batch: Batch) -> None:
            words.append(f"handle {len(batch.events)}")
            threads.add(threading.current_thread().name)

        def stop(self) -> None:
            words.append("stop")
            threads.add(threading.current_thread().name)

    @on_hub
    def body() -> None:
        with World(tmp_path, {"told": Told}, text=f"[handler:told]\n{FAST}run = {run}\n") as world:
            world.publish(numbered("a", [0, 1]))
            world.done("handler:told")

    body()

    assert words == ["init", "start", "handle 2", "stop"]
    assert threads == {"MainThread" if run == "green" else "handler:told"}


@on_hub
def test_a_failing_stop_is_told_and_stops_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Keeper):
        def stop(self) -> None:
            raise ValueError("cannot stop")

    with World(tmp_path, {"bad": Bad}) as world:
        world.publish(numbered("a", [0]))
        world.done("handler:bad")

    assert "handler:bad failed while it was stopped" in caplog.text


@on_hub
def test_a_reader_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keeper()
    with World(tmp_path, {"kept": kept}) as world:
        world.publish(numbered("a", [0]))
        world.done("handler:kept")
        read, failures = world.journal.read, [JournalUnavailable("no"), JournalUnavailable("no")]

        def failing(*args: Any) -> Any:
            if failures:
                raise failures.pop()
            return read(*args)

        monkeypatch.setattr(world.journal, "read", failing)
        monkeypatch.setattr("eventd.dispatch.feed.TRY_AGAIN", 0.001)
        world.publish(numbered("a", [1]))
        world.done("handler:kept")

        assert kept.numbers() == [0, 1]


@on_hub
def test_what_a_handler_emits_goes_in_and_is_handled_like_any_event(tmp_path: Path) -> None:
    class Doubler(Handler):
        types = ("a",)

        def __init__(self, emit: Emitter) -> None:
            self.emit = emit

        def handle(self, batch: Batch) -> None:
            for event in batch:
                self.emit("b", {"n": event.data["n"] * 2}, subject="twice", colour="red")

    seen: list[Event] = []

    class Sink(Keeper):
        types = ("b",)

        def handle(self, batch: Batch) -> None:
            super().handle(batch)
            seen.extend(batch.events)

    with World(tmp_path, {"doubler": Doubler, "sink": Sink}) as world:
        world.publish(numbered("a", [1, 2]))
        wait(lambda: Sink.numbers() == [2, 4])
        world.done("handler:doubler")

        assert world.emitted == 2
    assert (seen[0].source, seen[0].subject) == ("eventd://test-node/handler/doubler", "twice")
    assert seen[0].attributes["colour"] == "red"
    assert seen[0].id != seen[1].id
    assert seen[0].time


@on_hub
def test_a_green_handler_lets_the_others_run_between_batches(tmp_path: Path) -> None:
    import time

    turns: list[int] = []

    class Busy(Keeper):
        def handle(self, batch: Batch) -> None:
            super().handle(batch)
            until = time.perf_counter() + 0.006
            while time.perf_counter() < until:
                pass

    with World(tmp_path, {"busy": Busy}, text=f"[handler:busy]\n{FAST}batch_size = 1\n") as world:
        world.publish(numbered("a", range(20)))
        wait(lambda: Busy.batches)
        while world.status("handler:busy").pending:
            turns.append(len(Busy.batches))
            green.sleep(0)

    assert len(set(turns)) > 10
