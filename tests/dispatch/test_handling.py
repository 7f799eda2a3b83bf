"""What becomes of events whose handler fails: tried again, in order, and put aside in the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventd import green
from eventd.errors import JournalUnavailable
from eventd.event import Batch, Event
from eventd.plugin.contract import Emitter, Handler, Reject, Retry
from tests.dispatch.support import forward_draft, numbered
from tests.dispatch.world import FAST, World, on_hub, wait

POISON = 3


class Picky(Handler):
    """Fails for event 3, as often as ``faults`` has something to raise."""

    types = (">",)
    faults: list[BaseException]
    calls: list[list[Any]]
    handled: list[Any]

    def __init_subclass__(cls) -> None:
        cls.calls, cls.handled = [], []

    def handle(self, batch: Batch) -> None:
        numbers = [event.data["n"] for event in batch]
        self.calls.append(numbers)
        if POISON in numbers and self.faults:
            raise self.faults.pop(0)
        self.handled.extend(numbers)


def picky(*faults: BaseException) -> type[Picky]:
    return type("Chosen", (Picky,), {"faults": list(faults)})


@on_hub
def test_a_batch_that_fails_is_handled_one_by_one_and_goes_on(tmp_path: Path) -> None:
    handler = picky(ValueError("first"), ValueError("second"))
    with World(tmp_path, {"it": handler}) as world:
        world.publish(numbered("a", range(6)))
        status = world.done("handler:it")

        assert handler.calls == [[0, 1, 2, 3, 4, 5], [0], [1], [2], [3], [4], [5], [3]]
        assert handler.handled == [0, 1, 2, 4, 5, 3]
        assert (status.settled, status.dead) == (6, 0)
        assert status.retries == 2
        assert world.dead() == []


@on_hub
def test_after_its_attempts_an_event_is_put_aside_with_the_traceback(tmp_path: Path) -> None:
    handler = picky(*(ValueError(f"number {n}") for n in range(10)))
    with World(tmp_path, {"it": handler}, text=f"[handler:it]\n{FAST}attempts = 3\n") as world:
        world.publish(numbered("a", range(5)))
        status = world.done("handler:it")
        (dead,) = world.dead()

    assert handler.calls == [[0, 1, 2, 3, 4], [0], [1], [2], [3], [4], [3], [3]]
    assert (status.settled, status.dead) == (4, 1)
    assert (dead.consumer, dead.offset, dead.attempts) == ("handler:it", 3, 3)
    assert dead.reason == "ValueError: number 3"
    assert "raise self.faults.pop(0)" in dead.traceback
    assert 0 < dead.first_time < dead.last_time
    assert msgspec.json.decode(dead.event)["data"] == {"n": 3}


@on_hub
@pytest.mark.parametrize("run", ["green", "thread"])
def test_the_log_says_where_in_the_plugin_it_failed(tmp_path: Path, caplog: pytest.LogCaptureFixture, run: str) -> None:
    handler = picky(*(ValueError(f"number {n}") for n in range(9)))
    with World(tmp_path, {"it": handler}, text=f"[handler:it]\n{FAST}attempts = 2\nrun = {run}\n") as world:
        world.publish(numbered("a", range(5)))
        world.done("handler:it")

    where = f" at {__file__}:{Picky.handle.__code__.co_firstlineno + 4}"
    batch, again, aside = [record.getMessage() for record in caplog.records if "number" in record.getMessage()]
    assert batch == f"handler:it: a batch of 5 events failed: ValueError('number 0'){where}"
    assert again.startswith("handler:it: event 3 failed, attempt 1; again in ")
    assert again.endswith(f" s: ValueError('number 1'){where}")
    assert aside == f"handler:it: event 3 is put aside after attempt 2: ValueError('number 2'){where}"


@on_hub
def test_a_single_event_is_not_handled_twice_for_the_first_failure(tmp_path: Path) -> None:
    handler = picky(*(ValueError() for _ in range(10)))
    with World(tmp_path, {"it": handler}, text=f"[handler:it]\n{FAST}attempts = 2\n") as world:
        world.publish(numbered("a", [3]))
        world.done("handler:it")

    assert handler.calls == [[3], [3]]


@on_hub
def test_a_reject_puts_the_event_aside_at_once(tmp_path: Path) -> None:
    handler = picky(ValueError(), Reject("no such sensor"))
    with World(tmp_path, {"it": handler}) as world:
        world.publish(numbered("a", range(5)))
        status = world.done("handler:it")
        (dead,) = world.dead()

    assert (status.settled, status.dead, dead.attempts) == (4, 1, 1)
    assert dead.reason == "Reject: no such sensor"


@on_hub
def test_a_retry_has_the_batch_handled_again_as_a_whole(tmp_path: Path) -> None:
    handler = picky(Retry(0.001), Retry(0.001))
    with World(tmp_path, {"it": handler}) as world:
        world.publish(numbered("a", range(5)))
        world.done("handler:it")

    assert handler.calls == [[0, 1, 2, 3, 4]] * 3


@on_hub
def test_a_retry_for_ever_ends_with_one_last_attempt_for_each(tmp_path: Path) -> None:
    handler = picky(*(Retry(0.001) for _ in range(10)))
    with World(tmp_path, {"it": handler}, text=f"[handler:it]\n{FAST}attempts = 2\n") as world:
        world.publish(numbered("a", range(5)))
        status = world.done("handler:it")

    assert handler.calls == [[0, 1, 2, 3, 4]] * 2 + [[0], [1], [2], [3], [4]]
    assert (status.settled, status.dead) == (4, 1)


@on_hub
def test_only_events_that_the_handler_says_failed_are_tried_again(tmp_path: Path) -> None:
    calls: list[list[int]] = []

    class Partly(Handler):
        types = (">",)

        def handle(self, batch: Batch) -> None:
            calls.append([event.data["n"] for event in batch])
            for index, event in enumerate(batch):
                if event.data["n"] in (1, 3):
                    batch.fail(index, "odd")

    with World(tmp_path, {"it": Partly}, text=f"[handler:it]\n{FAST}attempts = 2\n") as world:
        world.publish(numbered("a", range(5)))
        status = world.done("handler:it")
        dead = world.dead()

    assert calls[0] == [0, 1, 2, 3, 4]
    assert sorted(calls[1:]) == [[1], [3]]
    assert sorted(letter.offset for letter in dead) == [1, 3]
    assert {letter.reason for letter in dead} == {"RuntimeError: odd"}
    assert (status.settled, status.dead) == (3, 2)


@on_hub
def test_each_attempt_gets_the_event_as_it_came(tmp_path: Path) -> None:
    seen: list[Any] = []

    class Spoils(Handler):
        types = (">",)

        def handle(self, batch: Batch) -> None:
            for event in batch:
                seen.append(dict(event.data))
                event.data.clear()
            raise ValueError

    with World(tmp_path, {"it": Spoils}, text=f"[handler:it]\n{FAST}attempts = 2\n") as world:
        world.publish(forward_draft("a", [{"n": 0}, {"n": 1}]))
        world.done("handler:it")
        dead = world.dead()

    assert sorted(data["n"] for data in seen) == [0, 0, 0, 1, 1, 1]
    assert sorted(msgspec.json.decode(letter.event)["data"]["n"] for letter in dead) == [0, 1]


@pytest.mark.parametrize("run", ["green", "thread"])
@pytest.mark.parametrize(
    "fault", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), BaseException("odd")]
)
def test_what_ends_a_program_ends_only_the_call(tmp_path: Path, fault: BaseException, run: str) -> None:
    handler = picky(ValueError(), fault)

    @on_hub
    def body() -> None:
        with World(tmp_path, {"it": handler}, text=f"[handler:it]\n{FAST}attempts = 1\nrun = {run}\n") as world:
            world.publish(numbered("a", range(5)))
            status = world.done("handler:it")
            (dead,) = world.dead()

            assert (status.settled, status.dead) == (4, 1)
            assert type(fault).__name__ in dead.reason
            assert "raise self.faults.pop(0)" in dead.traceback

    body()


@on_hub
def test_what_a_failed_call_emitted_is_not_committed(tmp_path: Path) -> None:
    class Emits(Handler):
        types = ("a",)
        attempts = 0

        def __init__(self, emit: Emitter) -> None:
            self.emit = emit

        def handle(self, batch: Batch) -> None:
            type(self).attempts += 1
            for event in batch:
                self.emit("b", event.data)
            if self.attempts < 3:
                raise ValueError

    with World(tmp_path, {"it": Emits}) as world:
        world.publish(numbered("a", [7]))
        world.done("handler:it")

        assert world.journal.end == 2


@on_hub
def test_emitting_an_invalid_event_fails_where_it_is_called(tmp_path: Path) -> None:
    class Emits(Handler):
        types = ("a",)

        def __init__(self, emit: Emitter) -> None:
            self.emit = emit

        def handle(self, batch: Batch) -> None:
            self.emit("b", 1, Bad_Name="x")

    with World(tmp_path, {"it": Emits}, text=f"[handler:it]\n{FAST}attempts = 1\n") as world:
        world.publish(numbered("a", [7]))
        world.done("handler:it")
        (dead,) = world.dead()

    assert "InvalidEvent" in dead.reason
    assert "in handle" in dead.traceback


@on_hub
def test_while_an_event_waits_all_others_are_settled_and_stay_so_after_a_restart(tmp_path: Path) -> None:
    handler = picky(ValueError(), Retry(3600.0))
    with World(tmp_path, {"it": handler}) as world:
        world.publish(numbered("a", range(5)))
        world.publish(numbered("a", range(5, 7)))
        wait(lambda: world.status("handler:it").settled == 6)
        status = world.status("handler:it")

        assert (status.state, status.cursor, status.pending) == ("retrying", 3, 1)
        world.balanced("handler:it")
    again = picky()
    with World(tmp_path, {"it": again}) as world:
        world.publish(numbered("a", [7]))
        status = world.done("handler:it")

    assert again.handled == [3, 7]
    assert (status.settled, status.cursor, status.since) == (8, 8, 0)


@on_hub
def test_an_outcome_that_cannot_be_committed_is_kept_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[object] = []
    handler = picky(ValueError(), Reject("no"))
    world = World(tmp_path, {"it": handler})
    submit = world.journal.submit

    def full(unit: Any, done: Any) -> None:
        if unit.dead and len(refused) < 2:
            refused.append(unit)
            done(JournalUnavailable("the disk is full", retry_after=0.001))
        else:
            submit(unit, done)

    monkeypatch.setattr(world.journal, "submit", full)
    with world:
        world.publish(numbered("a", range(5)))
        world.done("handler:it")

        assert [letter.offset for letter in world.dead()] == [3]
    assert handler.calls.count([3]) == 1
    assert "the disk is full" in caplog.text


@on_hub
def test_one_consumers_failures_hold_up_nobody_else(tmp_path: Path) -> None:
    stuck, well = picky(ValueError(), Retry(3600.0)), picky()
    with World(tmp_path, {"stuck": stuck, "well": well}) as world:
        world.publish(numbered("a", range(5)))
        world.publish(numbered("a", range(5, 9)))
        world.done("handler:well")

        assert well.handled == list(range(9))
        assert world.status("handler:stuck").pending > 0
        world.balanced("handler:stuck")


class Unspeakable(Exception):
    """Even its words fail."""

    def __str__(self) -> str:
        raise ValueError("no words")


@on_hub
def test_an_error_without_words_is_a_failure_like_any_other(tmp_path: Path) -> None:
    with World(tmp_path, {"it": picky(*[Unspeakable() for _ in range(9)])}) as world:
        world.publish(numbered("a", [POISON]))
        world.done("handler:it")

        assert [(letter.attempts, letter.reason) for letter in world.dead()] == [(5, "Unspeakable")]


def test_a_retry_after_something_that_is_no_number_fails_in_the_plugin() -> None:
    with pytest.raises(TypeError):
        Retry(after=timedelta(seconds=1))  # type: ignore[arg-type]  # the mistake of this test


@on_hub
def test_odd_records_become_dead_letters_that_can_be_read(tmp_path: Path) -> None:
    class Refuses(Handler):
        types = (">",)

        def handle(self, batch: Batch) -> None:
            raise Reject("whatever it is")

    odd = [{"bytes": b"\xff\xfe", "nan": float("nan"), b"key": 1, 5: [None]}, {"deep": {"er": {1: 2}}}]
    with World(tmp_path, {"it": Refuses}) as world:
        world.publish(forward_draft("a", odd))
        world.done("handler:it")

        assert [msgspec.json.decode(letter.event)["type"] for letter in world.dead()] == ["a", "a"]


@on_hub
def test_an_event_type_is_executed_event_by_event(tmp_path: Path) -> None:
    executed: list[float] = []

    class Reading(Event):
        type = "reading"

        class Data(msgspec.Struct):
            celsius: float

        data: Data

        def execute(self, emit: Emitter) -> None:
            emit("seen", self.data.celsius)
            if self.data.celsius == 13:
                raise ValueError("unlucky")
            executed.append(self.data.celsius)

    with World(tmp_path, event_types=[Reading]) as world:
        world.publish(forward_draft("reading", [{"celsius": n} for n in (12, 13, 14)]), numbered("other", [1]))
        status = world.done("event_type:Reading")
        (dead,) = world.dead()

        assert executed == [12.0, 14.0]
        assert (status.settled, status.dead, status.passed) == (2, 1, 3)
        assert (dead.attempts, dead.offset) == (5, 1)
        assert world.emitted == 2
        assert green.current_name() == "main"


@on_hub
def test_an_event_type_without_execute_has_no_consumer(tmp_path: Path) -> None:
    class Declared(Event):
        type = "declared"

    with World(tmp_path, event_types=[Declared]) as world:
        assert world.dispatcher.status() == []
