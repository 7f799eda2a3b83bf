"""The client for threads, against a server of its own."""

from __future__ import annotations

import itertools
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from eventd import Event
from eventd.client import (
    Ack,
    BufferFull,
    Client,
    Closed,
    Disconnected,
    Nacked,
    Refused,
    Subscription,
    TimedOut,
)
from tests.client.world import World
from tests.support.wait import until


@pytest.fixture(params=["json", "msgpack"])
def client(request: pytest.FixtureRequest, world: World) -> Iterator[Client]:
    with Client(world.url, format=request.param, source="/here") as client:
        assert client.wait_connected(10)
        yield client


@pytest.fixture
def alone() -> Iterator[Client]:
    """A client of a server that is not there."""
    with Client("ws://localhost:1") as client:
        until(lambda: client.problem, what="the first attempt to fail")
        yield client
        client.close(0)


def never(talk: object, told: object) -> None:
    """A rule: no answer."""


def waiting(call: Callable[[], Any], *, threads: int = 1) -> Callable[[], list[Any]]:
    """Have ``call`` wait in threads of their own; what this returns has their outcomes, when they have them."""
    outcomes: list[Any] = []

    def run() -> None:
        try:
            outcomes.append(call())
        except Exception as error:  # noqa: BLE001 - it is an outcome, too
            outcomes.append(error)

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()

    def ended() -> list[Any]:
        for thread in started:
            thread.join(10)
        return outcomes

    return ended


def test_a_publish_returns_when_it_is_durable(client, world):
    assert client.publish(Event("a.b", {"n": 1}), timeout=10) == Ack(0, 0, "disk")
    assert client.publish([Event("a.b"), {"type": "c"}], timeout=10) == Ack(1, 2, "disk")

    assert [(event["type"], event["source"]) for event in world.log] == [
        ("a.b", "/here"),
        ("a.b", "/here"),
        ("c", "/here"),
    ]


def test_what_is_sent_can_be_waited_for_or_not(client, world):
    pendings = [client.send(Event("a", number)) for number in range(100)]
    client.flush(10)

    assert all(pending.done for pending in pendings)
    assert [pending.result(0).first for pending in pendings] == list(range(100))
    assert [event["data"] for event in world.log] == list(range(100))


def test_complete_events_as_bytes_are_sent_as_they_are(world):
    raw = b'{"specversion":"1.0","id":"1","source":"/s","type":"a","data":{"z":1,"a":2.50}}'
    with Client(world.url) as client:
        client.publish([raw, msgspec.Raw(raw)], timeout=10)

    assert len(world.log) == 2


def test_a_refused_publish_raises(client, world):
    world.rules["publish"] = lambda talk, told: talk.say(
        "nack", id=told["id"], errors=[{"index": 0, "attribute": "id", "message": "is empty"}]
    )

    with pytest.raises(Nacked) as caught:
        client.publish(Event("a"), timeout=10)

    assert [(error.index, error.attribute) for error in caught.value.errors] == [(0, "id")]
    with pytest.raises(Nacked):
        client.send(Event("a")).result(10)


def test_a_publish_without_an_answer_times_out_and_may_be_stored(client, world):
    world.rules["publish"] = never

    with pytest.raises(TimedOut) as caught:
        client.publish(Event("a"), timeout=0.05)

    assert not isinstance(caught.value, Disconnected)
    with pytest.raises(TimedOut):
        client.flush(0.01)
    client.close(0)


def test_a_publish_without_a_connection_times_out_and_is_never_sent(alone):
    with pytest.raises(Disconnected, match="refused"):
        alone.publish(Event("a"), timeout=0.05)

    alone.flush(0)


def test_the_first_publish_waits_for_the_connection(tmp_path):
    world = World(path=tmp_path / "socket")
    with Client(world.url) as client:
        ended = waiting(lambda: client.publish(Event("a")))
        until(lambda: client.problem, what="the first attempt to fail")
        with world:
            assert ended() == [Ack(0, 0, "disk")]


def test_what_has_no_answer_when_the_connection_is_lost_is_sent_again(client, world):
    world.rules["publish"] = never
    pendings = [client.send(Event("a", number)) for number in range(5)]
    until(lambda: len(world.talk.ops("publish")) == 5, what="the publishes to arrive")
    before = world.talk.ops("publish")
    del world.rules["publish"]

    world.cut()

    assert [pending.result(10).first for pending in pendings] == [0, 1, 2, 3, 4]
    assert world.talk.ops("publish") == before


