"""A lane beside a consumer: what goes wrong in it is its own trouble."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventd.dispatch.lane import Lane, Span
from eventd.event import Batch
from eventd.journal import Move, Unit
from eventd.plugin.contract import Handler, State
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait

NAME = "handler:seen"


class Seen(Handler):
    """Keeps what it got in its state."""

    types = (">",)

    def __init__(self, state: State) -> None:
        self.state = state

    def handle(self, batch: Batch) -> None:
        for event in batch:
            self.state.add(str(event.data["n"]))


def span(end: int, name: str = "replay:test") -> Span:
    return Span(name, 0, end, lambda type: True)


def started(world: World, end: int = 3) -> Lane:
    lane = world.dispatcher.consumers[0].siding.take_on(span(end))
    assert lane is not None
    return lane


@on_hub
def test_a_journal_that_cannot_be_read_ends_it_and_live_events_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(tmp_path, {"seen": Seen}) as world:
        world.publish(numbered("a", range(3)))
        world.done(NAME)
        lane = started(world)

        def broken(*args: Any) -> None:
            raise OSError("no")

        monkeypatch.setattr(lane._intake, "read", broken)
        assert lane.over.wait(5.0)
        assert (lane.complete, lane.error) == (False, "OSError: no")
        world.publish(numbered("a", [3]))
        assert world.done(NAME).settled == 4


@on_hub
def test_one_whose_place_somebody_else_moves_ends(tmp_path: Path) -> None:
    with World(tmp_path, {"seen": Seen}, text=f"[handler:seen]\n{FAST}batch_size = 1\n") as world:
        world.publish(numbered("a", range(200)))
        world.done(NAME)
        lane = started(world, 200)
        wait(lambda: lane.settled > 2)
        world.journal.submit(Unit(moves={"replay:test": Move(1000)}), lambda outcome: None)
        assert lane.over.wait(5.0)
        assert not lane.complete
        assert lane.error == "somebody else moved its place in the journal"
        assert world.done(NAME).settled == 200


@on_hub
def test_state_is_right_whatever_runs_beside_it(tmp_path: Path) -> None:
    with World(tmp_path, {"seen": Seen}, text=f"[handler:seen]\n{FAST}batch_size = 2\n") as world:
        world.publish(numbered("a", range(20)))
        world.done(NAME)
        lane = started(world, 20)
        for number in range(20):
            world.publish(numbered("a", [number]))
        assert lane.over.wait(5.0)
        world.done(NAME)
        counts = {world.journal.state(NAME).get(str(number)) for number in range(20)}
        # Once live, once by the replay, and once live again.
        assert counts == {b"\x03"}
        assert (lane.complete, lane.settled) == (True, 20)


@on_hub
def test_what_is_gone_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with World(tmp_path, {"seen": Seen}) as world:
        world.publish(numbered("a", range(3)))
        world.done(NAME)
        monkeypatch.setattr(world.journal, "read", lambda offset: [])
        lane = started(world)
        assert lane.over.wait(5.0)
        assert (lane.complete, lane.offset, lane.settled) == (True, 3, 0)
