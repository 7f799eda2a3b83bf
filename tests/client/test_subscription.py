"""A subscription of the client for threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from eventd.client import Client, Closed, Gap, Refused
from eventd.event import Event
from tests.client.world import World
from tests.support.wait import until


@pytest.fixture(params=["json", "msgpack"])
def client(request: pytest.FixtureRequest, world: World) -> Iterator[Client]:
    with Client(world.url, format=request.param) as client:
        assert client.wait_connected(10)
        yield client


def test_events_come_in_order_and_end_with_the_subscription(client, world):
    world.fill(250)
    subscription = client.subscribe("world.>", start="earliest")
    got = []

    for event in subscription:
        got.append(event.data)
        if event.offset == 249:
            subscription.close()

    assert got == list(range(250))
    until(lambda: world.talk.ops("unsubscribe"), what="the end of the subscription")
    with pytest.raises(Closed):
        subscription.get(1)


def test_a_subscription_begins_now_by_default(client, world):
    world.fill(5)
    subscription = client.subscribe("world.>")
    world.fill(1)

    assert next(subscription).offset == 5
    assert (subscription.offset, subscription.epoch, subscription.end) == (6, "one", 5)


def test_what_is_asked_for_is_what_the_server_hears(client, world):
    client.subscribe("a", "b", filters=[{"exact": {"source": "/s"}}], start=0, epoch="one", name="n", credit=5)

    [told] = world.talk.ops("subscribe")
    assert told == {
        "op": "subscribe", "id": told["id"], "types": ["a", "b"], "filters": [{"exact": {"source": "/s"}}], "from": 0,
        "epoch": "one", "name": "n", "credit": 5,
    }  # fmt: skip


def test_nothing_within_the_time_is_none(client, world):
    subscription = client.subscribe("world.>")

    assert subscription.get(0.01) is None
    world.fill(1)
    assert subscription.get(10).data == 0


def test_batches_are_what_came_together(client, world):
    world.frame = 7
    world.fill(21)
    subscription = client.subscribe("world.>", start="earliest")
    got: list[int] = []

    for batch in subscription.batches():
        assert len(batch) <= 7
        got += [event.data for event in batch]
        if len(got) == 21:
            assert subscription.offset == 21
            break

    assert got == list(range(21))


def test_the_ways_to_read_go_on_where_the_other_was(client, world):
    world.fill(10)
    subscription = client.subscribe("world.>", start="earliest")

    first = next(subscription)
    second = subscription.get(10)
    rest = next(subscription.batches())

    assert [first.data, second.data, *(event.data for event in rest)] == list(range(10))


def test_a_lost_connection_is_not_noticed(client, world):
    world.frame = 3
    world.fill(10)
    subscription = client.subscribe("world.>", start="earliest")
    got = [next(subscription).data for _ in range(4)]
    until(lambda: subscription._track.resume == 10, what="the rest to arrive")

    world.cut()
    world.fill(10)
    until(lambda: len(world.talks) == 2, what="the next connection")

    got += [next(subscription).data for _ in range(16)]
    assert got == list(range(20))
    told = world.talk.ops("subscribe")[0]
    assert (told["from"], told["epoch"]) == (10, "one")


def test_events_that_are_gone_are_a_gap_once(client, world):
    world.fill(4)
    subscription = client.subscribe("world.>", start="earliest")
    assert next(subscription).data == 0
    until(lambda: subscription._track.resume == 4, what="the rest to arrive")
    world.fill(0)
    world.stop()
    world.log += [{**world.log[0], "data": number} for number in range(4, 10)]
    world.first = 8
    with world:
        got: list[object] = []
        while got[-1:] != [9]:
            try:
                got += [event.data for event in next(subscription.batches())]
            except Gap as gap:
                got.append((gap.start, gap.end, gap.epoch))

    assert got == [1, 2, 3, (4, 8, "one"), 8, 9]


def test_a_gap_can_be_told_to_a_function(client, world):
    world.fill(10)
    world.first = 5
    gaps: list[Gap] = []
    subscription = client.subscribe("world.>", start=2, on_gap=gaps.append)

    assert next(subscription).data == 5
    assert [(gap.start, gap.end) for gap in gaps] == [(2, 5)]


def test_iteration_goes_on_behind_a_gap(client, world):
    world.fill(3)
    world.first = 1
    subscription = client.subscribe("world.>", start=0)
    events = iter(subscription)

    with pytest.raises(Gap):
        next(events)

    assert next(events).data == 1
    assert subscription.offset == 2


def test_no_more_waits_in_memory_than_was_granted(client, world):
    world.frame = 4
    world.fill(100)
    subscription = client.subscribe("world.>", start="earliest", credit=10)
    until(lambda: subscription._track.resume == 10, what="all that was granted")

    got = [next(subscription).data for _ in range(100)]

    assert got == list(range(100))
    assert world.talk.ops("subscribe")[0]["credit"] == 10
    assert 0 < sum(told["n"] for told in world.talk.ops("credit")) <= 100


def test_settled_events_are_told_before_the_next_are_waited_for(client, world):
    world.fill(5)
    subscription = client.subscribe("world.>", name="n", start="earliest")
    for _ in range(5):
        subscription.settle(next(subscription))
    assert subscription.get(0) is None

    until(lambda: world.talk.ops("settle"), what="the settle")
    assert world.talk.ops("settle") == [{"op": "settle", "sid": 0, "offsets": [[0, 4]], "outcome": "done"}]
    assert "credit" not in world.talk.ops("subscribe")[0]


def test_settled_events_are_told_within_a_moment_by_themselves(client, world):
    world.fill(3)
    subscription = client.subscribe("world.>", name="n", start="earliest")
    events = [next(subscription) for _ in range(3)]

    subscription.settle(events[:2])
    subscription.settle(events[2].offset, "retry", 2.5)

    until(lambda: len(world.talk.ops("settle")) == 2, what="both to be told")
    assert [(told["offsets"], told["outcome"], told.get("after")) for told in world.talk.ops("settle")] == [
        ([[0, 1]], "done", None), ([2], "retry", 2.5),
    ]  # fmt: skip


def test_settled_events_are_told_when_the_client_is_closed(world):
    world.fill(3)
    with Client(world.url) as client:
        subscription = client.subscribe("world.>", name="n", start="earliest")
        subscription.settle([next(subscription) for _ in range(3)])

    until(lambda: world.places["n"] == 3, what="the settle to be heard")


def test_what_was_not_settled_comes_again_and_what_was_does_not(client, world):
    world.fill(6)
    subscription = client.subscribe("world.>", name="n", start="earliest")
    before = [next(subscription) for _ in range(4)]
    subscription.settle(before[:2])
    until(lambda: world.places["n"] == 2, what="two to be settled")

    world.cut()
    until(lambda: len(world.talks) == 2, what="the next connection")
    got = [next(subscription).offset for _ in range(4)]

    assert got == [2, 3, 4, 5]


def test_what_cannot_be_settled_is_refused(client, world):
    live, durable = client.subscribe("a"), client.subscribe("a", name="n")

    with pytest.raises(ValueError):
        live.settle(Event("a"))
    with pytest.raises(ValueError):
        durable.settle(5, "maybe")
    with pytest.raises(TypeError):
        durable.settle("text")
    durable.settle(5)
    durable.settle([])


def test_a_refusal_without_a_connection_comes_at_iteration(tmp_path):
    world = World(path=tmp_path / "socket")
    world.rules["subscribe"] = lambda talk, told: talk.say("error", id=told["id"], code="no", message="never")
    with Client(world.url) as client:
        subscription = client.subscribe("a..b")
        with world:
            with pytest.raises(Refused, match="no: never"):
                next(subscription)
            assert list(subscription) == []


def test_the_server_can_end_a_subscription(client, world):
    world.fill(1)
    subscription = client.subscribe("world.>", start="earliest")
    until(lambda: subscription._track.resume == 1, what="the event to arrive")
    world.talk.say("error", sid=0, code="internal", message="the disk")

    assert next(subscription).data == 0
    with pytest.raises(Refused, match="the disk"):
        next(subscription)
    with pytest.raises(Closed):
        subscription.get()


def test_it_is_closed_behind_a_with(client, world):
    with client.subscribe("world.>") as subscription:
        pass

    assert list(subscription) == []
    until(lambda: not world.talk.subscriptions, what="the end of the subscription")


def test_events_in_memory_go_with_a_closed_subscription(client, world):
    world.fill(10)
    subscription = client.subscribe("world.>", start="earliest")
    next(subscription)

    subscription.close()

    assert list(subscription) == []


def test_each_event_goes_to_one_of_several_threads(client, world):
    world.fill(3000)
    subscription = client.subscribe("world.>", start="earliest", credit=200)
    got: list[int] = []

    def read() -> None:
        with contextlib.suppress(Closed):
            while len(got) < 3000:
                event = subscription.get(0.05)
                if event is not None:
                    got.append(event.data)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(got) == list(range(3000))
