"""The Python clients against a real daemon: what they promise when it goes, is killed, and comes back."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventd import Event
from eventd.client import AsyncClient, Client, Closed, Gap, Nacked, Refused, Subscription
from tests.support.daemon import DaemonProcess
from tests.support.wait import until

DEDUPE = """
[journal]
dedupe_window = 10m
[limits]
message_size = 1MiB
"""


@pytest.fixture(params=["json", "msgpack"])
def client(request: pytest.FixtureRequest, daemon: DaemonProcess) -> Iterator[Client]:
    with Client(f"ws://localhost:{daemon.port('http')}", format=request.param) as client:
        assert client.wait_connected(10)
        yield client


@pytest.fixture
def fresh(directory: Path) -> Iterator[DaemonProcess]:
    """A daemon that a test may kill: its unix socket is where it was when it comes back."""
    with DaemonProcess(directory, DEDUPE) as running:
        yield running


_names = itertools.count()


@pytest.fixture
def topic() -> str:
    """A type that no other test publishes."""
    return f"clients.t{next(_names)}"


def url(daemon: DaemonProcess) -> str:
    return f"unix:{daemon.socket}"


def read(subscription: Subscription, count: int) -> list[Event]:
    events = [subscription.get(20) for _ in range(count)]
    return [event for event in events if event is not None]


def numbered(topic: str, numbers: range) -> list[Event]:
    return [Event(topic, number) for number in numbers]


def test_what_is_published_is_durable_and_comes_to_who_subscribed(client, topic):
    live = client.subscribe(topic)
    ack = client.publish(numbered(topic, range(10)), timeout=20)
    late = client.subscribe(topic, start=ack.first or 0, epoch=live.epoch)

    assert (ack.durability, (ack.last or 0) - (ack.first or 0)) == ("disk", 9)
    for subscription in (live, late):
        events = read(subscription, 10)
        assert [event.data for event in events] == list(range(10))
        assert [event.offset for event in events] == list(range(ack.first or 0, (ack.last or 0) + 1))
        assert {event.type for event in events} == {topic}
        assert "eventdoffset" not in events[0].attributes
        subscription.close()


def test_payloads_of_every_kind_come_as_they_were(client, topic):
    payloads = [None, True, 2.5, "text", b"\0\1", [1, {"a": []}], {"n": 1}]
    subscription = client.subscribe(topic)

    client.publish([Event(topic, payload, tenant="x") for payload in payloads], timeout=20)

    events = read(subscription, len(payloads))
    assert [event.data for event in events] == payloads
    assert {event.attributes["tenant"] for event in events} == {"x"}


def test_only_what_fits_the_filters_comes(client, topic):
    subscription = client.subscribe(topic, filters=[{"suffix": {"subject": ".png"}}])

    client.publish([Event(topic, subject=subject) for subject in ("a.png", "b.jpg", "c.png")], timeout=20)

    assert [event.subject for event in read(subscription, 2)] == ["a.png", "c.png"]


def test_what_is_wrong_is_told_where_it_was_asked(client, topic):
    with pytest.raises(Refused, match="pattern"):
        client.subscribe("a..b")
    with pytest.raises(Refused):
        client.subscribe(topic, filters=[{"regex": {"type": "x"}}])
    with pytest.raises(Nacked) as caught:
        client.publish([Event(topic), Event(topic, subject="")], timeout=20)
    assert [(error.index, error.attribute) for error in caught.value.errors] == [(1, "subject")]
    assert client.publish(Event(topic), timeout=20)


def test_presence_tells_who_is_there(client, topic):
    client.subscribe(topic, name=topic.replace(".", "-"))

    [present] = client.presence(topic, timeout=20)

    assert (present.types, present.name) == ([topic], topic.replace(".", "-"))
    assert present.since.endswith("Z")


def test_many_events_come_whole_through_a_small_credit(client, topic):
    for first in range(0, 20_000, 1000):
        client.send(numbered(topic, range(first, first + 1000)))
    client.flush(60)

    subscription = client.subscribe(topic, start="earliest", credit=700)

    assert [event.data for event in read(subscription, 20_000)] == list(range(20_000))


def test_the_members_of_a_group_share_the_events(daemon, topic):
    address = f"ws://localhost:{daemon.port('http')}"
    got: list[int] = []

    def work() -> None:
        with Client(address) as client:
            subscription = client.subscribe(topic, name=topic, start="earliest", credit=50)
            while len(got) < 2000:
                event = subscription.get(0.1)
                if event is not None:
                    got.append(event.data)
                    subscription.settle(event)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    with Client(address) as publisher:
        for first in range(0, 2000, 100):
            publisher.publish(numbered(topic, range(first, first + 100)), timeout=20)
    for thread in threads:
        thread.join(60)

    assert sorted(got) == list(range(2000))


def test_what_is_put_back_comes_again_and_what_is_rejected_does_not(client, topic):
    subscription = client.subscribe(topic, name=topic, start="earliest")
    client.publish(numbered(topic, range(3)), timeout=20)
    one, two, three = read(subscription, 3)

    subscription.settle(one)
    subscription.settle(two, "retry", after=0.05)
    subscription.settle(three, "reject")

    assert [event.data for event in read(subscription, 1)] == [1]
    assert subscription.get(0.2) is None


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_nothing_is_lost_and_nothing_comes_twice_over_kills(fresh, topic, name):
    with Client(url(fresh), format=name) as publisher, Client(url(fresh), format=name) as reader:
        subscription = reader.subscribe(topic, start="earliest")
        got: list[int] = []
        for kill in range(3):
            for number in range(kill * 200, kill * 200 + 200):
                publisher.send(Event(topic, number))
            got += [event.data for event in read(subscription, 50)]
            fresh.kill()
            fresh.start()
        publisher.flush(30)
        got += [event.data for event in read(subscription, 600 - len(got))]

        assert got == list(range(600))
        assert subscription.get(0.1) is None


def test_events_sent_without_a_daemon_are_stored_when_it_comes(directory, topic):
    daemon = DaemonProcess(directory)
    with Client(url(daemon)) as client:
        until(lambda: client.problem, what="the first attempt to fail")
        subscription = client.subscribe(topic)
        pending = client.send(numbered(topic, range(5)))
        with daemon:
            assert pending.result(20).durability == "disk"
            assert [event.data for event in read(subscription, 5)] == list(range(5))


@pytest.mark.parametrize("killed", [True, False])
def test_what_is_not_settled_comes_again_when_the_daemon_does(fresh, topic, killed):
    with Client(url(fresh)) as client:
        subscription = client.subscribe(topic, name="worker", start="earliest")
        client.publish(numbered(topic, range(10)), timeout=20)
        events = read(subscription, 8)
        subscription.settle(events[:6])
        until(
            lambda: fresh.consumer("subscription:worker")["cursor"] > events[5].offset,
            what="the events to be settled",
        )

        if killed:
            fresh.kill()
        else:
            fresh.stop()
        fresh.start()

        # What was settled in the tenth of a second before a kill may come again, too.
        first = read(subscription, 1)[0].data
        assert first == 6 or (killed and first < 6)
        assert [event.data for event in read(subscription, 9 - first)] == list(range(first + 1, 10))


def test_a_program_goes_on_where_it_was_after_its_own_restart(fresh, topic):
    with Client(url(fresh)) as client:
        client.publish(numbered(topic, range(10)), timeout=20)
        subscription = client.subscribe(topic, start="earliest")
        read(subscription, 4)
        offset, epoch = subscription.offset, subscription.epoch
    fresh.stop()
    fresh.start()

    with Client(url(fresh)) as client:
        subscription = client.subscribe(topic, start=offset or 0, epoch=epoch)
        assert [event.data for event in read(subscription, 6)] == [4, 5, 6, 7, 8, 9]


def test_offsets_of_another_journal_are_a_gap(fresh, topic):
    with Client(url(fresh)) as client:
        client.publish(numbered(topic, range(3)), timeout=20)
        subscription = client.subscribe(topic, start=2, epoch="of another journal")

        with pytest.raises(Gap) as caught:
            next(subscription)
        assert caught.value.start is None
        assert [event.data for event in read(subscription, 3)] == [0, 1, 2]


def test_a_daemon_that_stops_is_come_back_to(fresh, topic):
    states: list[str] = []
    with Client(url(fresh), on_state=states.append) as client:
        assert client.publish(Event(topic), timeout=20)
        fresh.stop()
        until(lambda: states == ["connected", "disconnected"], what="the end to be noticed")
        fresh.start()
        assert client.publish(Event(topic), timeout=20)


def test_a_publish_that_is_too_large_does_not_hold_up_the_others(fresh, topic):
    with Client(url(fresh)) as client:
        pendings = [client.send(Event(topic, data)) for data in (1, "x" * 2_000_000, 2)]

        assert pendings[0].result(20) and pendings[2].result(20)
        with pytest.raises(Nacked, match="too big|too large|limit"):
            pendings[1].result(20)


def test_a_daemon_that_is_full_says_so(directory):
    with DaemonProcess(directory, "[limits]\nconnections = 1\n") as daemon:
        url = f"ws://localhost:{daemon.port('http')}"
        with Client(url) as first, Client(url) as second:
            clients = [first, second]
            until(lambda: [client.connected for client in clients].count(True) == 1)
            refused = first if second.connected else second
            until(lambda: "503" in (refused.problem or ""))
            assert "too many connections" in (refused.problem or "")


@pytest.mark.parametrize("format", ["json", "msgpack"])
def test_over_the_rate_clients_wait_and_lose_nothing(directory, topic, format):
    with (
        DaemonProcess(directory, "[limits]\nconnection_events = 50\n") as daemon,
        Client(f"ws://localhost:{daemon.port('http')}", format=format) as client,
    ):
        pendings = [client.send(Event(topic, number)) for number in range(120)]
        assert all(pending.result(30) for pending in pendings)
        events = daemon.status()["events"]

        assert [event["data"] for event in daemon.events(topic)] == [*range(120)]
        assert events["accepted"] == 120
        assert events["rejected"]["rate_limited"] == events["received"] - 120 > 0


def test_asyncio_has_the_same(fresh, topic):
    async def main() -> None:
        async with AsyncClient(url(fresh), format="msgpack") as client:
            subscription = await client.subscribe(topic, name="worker", start="earliest")
            await client.publish(numbered(topic, range(500)), timeout=20)
            got = []
            async for batch in subscription.batches():
                got += [event.data for event in batch]
                subscription.settle(batch)
                if len(got) == 500:
                    break
            assert got == list(range(500))
            with pytest.raises(Refused):
                await client.subscribe("a..b")

            fresh.kill()
            pending = await client.send(Event(topic, 500))
            await asyncio.to_thread(fresh.start)
            assert (await pending).durability == "disk"
            while (event := await subscription.get(20)) is not None and event.data != 500:
                subscription.settle(event)
            await subscription.close()
            with pytest.raises(Closed):
                await subscription.get()

    asyncio.run(main(), debug=True)


def test_tls_and_a_token(directory, topic):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(directory / "key.pem"),
         "-out", str(directory / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    config = "[listener:http]\ntls_cert = {directory}/cert.pem\ntls_key = {directory}/key.pem\n"
    with DaemonProcess(directory, config) as daemon:
        address = f"wss://localhost:{daemon.port('http')}"
        trust = ssl.create_default_context(cafile=str(directory / "cert.pem"))
        with Client(address, tls=trust) as client:
            subscription = client.subscribe(topic, start="earliest")
            for first in range(0, 3000, 100):
                client.send([Event(topic, "x" * 500) for _ in range(first, first + 100)])
            client.flush(30)
            assert len(read(subscription, 3000)) == 3000

        async def main() -> None:
            async with AsyncClient(address, tls=trust) as client:
                assert (await client.publish(Event(topic, "x" * 500_000), timeout=20)).durability == "disk"

        asyncio.run(main(), debug=True)