def test_events_are_kept_while_there_is_no_server(client, world):
    world.stop()
    until(lambda: not client.connected, what="the end of the connection")
    for number in range(50):
        client.send(Event("a", number))

    with world:
        client.flush(20)

    assert [event["data"] for event in world.log] == list(range(50))


def test_a_full_window_is_waited_for(world):
    world.rules["publish"] = never
    with Client(world.url, window=2) as client:
        assert client.wait_connected(10)
        client.send([Event("a"), Event("a")])
        ended = waiting(lambda: client.send(Event("b")))
        with pytest.raises(TimedOut):
            client.publish(Event("c"), timeout=0.05)
        until(lambda: world.talk.ops("publish"), what="the first publish")

        world.talk.say("ack", id=world.talk.ops("publish")[0]["id"], offsets=[0, 1], durability="disk")

        [pending] = ended()
        assert not pending.done
        client.close(0)


@pytest.mark.parametrize("connected", [True, False])
def test_a_full_buffer_is_waited_for(world, connected):
    world.rules["publish"] = never
    with Client(world.url if connected else "ws://localhost:1", buffer=1000) as client:
        assert client.wait_connected(10) if connected else True
        client.send(Event("a", "x" * 800))
        ended = waiting(lambda: client.send(Event("a", "x" * 800)))

        client.close(0)

        assert [type(outcome) for outcome in ended()] == [Closed]


def test_a_full_buffer_is_an_error_where_that_is_wanted():
    with Client("ws://localhost:1", buffer=1000, when_full="raise") as client:
        client.send(Event("a", "x" * 800))
        with pytest.raises(BufferFull):
            client.send(Event("a", "x" * 800))
        client.close(0)


def test_a_full_buffer_is_an_error_as_soon_as_the_connection_is_gone(world):
    world.rules["publish"] = never
    with Client(world.url, buffer=1000, when_full="raise") as client:
        assert client.wait_connected(10)
        client.send(Event("a", "x" * 800))
        ended = waiting(lambda: client.send(Event("a", "x" * 800)))
        until(lambda: world.talk.ops("publish"), what="the first publish")

        world.door = lambda connection, request: connection.respond(503, "later")
        world.cut()

        assert [type(outcome) for outcome in ended()] == [BufferFull]
        client.close(0)


def test_the_oldest_go_for_the_newest_where_that_is_wanted():
    with Client("ws://localhost:1", buffer=1000, when_full="drop_oldest") as client:
        old, new = client.send(Event("a", "x" * 800)), client.send(Event("a", "x" * 800))
        with pytest.raises(BufferFull):
            old.result(0)
        assert not new.done
        client.close(0)


def test_more_than_the_buffer_at_once_is_refused(alone):
    with Client("ws://localhost:1", buffer=100) as client, pytest.raises(BufferFull):
        client.send(Event("a", "x" * 800))


def test_many_threads_publish_and_ask_at_once(client, world):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        numbers = itertools.count()

        def work() -> None:
            for _ in range(50):
                client.publish(Event("a", next(numbers)), timeout=30)
                client.presence(">", timeout=30)

        ended = waiting(work, threads=4)
        assert ended() == [None] * 4
    finally:
        sys.setswitchinterval(interval)
    assert sorted(event["data"] for event in world.log) == list(range(200))
    assert len({event["id"] for event in world.log}) == 200


def test_presence_tells_who_is_subscribed(client):
    [present] = client.presence("a.>", timeout=10)

    assert (present.types, present.client, present.name) == (["a.>"], "127.0.0.1", None)


def test_presence_that_is_refused_or_not_answered_raises(client, world):
    world.rules["presence"] = lambda talk, told: talk.say("error", id=told["id"], code="not_allowed", message="no")
    with pytest.raises(Refused, match="not_allowed: no"):
        client.presence("a", timeout=10)
    world.rules["presence"] = never
    with pytest.raises(TimedOut):
        client.presence("a", timeout=0.05)


def test_a_refused_subscription_raises_where_there_is_a_connection(client, world):
    world.rules["subscribe"] = lambda talk, told: talk.say(
        "error", id=told["id"], code="invalid_subscription", message="no pattern"
    )

    with pytest.raises(Refused) as caught:
        client.subscribe("a..b")

    assert (caught.value.code, caught.value.message) == ("invalid_subscription", "no pattern")


