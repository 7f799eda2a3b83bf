"""The client for asyncio, against a server of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from eventd import Event
from eventd.client import Ack, AsyncClient, BufferFull, Closed, Disconnected, Nacked, Refused, TimedOut
from tests.client.looping import looping, soon
from tests.client.world import World


def never(talk: object, told: object) -> None:
    """A rule: no answer."""


def publish_of(world: World) -> list[dict[str, Any]]:
    return world.talks[-1].ops("publish") if world.talks else []


@pytest.mark.parametrize("name", ["json", "msgpack"])
@looping
async def test_a_publish_returns_when_it_is_durable(world, name):
    async with AsyncClient(world.url, format=name, source="/here") as client:
        assert await client.publish(Event("a.b", {"n": 1}), timeout=10) == Ack(0, 0, "disk")
        assert await client.publish([Event("a.b"), {"type": "c"}]) == Ack(1, 2, "disk")
        assert client.connected and client.problem is None

    assert [event["source"] for event in world.log] == ["/here"] * 3


@looping
async def test_what_is_sent_can_be_waited_for_or_not(world):
    async with AsyncClient(world.url) as client:
        pendings = [await client.send(Event("a", number)) for number in range(100)]
        await client.flush(10)

        assert all(pending.done for pending in pendings)
        assert [ack.first for ack in await asyncio.gather(*pendings)] == list(range(100))


@looping
async def test_a_client_connects_when_it_is_first_used_and_ends_without_a_warning(world, caplog):
    client = AsyncClient(world.url)
    assert not client.connected
    with caplog.at_level(logging.WARNING):
        assert await client.wait_connected(10)
        await client.close()

    assert caplog.records == []


@looping
async def test_a_refused_publish_raises(world):
    world.rules["publish"] = lambda talk, told: talk.say("nack", id=told["id"], errors=[{"message": "no"}])
    async with AsyncClient(world.url) as client:
        with pytest.raises(Nacked, match="no"):
            await client.publish(Event("a"))
        with pytest.raises(Nacked, match="no"):
            await (await client.send(Event("a")))


@looping
async def test_calls_end_with_their_time(world):
    world.rules["publish"] = world.rules["presence"] = never
    async with AsyncClient(world.url) as client:
        for call in (client.publish(Event("a"), timeout=0.05), client.flush(0.01), client.presence("a", timeout=0.01)):
            with pytest.raises(TimedOut):
                await call
        await client.close(0)


@looping
async def test_a_publish_without_a_connection_is_never_sent_behind_its_time():
    async with AsyncClient("ws://localhost:1") as client:
        await soon(lambda: client.problem, what="the first attempt to fail")
        with pytest.raises(Disconnected, match="refused"):
            await client.publish(Event("a"), timeout=0.01)
        await client.flush(0)


@looping
async def test_a_publish_that_is_cancelled_is_never_sent():
    async with AsyncClient("ws://localhost:1") as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.publish(Event("a")), 0.01)
        await client.flush(0)


@looping
async def test_what_has_no_answer_when_the_connection_is_lost_is_sent_again(world):
    world.rules["publish"] = never
    async with AsyncClient(world.url) as client:
        pendings = [await client.send(Event("a", number)) for number in range(5)]
        await soon(lambda: len(publish_of(world)) == 5, what="the publishes to arrive")
        before = publish_of(world)
        del world.rules["publish"]

        world.cut()

        assert [(await pending).first for pending in pendings] == [0, 1, 2, 3, 4]
        assert publish_of(world) == before


@looping
async def test_events_are_kept_while_there_is_no_server(world):
    async with AsyncClient(world.url) as client:
        assert await client.wait_connected(10)
        await asyncio.to_thread(world.stop)
        await soon(lambda: not client.connected, what="the end of the connection")
        for number in range(50):
            await client.send(Event("a", number))
        world.start()
        await client.flush(20)

    assert [event["data"] for event in world.log] == list(range(50))


@looping
async def test_a_full_window_is_waited_for(world):
    world.rules["publish"] = never
    async with AsyncClient(world.url, window=2) as client:
        assert await client.wait_connected(10)
        await client.send([Event("a"), Event("a")])
        more = asyncio.create_task(client.send(Event("b")))
        [told] = await soon(lambda: publish_of(world), what="the first publish")
        assert not more.done()

        world.talk.say("ack", id=told["id"], offsets=[0, 1], durability="disk")

        assert not (await more).done
        await client.close(0)


@pytest.mark.parametrize("when_full", ["raise", "drop_oldest"])
@looping
async def test_a_full_buffer_is_as_it_is_wanted(when_full):
    async with AsyncClient("ws://localhost:1", buffer=1000, when_full=when_full) as client:
        old = await client.send(Event("a", "x" * 800))
        if when_full == "raise":
            with pytest.raises(BufferFull):
                await client.send(Event("a", "x" * 800))
        else:
            await client.send(Event("a", "x" * 800))
            with pytest.raises(BufferFull):
                await old
        await client.close(0)


@looping
async def test_presence_tells_who_is_subscribed(world):
    async with AsyncClient(world.url) as client:
        [present] = await client.presence("a.>", timeout=10)
        assert present.types == ["a.>"]

        world.rules["presence"] = lambda talk, told: talk.say("error", id=told["id"], code="not_allowed", message="no")
        with pytest.raises(Refused, match="not_allowed"):
            await client.presence("a")


@looping
async def test_a_refused_subscription_raises(world):
    world.rules["subscribe"] = lambda talk, told: talk.say("error", id=told["id"], code="no", message="never")
    async with AsyncClient(world.url) as client:
        assert await client.wait_connected(10)
        with pytest.raises(Refused, match="never"):
            await client.subscribe("a..b")


@looping
async def test_a_subscription_whose_wait_is_cancelled_is_none(world):
    world.rules["subscribe"] = never
    async with AsyncClient(world.url) as client:
        assert await client.wait_connected(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.subscribe(">"), 0.01)
        world.cut()
        await soon(lambda: len(world.talks) == 2, what="the next connection")
        await client.presence(">")

        assert world.talk.ops("subscribe") == []


@looping
async def test_the_state_is_told(world, caplog):
    told: list[str] = []

    def on_state(state: str) -> None:
        told.append(state)
        raise RuntimeError("the program's own fault")

    with caplog.at_level(logging.ERROR, "eventd.client"):
        async with AsyncClient(world.url, on_state=on_state) as client:
            assert await client.wait_connected(10)
            world.cut()
            await soon(lambda: len(told) == 3, what="the next connection")

    assert told == ["connected", "disconnected", "connected", "disconnected"]
    assert "the program's own fault" in caplog.text


@looping
async def test_a_refused_handshake_is_told(world):
    world.door = lambda connection, request: connection.respond(403, "not you\n")
    async with AsyncClient(world.url) as client:
        await soon(lambda: client.problem, what="the problem")
        assert "403 Forbidden: not you" in (client.problem or "")
        assert await client.wait_connected(0) is False


@looping
async def test_a_silent_server_is_left(world):
    async with AsyncClient(world.url, ping_interval=0.05, ping_timeout=0.05) as client:
        assert await client.wait_connected(10)
        await soon(lambda: world.talks, what="the connection")
        with world.talk.connection.protocol_mutex:
            await soon(lambda: client.problem == "the server is silent", what="the silence to be noticed")


@looping
async def test_tls_and_its_certificates(contexts):
    with World(tls=contexts[0]) as world:
        async with AsyncClient(world.url, tls=contexts[1]) as client:
            assert await client.publish(Event("a", "x" * 1_000_000), timeout=10) == Ack(0, 0, "disk")
        async with AsyncClient(world.url) as client:
            await soon(lambda: client.problem, what="the certificate to be refused")
            assert "certificate" in (client.problem or "")
        url = world.url.replace("localhost", "x.localhost")
        async with AsyncClient(url, tls=contexts[1], server_hostname="localhost") as client:
            assert await client.wait_connected(10)


@looping
async def test_a_unix_socket(tmp_path):
    with World(path=tmp_path / "eventd.sock") as world:
        async with AsyncClient(world.url) as client:
            assert await client.publish(Event("a"), timeout=10)


@looping
async def test_close_waits_for_answers(world):
    client = AsyncClient(world.url)
    pending = await client.send(Event("a"))

    await client.close()

    assert await pending == Ack(0, 0, "disk")


@looping
async def test_close_ends_everything_within_its_time(world):
    world.rules["publish"] = world.rules["presence"] = never
    client = AsyncClient(world.url)
    assert await client.wait_connected(10)
    subscription = await client.subscribe(">")
    pending = await client.send(Event("a"))

    async def waits() -> Any:
        return await pending

    tasks = [
        asyncio.ensure_future(call)
        for call in (anext(subscription, "ended"), client.presence("a"), client.flush(), waits())
    ]
    await soon(lambda: len(world.talk.heard) == 3, what="all that waits to be sent")

    begin = time.monotonic()
    await client.close(0.1)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert time.monotonic() - begin < 5
    assert [outcome if isinstance(outcome, str) else type(outcome) for outcome in outcomes] == [
        "ended",
        Closed,
        Closed,
        Closed,
    ]


@looping
async def test_a_closed_client_does_nothing_more(world):
    client = AsyncClient(world.url)
    subscription = await client.subscribe(">")
    await client.close()
    await client.close()

    for call in (
        client.publish(Event("a")), client.send(Event("a")), client.subscribe(">"), client.presence(">"),
        client.wait_connected(), subscription.get(),
    ):  # fmt: skip
        with pytest.raises(Closed):
            await call
    await subscription.close()
    await AsyncClient(world.url).close()


def test_a_loop_that_ends_takes_the_client_with_it(world):
    async def main() -> None:
        client = AsyncClient(world.url)
        assert await client.wait_connected(10)
        await client.subscribe(">")

    asyncio.run(main(), debug=True)


def test_what_cannot_be_is_refused_without_a_loop():
    with pytest.raises(ValueError):
        AsyncClient("http://localhost")
