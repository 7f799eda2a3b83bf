"""The task that holds connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from eventd.client.address import LOOPBACK, Address, parse
from eventd.client.aio_wire import AioWire
from eventd.client.options import Options
from eventd.client.outbox import Publication
from eventd.client.packing import Packer
from eventd.client.session import Session
from tests.client.looping import looping, soon


@asynccontextmanager
async def running(address: Address, **options: Any) -> AsyncIterator[Session]:
    chosen = Options(**options)
    session = Session(address, chosen, lambda: None)
    wire = AioWire(session, address, chosen)
    task = asyncio.create_task(wire.run())
    try:
        yield session
    finally:
        await wire.farewell()
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0)


@looping
async def test_it_connects_and_ends(world):
    async with running(parse(world.url)) as session:
        await soon(lambda: session.connected, what="the connection")

    assert not session.connected
    await soon(lambda: world.talk.connection.close_code == 1000, what="the farewell")


@looping
async def test_the_first_address_that_answers_is_taken(world):
    address = parse(world.url)._replace(hosts=("127.0.0.2", *reversed(LOOPBACK)))

    async with running(address) as session:
        await soon(lambda: session.connected, what="the connection")


@looping
async def test_a_name_that_nobody_knows_is_told():
    async with running(parse("ws://nobody.invalid")) as session:
        await soon(lambda: session.problem, timeout=30, what="the problem")


@looping
async def test_a_server_that_does_not_speak_is_left_after_a_while():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        async with running(parse(url), open_timeout=0.05) as session:
            await soon(lambda: "handshake" in (session.problem or ""), what="the problem")
        url = url.replace("ws:", "wss:")
        async with running(parse(url), open_timeout=0.05) as session:
            await soon(lambda: session.problem == "no connection within 0.05 s", what="the problem")


@looping
async def test_it_can_be_ended_at_any_moment():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        async with running(parse(url)):
            pass
        async with running(parse(url)) as session:
            await soon(lambda: session.deadline, what="the handshake to begin")
    async with running(parse("ws://localhost:1")) as session:
        await soon(lambda: session.problem, what="the pause")


@looping
async def test_a_fault_of_ours_does_not_end_it(world, monkeypatch):
    tick, faults = Session.tick, [ValueError("a bug")]

    def faulty(self: Session, now: float) -> None:
        if faults:
            raise faults.pop()
        tick(self, now)

    monkeypatch.setattr(Session, "tick", faulty)
    async with running(parse(world.url)) as session:
        await soon(lambda: session.connected, what="the connection")


@looping
async def test_much_is_sent_as_the_socket_takes_it(world):
    packer = Packer(json=True)
    async with running(parse(world.url)) as session:
        for _ in range(20):
            session.talk.outbox.add(Publication(packer.pack({"type": "a", "data": "x" * 500_000})))
        await soon(lambda: not len(session.talk.outbox), what="all answers")

    assert len(world.log) == 20


@looping
async def test_a_server_that_takes_much_slowly_is_not_silent(slow):
    async with running(parse(slow.url), ping_interval=0.3, ping_timeout=0.3) as session:
        session.talk.outbox.add(Publication(Packer(json=True).pack({"type": "a", "data": "x" * slow.size})))
        await soon(slow.done.is_set, timeout=30, what="all to be taken")
        assert session.problem is None
