"""The fan-out generator counts every delivery, however it is torn, and tells what is missing."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bench import fan
from bench.brokers import BroadcastServer, Nats, Redis
from bench.build import build
from bench.generator import Generator, Load
from bench.machine import processors
from bench.payload import Message
from bench.running import Contestant

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")

SUBSCRIBERS = 20
EVERYWHERE = processors().every
SERVERS = {"nats-server": Nats, "redis-server": Redis, "websockets": BroadcastServer}


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return Generator(build(tmp_path_factory.mktemp("programs")))


@pytest.fixture(params=SERVERS)
def contestant(request: pytest.FixtureRequest) -> Contestant:
    name = request.param
    if name != "websockets" and shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin") is None:
        pytest.skip(f"{name} is not installed: make needs")
    return SERVERS[name]()


def run(generator: Generator, message: Message, port: int, directory: Path, **options: object) -> Load:
    given = {"subscribers": SUBSCRIBERS, "together": 10, "window": 50, "seconds": 0.3, **options}
    return generator.fan_out(message, port, directory, EVERYWHERE, **given)


def test_each_delivery_of_each_server_is_counted(generator: Generator, tmp_path: Path, contestant: Contestant) -> None:
    with contestant.start(tmp_path, 0, EVERYWHERE) as running:
        load = run(generator, contestant.message(), running.port, tmp_path)
    assert load.opened == SUBSCRIBERS + 1
    assert load.answered == load.sent == load.counted
    assert load.sent >= 50 * SUBSCRIBERS
    assert load.sent % (10 * SUBSCRIBERS) == 0
    assert load.first < load.last


@pytest.mark.parametrize("room", [1, 3, 7, 64])
def test_what_is_torn_is_put_together(generator: Generator, tmp_path: Path, contestant: Contestant, room: int) -> None:
    with contestant.start(tmp_path, 0, EVERYWHERE) as running:
        load = run(
            generator, contestant.message(), running.port, tmp_path, subscribers=3, together=2, rate=200, room=room
        )
    assert load.answered == load.sent > 0
    assert 0 < load.p50 <= load.p99 <= load.most * 1.02


@pytest.mark.parametrize("events", [1, 10, 1000], ids=["7 bits", "16 bits", "64 bits"])
def test_the_length_of_a_frame_has_three_forms(generator: Generator, tmp_path: Path, events: int) -> None:
    contestant = BroadcastServer(events)
    with contestant.start(tmp_path, 0, EVERYWHERE) as running:
        for room in (13, 1 << 18):
            load = run(
                generator, contestant.message(), running.port, tmp_path, subscribers=3, together=events,
                window=2 * events, room=room,
            )  # fmt: skip
            assert load.answered == load.sent > 0
            assert load.sent % events == 0


def test_a_fixed_rate_is_kept(generator: Generator, tmp_path: Path, contestant: Contestant) -> None:
    with contestant.start(tmp_path, 0, EVERYWHERE) as running:
        load = run(generator, contestant.message(), running.port, tmp_path, together=1, rate=500, warm=0.1)
    assert load.answered == load.sent
    assert 100 <= load.sent / SUBSCRIBERS <= 150
    assert load.counted < load.answered
    assert 0 < load.p50 <= load.p99 <= load.most * 1.02


def test_the_trivial_server_passes_on(generator: Generator, tmp_path: Path) -> None:
    message = fan.ceiling()
    with generator.sink(message, tmp_path, EVERYWHERE, fan=True) as (port, _):
        load = run(generator, message, port, tmp_path)
    assert load.answered == load.sent > 0


def test_it_says_when_all_are_subscribed(generator: Generator, tmp_path: Path) -> None:
    said: list[str] = []
    message = fan.ceiling()
    with generator.sink(message, tmp_path, EVERYWHERE, fan=True) as (port, _):
        generator.fan_out(message, port, tmp_path, EVERYWHERE, lambda: said.append("now"), seconds=0.1)
    assert said == ["now"]


def test_all_payloads_have_the_same_size_and_one_marker() -> None:
    messages = [fan.native(1), fan.broadcast(1), fan.nats(), fan.redis(), fan.ceiling()]
    for message in messages:
        assert message.body.count(b"~") == 1
        assert fan.PAYLOAD in message.body
    assert len(fan.PAYLOAD) == fan.EVENT == 100
    assert fan.native(7).body.count(b"~") == 7


Pass = Callable[[ServerConnection, str], None]


@contextmanager
def scripted(pass_on: Pass) -> Iterator[int]:
    """A WebSocket server that hands each message of the publisher and each subscriber to ``pass_on``."""
    subscribers: list[ServerConnection] = []

    def handle(connection: ServerConnection) -> None:
        try:
            for message in connection:
                assert isinstance(message, str)
                if message == "subscribe":
                    subscribers.append(connection)
                    connection.send("subscribed")
                    continue
                for subscriber in subscribers:
                    pass_on(subscriber, message)
        except ConnectionClosed:
            pass
        finally:
            if connection in subscribers:
                subscribers.remove(connection)

    listener = socket.create_server(("127.0.0.1", 0))
    protocols = [Subprotocol("eventd.v1.json")]
    with serve(handle, sock=listener, subprotocols=protocols, compression=None, close_timeout=0.2) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


def test_pings_between_fragments_are_answered(generator: Generator, tmp_path: Path) -> None:
    pongs: list[threading.Event] = []

    def pass_on(subscriber: ServerConnection, message: str) -> None:
        def parts() -> Iterator[str]:
            yield message[:10]
            pongs.append(subscriber.ping())
            yield message[10:]

        subscriber.send(parts())

    with scripted(pass_on) as port:
        for room in (1, 1 << 18):
            load = run(generator, fan.broadcast(1), port, tmp_path, subscribers=3, together=1, rate=50, room=room)
            assert load.answered == load.sent > 0
    assert len(pongs) > 10
    assert all(pong.wait(5) for pong in pongs)


def test_what_is_missing_is_told(generator: Generator, tmp_path: Path) -> None:
    def once_too_often(subscriber: ServerConnection, message: str) -> None:
        subscriber.send(message)
        if len(sent) == 4:
            subscriber.send(message)
        sent.append(message)

    sent: list[str] = []
    with (
        scripted(once_too_often) as port,
        pytest.raises(RuntimeError, match="1 of 2 subscribers did not get each event once"),
    ):
        run(generator, fan.broadcast(1), port, tmp_path, subscribers=2, together=1, rate=50)


@pytest.mark.parametrize(
    "told", ['{"op":"error","code":"no"}', '{"op":"nack","errors":[]}', '{"op":"bye","reason":"late"}']
)
def test_a_refusal_is_told(generator: Generator, tmp_path: Path, told: str) -> None:
    with (
        scripted(lambda subscriber, _: subscriber.send(told)) as port,
        pytest.raises(RuntimeError, match=r"refused: \{"),
    ):
        run(generator, fan.broadcast(1), port, tmp_path, subscribers=2)


def test_a_connection_that_is_closed_is_told(generator: Generator, tmp_path: Path) -> None:
    with (
        scripted(lambda subscriber, _: subscriber.close(1011, "out of order")) as port,
        pytest.raises(RuntimeError, match=r"subscriber \d is lost: out of order"),
    ):
        run(generator, fan.broadcast(1), port, tmp_path, subscribers=2)


@pytest.mark.parametrize("contestant", ["nats-server", "redis-server"], indirect=True)
def test_an_error_of_a_server_that_speaks_lines_is_told(
    generator: Generator, tmp_path: Path, contestant: Contestant
) -> None:
    right = contestant.message()
    hello = right.hello + b"NONSENSE\r\n"
    wrong = Message(right.wire, right.body, b"", right.answers, hello, subscriber=right.subscriber)
    with contestant.start(tmp_path, 0, EVERYWHERE) as running, pytest.raises(RuntimeError, match="refused: -|lost"):
        run(generator, wrong, running.port, tmp_path)
