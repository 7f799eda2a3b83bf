"""The edge: what comes is cut once and written to each who is there; who cannot take it falls back and comes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd import green
from eventd.event import Block
from eventd.subscriptions import live
from eventd.subscriptions.live import Live
from tests.subscriptions.world import WINDOW, Client, World, on_hub, wait


def edge(world: World) -> Live:
    """That of the only line."""
    [line] = world.subscriptions._lines
    return line.live


@on_hub
def test_who_has_everything_is_at_the_edge_at_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        Client(world).subscribe()
        assert len(edge(world)) == 1

        Client(world).subscribe(**{"from": 3})
        assert len(edge(world)) == 2


@on_hub
def test_one_that_never_reads_costs_its_window_and_one_message(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        reading, never = Client(world), Client(world)
        for client in (reading, never):
            client.subscribe()
        never.pause()
        most = 0
        for _ in range(60):
            world.publish(20, each=20, pad="x" * 300)
            most = max(most, never.stream.buffered)
        wait(lambda: len(reading.events) == 1200)
        message = 20 * 500

        assert WINDOW < most <= WINDOW + message
        assert reading.offsets == list(range(1200))
        assert len(edge(world)) == 1


@on_hub
def test_the_hub_rests_while_one_does_not_read_and_another_has_no_credit(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        never, poor = Client(world), Client(world)
        never.subscribe()
        poor.subscribe(credit=1)
        never.pause()
        world.publish(2000, each=50)
        wait(lambda: never.stream.buffered > WINDOW)
        wait(lambda: poor.offsets == [0])
        before = green.hub().passes
        assert not green.Signal().wait(0.2)

        # One that spins makes thousands; cancelled timers of what was before make some.
        assert green.hub().passes - before < 200


@on_hub
@pytest.mark.parametrize("memory", [1 << 20, 1])
def test_who_fell_back_comes_to_the_edge_again(tmp_path: Path, memory: int) -> None:
    with World(tmp_path, memory=memory) as world:
        client = Client(world)
        client.subscribe()
        client.pause()
        world.publish(1000, each=10, pad="x" * 200)
        wait(lambda: len(edge(world)) == 0)
        client.resume()
        wait(lambda: len(client.events) == 1000)
        wait(lambda: len(edge(world)) == 1)
        world.publish(1)
        wait(lambda: len(client.events) == 1001)

        assert client.offsets == list(range(1001))
        assert not client.ops("subscribed")[1:]


@on_hub
def test_who_has_too_little_credit_gets_what_it_covers(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        poor, rich = Client(world), Client(world)
        sid = poor.subscribe(credit=3)["sid"]
        rich.subscribe()
        world.publish(5, each=5)
        wait(lambda: len(rich.events) == 5)
        wait(lambda: poor.offsets == [0, 1, 2])
        assert len(edge(world)) == 1
        poor.say(op="credit", sid=sid, n=4)
        wait(lambda: poor.offsets == [0, 1, 2, 3, 4])
        wait(lambda: len(edge(world)) == 2)
        world.publish(4, each=2)
        wait(lambda: len(rich.events) == 9)

        wait(lambda: poor.offsets == [0, 1, 2, 3, 4, 5, 6])


@on_hub
def test_credit_that_is_granted_to_who_has_some_adds_up(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        sid = client.subscribe(credit=2)["sid"]
        for _ in range(3):
            client.say(op="credit", sid=sid, n=2)
        world.publish(20)
        wait(lambda: len(client.events) == 8)
        client.say(op="credit", sid=sid, n=1)
        wait(lambda: client.offsets == list(range(9)))


@on_hub
def test_what_is_in_memory_no_more_is_read_by_each(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        clients = [Client(world) for _ in range(3)]
        for client in clients:
            client.subscribe()
        for _ in range(5):
            world.publish(10, each=3)
        for client in clients:
            wait(lambda client=client: client.offsets == list(range(50)))
        wait(lambda: len(edge(world)) == 3)


@on_hub
def test_much_is_handed_out_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BYTES_A_PASS", 1)
    monkeypatch.setattr("eventd.subscriptions.frames.MOST_BYTES", 1)
    with World(tmp_path) as world:
        clients = [Client(world), Client(world)]
        for client in clients:
            client.subscribe()
        world.publish(50)
        for client in clients:
            wait(lambda client=client: len(client.events) == 50)
            assert client.offsets == list(range(50))
            assert len(client.ops("events")) == 50


@on_hub
def test_those_at_the_edge_are_told_how_far_it_is_after_much_that_they_do_not_want(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client, poor = Client(world), Client(world)
        sid = client.subscribe("a")["sid"]
        poor.subscribe("a", credit=0)
        world.publish(live.TOLD_AFTER - 1, "x", each=500)
        wait(lambda: world.feed.offset == live.TOLD_AFTER - 1)
        edge(world).tell()
        world.publish(1, "x")
        wait(lambda: world.feed.offset == live.TOLD_AFTER)
        for _ in range(3):
            edge(world).tell()
        wait(lambda: client.place(sid) == live.TOLD_AFTER)

        assert client.ops("events") == [{"op": "events", "sid": sid, "events": [], "offset": live.TOLD_AFTER}]
        assert not poor.ops("events")


@on_hub
def test_a_message_that_leads_on_counts_as_told(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        client.subscribe("a")
        world.publish(live.TOLD_AFTER, "x", each=500)
        world.publish(1, "a")
        wait(lambda: client.events)
        edge(world).tell()
        world.publish(1, "a")
        wait(lambda: len(client.events) == 2)

        assert len(client.ops("events")) == 2


@on_hub
def test_who_leaves_gets_nothing_more_and_may_leave_twice(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client, other = Client(world), Client(world)
        for each in (client, other):
            each.subscribe()
        world.publish(1)
        wait(lambda: client.events)
        wait(lambda: other.events)
        [line] = world.subscriptions._lines
        [gone] = [each for each in line.subscribers if each.stream is client.stream]
        gone.close()
        line.live.leave(gone)
        world.publish(1)
        wait(lambda: len(other.events) == 2)

        assert client.offsets == [0]


@on_hub
def test_a_connection_that_is_gone_holds_nobody_up(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        gone, other = Client(world), Client(world)
        for client in (gone, other):
            client.subscribe()
        gone.peer.stream.abort()
        world.publish(100)
        wait(lambda: len(other.events) == 100)
        gone.close()

        assert len(edge(world)) == 1


@on_hub
@pytest.mark.parametrize("others", [0, 1])
def test_who_lags_comes_to_the_edge_while_events_go_on_coming(tmp_path: Path, others: int) -> None:
    with World(tmp_path) as world:

        def publish() -> None:
            while True:
                world.publish(5)

        for _ in range(others):
            Client(world).subscribe()
        world.publish(500, each=10, pad="x" * 300)
        world.group.spawn("publisher", publish)
        client = Client(world)
        client.subscribe(**{"from": "earliest"})
        wait(lambda: len(edge(world)) == 1 + others)

        came = len(client.events)
        wait(lambda: len(client.events) > came + 50)
        assert client.offsets == list(range(len(client.events)))


@on_hub
def test_a_hole_right_at_the_edge_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with World(tmp_path, memory=1) as world:
        client = Client(world)
        client.subscribe()
        world.publish(2)
        wait(lambda: client.offsets == [0, 1])
        read = world.journal.read

        def damaged(offset: int, limit: int = 1 << 20) -> list[Block]:
            world.sql("DELETE FROM blocks WHERE first = 2")
            return read(offset, limit)

        # Before the feed itself has seen what is there.
        monkeypatch.setattr(world.journal, "read", damaged)
        world.publish(3)
        wait(lambda: client.offsets == [0, 1, 3, 4])

        assert [(told["offset"], told["recovered"]) for told in client.ops("subscribed")] == [(0, True), (3, False)]
        assert world.subscriptions.dropped == {"missing": 1}
