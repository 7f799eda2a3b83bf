from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from eventd.app.reading import AHEAD, Message, Reading, Trouble
from eventd.app.resources import Resource
from eventd.client import Client, Gap, Refused, Subscription
from tests.app.support import event
from tests.client.world import World
from tests.support.wait import until


@pytest.fixture
def world() -> Iterator[World]:
    with World() as running:
        yield running


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with Client(world.url) as connected:
        yield connected


class Read:
    """A reading, and what it made."""

    def __init__(self, client: Client, resource: Resource) -> None:
        self.items: list[Message | Trouble] = []
        self.resource = resource
        self._client = client
        self.reading = Reading(resource, self._subscribe, self.items.append)
        self.reading.start()

    def _subscribe(self, resource: Resource) -> Subscription:
        return self._client.subscribe(
            *resource.types, start=resource.start, epoch=resource.epoch, name=resource.durable
        )

    @property
    def ids(self) -> list[Any]:
        return [item.event.id for item in self.items if isinstance(item, Message)]

    def handle(self, outcome: str = "done") -> None:
        item = self.items.pop(0)
        assert isinstance(item, Message)
        item.reading.handled(item.event, outcome)

    def end(self) -> None:
        self.reading.end()
        self._client.close()
        self.reading.join(5)
        assert not self.reading.is_alive()
        for item in self.items:
            if isinstance(item, Message):
                item.reading.leave(item.event)
        self.reading.remember()


def everything(durable: str | None = None) -> Resource:
    return Resource("all", (">",), "earliest", durable)


def test_it_is_a_few_events_ahead_and_no_more(world: World, client: Client) -> None:
    world.log += [event(number) for number in range(100)]
    read = Read(client, everything())
    until(lambda: len(read.items) == AHEAD)
    for _ in range(90):
        until(lambda: read.items)
        read.handle()
    until(lambda: len(read.items) == 10)

    assert read.ids == [str(number) for number in range(90, 100)]
    read.end()
    assert (read.resource.start, read.resource.epoch) == (90, "one")


def test_when_nothing_is_left_it_continues_behind_what_came(world: World, client: Client) -> None:
    world.log += [event(number) for number in range(3)]
    read = Read(client, everything())
    until(lambda: len(read.items) == 3)
    for _ in range(3):
        read.handle()
    read.end()

    assert read.resource.start == 3


def test_where_nothing_came_it_continues_where_it_began(world: World, client: Client) -> None:
    world.log += [event(number) for number in range(3)]
    read = Read(client, Resource("all", (">",), "now"))
    until(lambda: world.talk.subscriptions)
    until(lambda: read.reading._subscription and read.reading._subscription.offset is not None)
    read.end()

    assert read.resource.start == 3


def test_what_never_began_stays_as_it_is() -> None:
    client = Client("ws://localhost:1")
    read = Read(client, everything())
    read.end()

    assert (read.resource.start, read.resource.epoch) == ("earliest", None)


def test_a_gap_is_told_and_it_goes_on_behind(world: World, client: Client) -> None:
    world.log += [event(number) for number in range(3)]
    read = Read(client, Resource("all", (">",), 1000))
    until(lambda: len(read.items) == 4)
    trouble = read.items[0]
    assert isinstance(trouble, Trouble)
    assert isinstance(trouble.error, Gap)

    assert read.ids == ["0", "1", "2"]
    read.end()


def test_a_refusal_is_told_and_is_the_end(world: World, client: Client) -> None:
    world.rules["subscribe"] = lambda talk, told: talk.say("error", id=told["id"], code="conflict", message="no")
    read = Read(client, everything("name"))
    read.reading.join(5)
    [trouble] = read.items
    assert isinstance(trouble, Trouble)

    assert (trouble.resource, str(trouble.error)) == ("all", "conflict: no")
    assert isinstance(trouble.error, Refused)
    read.end()


def test_what_became_of_an_event_of_a_durable_one_is_told(world: World, client: Client) -> None:
    world.log += [event(number) for number in range(3)]
    read = Read(client, everything("name"))
    until(lambda: len(read.items) == 3)
    for outcome in ("done", "retry", "done"):
        read.handle(outcome)
    until(lambda: len(world.talk.ops("settle")) == 2)
    told = {one["outcome"]: one["offsets"] for one in world.talk.ops("settle")}

    assert told == {"done": [0, 2], "retry": [1]}
    read.end()