def test_a_subscription_can_be_asked_for_before_there_is_a_connection(tmp_path):
    world = World(path=tmp_path / "socket")
    with Client(world.url) as client:
        subscription = client.subscribe(">", start="earliest")
        assert (subscription.offset, subscription.epoch) == (None, None)
        with world:
            world.fill(3)
            assert [next(subscription).data for _ in range(3)] == [0, 1, 2]


def test_a_subscription_whose_connection_is_lost_before_its_answer_is_asked_for_again(client, world):
    world.rules["subscribe"] = lambda talk, told: world.cut()
    ended = waiting(lambda: client.subscribe(">"))
    until(lambda: world.talk.ops("subscribe"), what="the request")
    del world.rules["subscribe"]

    [subscription] = ended()

    assert isinstance(subscription, Subscription)
    until(lambda: world.talk.subscriptions, what="the next request")
    world.fill(1)
    assert next(subscription).data == 0


def test_the_state_is_told_and_may_be_answered(world, caplog):
    told: list[str] = []

    def on_state(state: str) -> None:
        told.append(state)
        assert client.connected is (state == "connected")
        raise RuntimeError("the program's own fault")

    with caplog.at_level(logging.ERROR, "eventd.client"), Client(world.url, on_state=on_state) as client:
        until(lambda: told == ["connected"], what="the connection")
        world.cut()
        until(lambda: told == ["connected", "disconnected", "connected"], what="the next connection")
    assert told[-1] == "disconnected"
    assert "the program's own fault" in caplog.text


def test_who_is_told_the_state_may_use_the_client(world):
    subscriptions: list[Subscription] = []

    def on_state(state: str) -> None:
        if state == "connected":
            subscriptions.append(client.subscribe(">"))
            client.publish(Event("a", 5), timeout=10)

    client = Client(world.url, on_state=on_state)
    until(lambda: subscriptions, what="the subscription")
    assert next(subscriptions[0]).data == 5
    client.close()


def test_a_flush_waits_for_what_was_sent_before_it(client, world):
    world.rules["publish"] = never
    before = client.send(Event("a"))
    ended = waiting(lambda: client.flush(10))
    until(lambda: world.talk.ops("publish"), what="the publish")
    after = client.send(Event("b"))

    world.talk.say("ack", id=world.talk.ops("publish")[0]["id"], offsets=[0, 0], durability="disk")

    assert ended() == [None]
    assert before.done and not after.done
    client.close(0)


def test_a_refused_handshake_is_told(world):
    world.door = lambda connection, request: connection.respond(401, "who are you?\n")
    with Client(world.url, token="secret") as client:
        until(lambda: client.problem, what="the problem")

        assert "401 Unauthorized: who are you?" in (client.problem or "")
        assert client.wait_connected(0) is False
        with pytest.raises(Disconnected, match="401"):
            client.publish(Event("a"), timeout=0)


def test_headers_and_the_token_are_sent(world):
    seen: dict[str, str] = {}
    world.door = lambda connection, request: seen.update(request.headers.raw_items())
    with Client(world.url, token="secret", headers={"X-Tenant": "a"}) as client:
        assert client.wait_connected(10)

    assert (seen["Authorization"], seen["X-Tenant"]) == ("Bearer secret", "a")


def test_a_bye_is_kept(client, world):
    world.talk.say("bye", reason="stopping", retry_after=0.3)
    until(lambda: not client.connected, what="the bye to be heard")
    begin = time.monotonic()
    world.talk.connection.close(1001)

    assert client.wait_connected(10)

    assert time.monotonic() - begin >= 0.25


def test_a_server_out_of_turn_is_left_and_come_back_to(client, world, caplog):
    with caplog.at_level(logging.WARNING, "eventd.client"):
        world.talk.say("events", sid=77, events=[], offset=1)
        until(lambda: len(world.talks) == 2, what="the next connection")

    assert "broke the protocol: events of 77" in caplog.text
    assert client.publish(Event("a"), timeout=10)


def test_a_silent_server_is_left(world):
    with Client(world.url, ping_interval=0.05, ping_timeout=0.05) as client:
        assert client.wait_connected(10)
        # Its answers to pings wait for this, too.
        held = world.talk.connection.protocol_mutex
        with held:
            until(lambda: client.problem == "the server is silent", what="the silence to be noticed")


