"""A subscription of the client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eventd.client import AsyncClient, Closed, Gap, Refused
from eventd.event import Event
from tests.client.looping import looping, soon
from tests.client.world import World


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(world.url) as client:
        assert await client.wait_connected(10)
        yield client


@looping
async def test_events_come_in_order_and_end_with_the_subscription(world):
    world.fill(250)
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", start="earliest")
        got = []
        async for event in subscription:
            got.append(event.data)
            if event.offset == 249:
                await subscription.close()

        assert got == list(range(250))
        assert (subscription.offset, subscription.epoch, subscription.end) == (250, "one", 250)
        with pytest.raises(Closed):
            await subscription.get(1)


@looping
async def test_nothing_within_the_time_is_none(world):
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>")

        assert await subscription.get(0.01) is None
        world.fill(1)
        event = await subscription.get(10)
        assert event is not None and event.data == 0


@looping
async def test_batches_are_what_came_together(world):
    world.frame = 7
    world.fill(21)
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", start="earliest")
        got: list[int] = []
        async for batch in subscription.batches():
            assert len(batch) <= 7
            got += [event.data for event in batch]
            if len(got) == 21:
                break

        assert got == list(range(21))


@looping
async def test_other_tasks_get_their_turn_however_much_is_there(world):
    world.frame = 10
    world.fill(100)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", start="earliest")
        await soon(lambda: subscription._track.resume == 100, what="all to be there")
        task = asyncio.create_task(other())
        got = [(await anext(subscription)).data for _ in range(100)]
        task.cancel()
        await asyncio.wait({task})

    assert got == list(range(100))
    assert turns >= 10


@looping
async def test_a_lost_connection_is_not_noticed(world):
    world.fill(10)
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", start="earliest")
        got = [(await anext(subscription)).data for _ in range(4)]
        world.cut()
        world.fill(10)
        got += [(await anext(subscription)).data for _ in range(16)]

    assert got == list(range(20))


@looping
async def test_gaps_are_raised_or_told(world):
    world.fill(10)
    world.first = 5
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", start=2)
        with pytest.raises(Gap) as caught:
            await anext(subscription)
        assert (caught.value.start, caught.value.end) == (2, 5)
        assert (await anext(subscription)).data == 5

        gaps: list[Gap] = []
        subscription = await client.subscribe("world.>", start=3, on_gap=gaps.append)
        assert (await anext(subscription)).data == 5
        assert [(gap.start, gap.end) for gap in gaps] == [(3, 5)]


@looping
async def test_settled_events_are_told_within_a_moment(world):
    world.fill(5)
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", name="n", start="earliest")
        for _ in range(3):
            subscription.settle(await anext(subscription))
        await soon(lambda: world.places.get("n") == 3, what="the settle to be heard")

        subscription.settle([3, 4], "retry", 1.5)
        await soon(lambda: len(world.talk.ops("settle")) == 2, what="the other one to be heard")

    assert [told["offsets"] for told in world.talk.ops("settle")] == [[[0, 2]], [[3, 4]]]


@looping
async def test_settled_events_are_told_before_more_are_waited_for_and_at_the_end(world):
    world.fill(4)
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", name="n", start="earliest")
        subscription.settle([await anext(subscription) for _ in range(3)])
        subscription.settle(await anext(subscription))

    await soon(lambda: world.places.get("n") == 4, what="all to be settled")


@looping
async def test_what_cannot_be_settled_is_refused(world):
    async with client_of(world) as client:
        live, durable = await client.subscribe("a"), await client.subscribe("a", name="n")
        with pytest.raises(ValueError):
            live.settle(Event("a"))
        with pytest.raises(TypeError):
            durable.settle("text")  # type: ignore[arg-type]


@looping
async def test_the_server_can_end_a_subscription(world):
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>")
        world.talk.say("error", sid=0, code="internal", message="the disk")

        with pytest.raises(Refused, match="the disk"):
            await anext(subscription)
        assert [event async for event in subscription] == []


@looping
async def test_it_is_closed_behind_a_with(world):
    async with client_of(world) as client:
        async with await client.subscribe("world.>") as subscription:
            pass
        assert [event async for event in subscription] == []
        await soon(lambda: not world.talk.subscriptions, what="the end of the subscription")


@looping
async def test_a_wait_that_is_cancelled_loses_no_event(world):
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscription), 0.02)

        world.fill(1)
        assert (await anext(subscription)).data == 0


@looping
async def test_no_more_waits_in_memory_than_was_granted(world):
    world.frame = 4
    world.fill(60)
    async with client_of(world) as client:
        subscription = await client.subscribe("world.>", start="earliest", credit=10)
        await soon(lambda: subscription._track.resume == 10, what="all that was granted")

        assert [(await anext(subscription)).data for _ in range(60)] == list(range(60))
