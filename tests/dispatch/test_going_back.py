"""A consumer whose line of units the journal refuses for good begins anew at what is durable, and counts once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eventd.errors import Superseded
from eventd.event import Batch
from eventd.formats.blocks import decode
from eventd.plugin.contract import Emitter, Handler, Reject, State
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait


class Sums(Handler):
    """Adds up what it gets, and says so."""

    types = ("a",)
    fails = False

    def __init__(self, state: State, emit: Emitter) -> None:
        self.state, self.emit = state, emit

    def handle(self, batch: Batch) -> None:
        for index, event in enumerate(batch):
            if self.fails and event.data["n"] == 1:
                batch.fail(index, Reject("not now"))
            else:
                self.emit("b", self.state.add("sum", event.data["n"]))


def emitted(world: World) -> list[Any]:
    return [event.data for block in world.journal.read(0) for event in decode(block) if event.type == "b"]


@on_hub
def test_what_was_in_flight_is_done_again_from_what_is_durable(tmp_path: Path) -> None:
    world = World(tmp_path, {"it": type("It", (Sums,), {})}, text=f"[handler:it]\n{FAST}batch_size = 1\n")
    submit, refused = world.journal.submit, list[Any]()

    def lossy(unit: Any, done: Any) -> None:
        if unit.state and len(refused) < 3:
            refused.append(unit)
            world.bridge.post(done, Superseded("another way"))
        else:
            submit(unit, done)

    world.journal.submit = lossy  # type: ignore[method-assign]  # the journal of this test
    with world:
        world.publish(numbered("a", range(1, 6)))
        status = world.done("handler:it")

        assert refused
        assert (status.settled, emitted(world)) == (5, [1, 3, 6, 10, 15])
        wait(lambda: world.journal.state("handler:it").get("sum") == b"\x0f")


@on_hub
def test_a_dead_letter_that_is_tried_again_leaves_when_it_is_settled(tmp_path: Path) -> None:
    handler = type("It", (Sums,), {"fails": True})
    with World(tmp_path, {"it": handler}) as world:
        world.publish(numbered("a", range(4)))
        assert world.done("handler:it").dead == 1
        told: list[tuple[int, bool]] = []
        (consumer,) = world.dispatcher.consumers
        (letter,) = world.dead()

        consumer.retry([letter], lambda *it: told.append(it))
        wait(lambda: told == [(letter.id, False)])
        (again,) = world.dead()
        assert (again.id, again.attempts, world.status("handler:it").dead) == (letter.id, 2, 1)

        handler.fails = False
        consumer.retry([again], lambda *it: told.append(it))
        wait(lambda: told[1:] == [(letter.id, True)])
        status = world.done("handler:it")

        assert (status.settled, status.dead, world.dead()) == (4, 0, [])
        assert sorted(emitted(world)) == [0, 2, 5, 6]


@on_hub
def test_with_one_order_for_all_nothing_overtakes(tmp_path: Path) -> None:
    seen: list[int] = []

    class Slow(Handler):
        types = ("a",)
        left = 3

        def handle(self, batch: Batch) -> None:
            for event in batch:
                if event.data["n"] == 1 and self.left:
                    type(self).left -= 1
                    raise ValueError("not yet")
                seen.append(event.data["n"])

    with World(tmp_path, {"it": Slow}, text=f"[handler:it]\n{FAST}batch_size = 1\norder_by = *\n") as world:
        world.publish(numbered("a", range(5)))
        world.publish(numbered("a", range(5, 8)))
        world.done("handler:it")

    assert seen == list(range(8))
