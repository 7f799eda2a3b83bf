"""What administrators ask for reaches who does it, and in the right words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eventd import green
from eventd.administration import administration
from eventd.event import Batch
from eventd.listen.admin import Administration, Chosen, Order
from eventd.plugin.contract import Handler
from eventd.protocol.native import JSON
from eventd.subscriptions.groups import Groups
from eventd.subscriptions.shape import Shape
from tests.dispatch.support import numbered
from tests.dispatch.world import FAST, World, on_hub, wait


class Failing(Handler):
    types = ("n",)
    fails = True

    def handle(self, batch: Batch) -> None:
        if self.fails:
            raise ValueError("no")


def made(world: World) -> Administration:
    groups = Groups(world.journal, world.dispatcher.feed, green.hub(), 0)
    return administration(world.journal, world.dispatcher, groups, lambda: ["told"])


@on_hub
def test_a_subscription_that_is_forgotten_is_paused_no_more(tmp_path: Path) -> None:
    name = "subscription:it"
    with World(tmp_path) as world:
        groups = Groups(world.journal, world.dispatcher.feed, green.hub(), 0, world.dispatcher.paused)
        admin = administration(world.journal, world.dispatcher, groups, list)
        group, _ = groups.find("it", Shape(JSON, [">"], []), 0)
        group.remember()
        assert admin.pause("it", True) == (name, True)
        assert (group.status().state, name in world.dispatcher.paused) == ("paused", True)
        admin.forget("it")
        assert name not in world.dispatcher.paused
        assert groups.find("it", Shape(JSON, [">"], []), 0)[0].status().state == "no members"
        groups.stop(1.0)


def last(lines: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(list(lines)[-1])
    return document


@on_hub
def test_letters_are_chosen_by_a_handlers_name_with_or_without_its_kind(tmp_path: Path) -> None:
    with World(tmp_path, {"failing": Failing}, text=f"[handler:failing]\n{FAST}attempts = 1\n") as world:
        world.publish(numbered("n", range(3)))
        wait(lambda: world.journal.dead_count == 3)
        admin = made(world)
        for name in ("failing", "handler:failing"):
            assert len(admin.dead_letters(Chosen(consumer=name), 0, 100)) == 3
        assert admin.dead_letters(Chosen(consumer="event_type:failing"), 0, 100) == []
        assert admin.dead_letters(Chosen(consumer="gone"), 0, 100) == []
        assert len(admin.dead_letters(Chosen(), 1, 1)) == 1
        assert admin.dead_letter(1) is not None
        assert admin.handlers() == ["told"]


@on_hub
def test_all_that_fits_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    with World(tmp_path, {"failing": Failing}, text=f"[handler:failing]\n{FAST}attempts = 1\n") as world:
        world.publish(numbered("n", range(5)))
        wait(lambda: world.journal.dead_count == 5)
        admin = made(world)
        assert admin.drop(Chosen(ids=[1, 2])) == 2
        assert admin.drop(Chosen(consumer="other")) == 0
        assert admin.drop(Chosen(type="n")) == 3


@on_hub
def test_letters_of_a_replay_are_the_handlers_too(tmp_path: Path) -> None:
    class Later(Failing):
        fails = False

    with World(tmp_path, {"later": Later}, text=f"[handler:later]\n{FAST}attempts = 1\n") as world:
        world.publish(numbered("n", range(2)))
        world.done("handler:later")
        admin = made(world)
        Later.fails = True
        assert last(admin.replay(Order(handler="later")))["dead"] == 2
        rows: Any = admin.dead_letters(Chosen(consumer="later"), 0, 100)
        assert [row["consumer"] for row in rows] == ["replay:handler:later"] * 2
        Later.fails = False
        assert last(admin.retry(Chosen(consumer="later")))["settled"] == 2
        status = world.done("handler:later")
        assert (status.settled, status.dead) == (2, 0)
