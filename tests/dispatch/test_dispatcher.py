"""All consumers together: started, told of, stopped in time; services are shared and stopped last."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from eventd import green
from eventd.event import Batch, Event
from eventd.plugin.contract import Emitter, Handler
from tests.dispatch.support import forward_draft, numbered
from tests.dispatch.world import FAST, World, on_hub, wait


class Store:
    """A service."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def stop(self) -> None:
        self.words.append("store stopped")


STORE = Store()


def make_store() -> Store:
    return STORE


class Writer(Handler):
    types = (">",)

    def __init__(self, store: Store) -> None:
        self.store = store

    def handle(self, batch: Batch) -> None:
        self.store.words += [str(event.type) for event in batch]

    def stop(self) -> None:
        self.store.words.append("writer stopped")


@on_hub
def test_a_service_is_shared_and_stopped_after_its_users(tmp_path: Path) -> None:
    class Noted(Event):
        type = "noted"

        def execute(self, store: Store) -> None:
            store.words.append("executed")

    STORE.words.clear()
    with World(tmp_path, {"one": Writer}, event_types=[Noted], services={"store": make_store}) as world:
        world.publish(numbered("noted", [1]))
        world.done("handler:one")
        world.done("event_type:Noted")

    assert sorted(STORE.words[:2]) == ["executed", "noted"]
    assert STORE.words[2:] == ["writer stopped", "store stopped"]


@on_hub
def test_stop_waits_for_the_batch_in_hand_and_leaves_the_rest(tmp_path: Path) -> None:
    began, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    class Slow(Handler):
        types = (">",)
        run = "thread"

        def handle(self, batch: Batch) -> None:
            began.set()
            go_on.wait()
            seen.extend(event.data["n"] for event in batch)

    with World(tmp_path, {"slow": Slow}, text=f"[handler:slow]\n{FAST}batch_size = 2\n") as world:
        world.publish(numbered("a", range(6)))
        wait(began.is_set)
        green.hub().call_later(0.01, go_on.set)

    assert seen == [0, 1]
    again: list[int] = []

    class Rest(Handler):
        types = (">",)

        def handle(self, batch: Batch) -> None:
            again.extend(event.data["n"] for event in batch)

    with World(tmp_path, {"slow": Rest}) as world:
        world.done("handler:slow")

    assert again == [2, 3, 4, 5]


@on_hub
def test_a_handler_that_never_returns_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    release, began = threading.Event(), threading.Event()

    class Stuck(Handler):
        types = (">",)
        run = "thread"

        def handle(self, batch: Batch) -> None:
            began.set()
            release.wait()

    with World(tmp_path, {"stuck": Stuck}) as world:
        world.publish(numbered("a", [1]))
        wait(began.is_set)

        assert not world.dispatcher.stop(0.02)
        release.set()
        world.dispatcher.consumers.clear()


@on_hub
def test_declared_payloads_reach_handlers_as_their_type(tmp_path: Path) -> None:
    class Reading(Event):
        type = "reading"

        class Data(msgspec.Struct):
            celsius: float

    seen: list[object] = []

    class Sink(Handler):
        types = ("reading",)

        def handle(self, batch: Batch) -> None:
            seen.extend((type(event), event.data.celsius) for event in batch)

    with World(tmp_path, {"sink": Sink}, event_types=[Reading]) as world:
        world.publish(forward_draft("reading", [{"celsius": 4}]))
        world.done("handler:sink")

    assert seen == [(Reading, 4.0)]


@on_hub
def test_many_handlers_cost_nothing_for_types_that_they_do_not_want(tmp_path: Path) -> None:
    handlers = {f"h{number}": type("It", (Writer,), {"types": (f"only.{number}",)}) for number in range(50)}
    with World(tmp_path, handlers, services={"store": make_store}) as world:
        world.publish(numbered("other", [1]))
        wait(lambda: all(status.pending == 0 for status in world.dispatcher.status()))

        assert {status.passed for status in world.dispatcher.status()} == {1}
        assert world.timings == []


@on_hub
def test_emitted_events_commit_with_the_cursor_or_not_at_all(tmp_path: Path) -> None:
    class Echo(Handler):
        types = ("a",)

        def __init__(self, emit: Emitter) -> None:
            self.emit = emit

        def handle(self, batch: Batch) -> None:
            for event in batch:
                self.emit("b", event.data)

    with World(tmp_path, {"echo": Echo}) as world:
        world.publish(numbered("a", range(100)))
        world.done("handler:echo")
        wait(lambda: world.journal.cursors["handler:echo"] >= 100)

        assert world.journal.end == 200
        assert world.emitted == 100