def test_tls_and_its_certificates(contexts):
    with World(tls=contexts[0]) as world:
        with Client(world.url, tls=contexts[1]) as client:
            assert client.publish(Event("a", "x" * 1_000_000), timeout=10) == Ack(0, 0, "disk")
            assert next(client.subscribe(">", start="earliest")).data == "x" * 1_000_000
        with Client(world.url) as client:
            until(lambda: client.problem, what="the certificate to be refused")
            assert "certificate" in (client.problem or "")
        with Client(
            world.url.replace("localhost", "x.localhost"), tls=contexts[1], server_hostname="localhost"
        ) as client:
            assert client.wait_connected(10)


def test_a_unix_socket(tmp_path):
    with World(path=tmp_path / "eventd.sock") as world, Client(world.url) as client:
        assert client.publish(Event("a"), timeout=10)


def test_close_waits_for_answers(world):
    held = threading.Event()

    def late(talk: Any, told: dict[str, Any]) -> None:
        assert held.wait(10)
        talk.publish(told)

    world.rules["publish"] = late
    client = Client(world.url)
    pending = client.send(Event("a"))
    ended = waiting(client.close)
    until(lambda: world.talk.ops("publish"), what="the publish")
    held.set()

    assert ended() == [None]
    assert pending.result(0) == Ack(0, 0, "disk")


def test_close_ends_everything_within_its_time(world):
    world.rules["publish"] = world.rules["presence"] = never
    client = Client(world.url)
    assert client.wait_connected(10)
    subscription = client.subscribe(">")
    pending = client.send(Event("a"))
    ends = [
        waiting(call)
        for call in (
            lambda: next(subscription, "ended"), lambda: client.presence("a"), lambda: client.flush(), pending.result,
        )
    ]  # fmt: skip
    until(lambda: len(world.talk.heard) == 3, what="all that waits to be sent")

    begin = time.monotonic()
    client.close(0.1)

    assert time.monotonic() - begin < 5
    assert [end()[0] if isinstance(end()[0], str) else type(end()[0]) for end in ends] == [
        "ended",
        Closed,
        Closed,
        Closed,
    ]
    assert not [thread for thread in threading.enumerate() if thread.name == "eventd-client"]


def test_a_client_ends_without_a_warning(world, caplog):
    with caplog.at_level(logging.WARNING), Client(world.url) as client:
        assert client.wait_connected(10)

    assert caplog.records == []


def test_a_closed_client_does_nothing_more(world):
    client = Client(world.url)
    subscription = client.subscribe(">")
    client.close()
    client.close()

    for call in (
        lambda: client.publish(Event("a")), lambda: client.send(Event("a")), lambda: client.subscribe(">"),
        lambda: client.presence(">"), lambda: client.wait_connected(), lambda: subscription.get(),
    ):  # fmt: skip
        with pytest.raises(Closed):
            call()
    assert not client.connected
    subscription.close()


def test_a_client_that_never_connected_closes_at_once(alone):
    begin = time.monotonic()
    alone.close()

    assert time.monotonic() - begin < 2


def test_a_wait_can_be_interrupted(world):
    client = Client(world.url)
    assert client.wait_connected(10)
    subscription = client.subscribe(">")

    def interrupt() -> None:
        until(lambda: subscription._news._waiters, what="somebody who waits")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        next(subscription)

    world.fill(1)
    assert next(subscription).data == 0
    client.close()


def test_what_cannot_be_is_refused_before_anything_is_started():
    before = threading.active_count()
    with pytest.raises(ValueError):
        Client("http://localhost")
    with pytest.raises(ValueError):
        Client("ws://localhost", format="xml")  # type: ignore[arg-type]

    assert threading.active_count() == before


def test_a_program_may_end_without_closing_its_client(world):
    code = f"""
from eventd import Event
from eventd.client import Client
client = Client({world.url!r})
print(client.publish(Event("a"), timeout=10).first)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, timeout=60, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_a_client_brings_no_hub_into_its_process():
    code = """
import sys
from eventd import Event
from eventd.client import AsyncClient, Client
with Client("ws://localhost:1") as client:
    client.wait_connected(0)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"eventlet", "greenlet"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True, text=True)

    assert done.stdout == "[]\n"
