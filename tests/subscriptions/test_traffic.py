"""Live subscriptions: everything once and in order, whatever their clients do."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventd import green
from eventd.protocol.native import MSGPACK
from tests.subscriptions.world import Client, World, on_hub, wait

#: Bytes that may wait for one client: few, so that one that does not read is soon behind.
WINDOW = 4096


@on_hub
def test_what_comes_after_it_subscribed_comes(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        world.publish(3)
        client = Client(world)
        told = client.subscribe("a.>")
        world.publish(4, each=2)
        wait(lambda: client.offsets == [3, 4, 5, 6])

        assert (told["offset"], told["end"], told["recovered"], told["epoch"]) == (3, 3, True, world.journal.epoch)
        assert client.ops("events")[-1]["offset"] == 7
        assert [event["data"] for event in client.events] == [3, 4, 5, 6]


@on_hub
@pytest.mark.parametrize("start", ["earliest", 0, "0"])
def test_it_catches_up_and_goes_on_at_the_edge(tmp_path: Path, start: object) -> None:
    with World(tmp_path, window=WINDOW, memory=2000) as world:
        world.publish(500, each=7)
        client = Client(world)
        client.subscribe("a.b", **{"from": start})
        wait(lambda: len(client.events) == 500)
        world.publish(5)
        wait(lambda: len(client.events) == 505)

        assert client.offsets == list(range(505))


@on_hub
def test_other_types_are_passed_over_and_the_place_moves(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        world.publish(3, "b")
        client = Client(world)
        client.subscribe("a.>", **{"from": "earliest"})
        wait(lambda: client.ops("events"))

        assert (client.events, client.ops("events")[-1]["offset"]) == ([], 3)


@on_hub
def test_filters_are_asked_for_each_event(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        client = Client(world)
        client.subscribe(">", filters=[{"exact": {"subject": "yes"}}])
        world.publish(2, subject="no")
        world.publish(2, subject="yes")
        wait(lambda: client.offsets == [2, 3])


@on_hub
def test_no_more_comes_than_is_granted(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        client = Client(world)
        sid = client.subscribe("a.>", credit=3)["sid"]
        world.publish(10, each=4)
        wait(lambda: client.offsets == [0, 1, 2])
        client.say(op="credit", sid=sid, n=2)
        wait(lambda: client.offsets == [0, 1, 2, 3, 4])
        client.say(op="credit", sid=sid, n=100)
        wait(lambda: client.offsets == list(range(10)))


@on_hub
def test_one_that_never_reads_costs_its_window_and_nobody_waits_for_it(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        slow, fast = Client(world), Client(world)
        slow.subscribe("a.>")
        fast.subscribe("a.>")
        slow.pause()
        for _ in range(100):
            world.publish(20, each=20)
        wait(lambda: len(fast.events) == 2000)

        waiting = slow.stream.buffered
        slow.resume()
        wait(lambda: len(slow.events) == 2000)
        assert slow.offsets == fast.offsets == list(range(2000))
        assert waiting <= WINDOW + max(len(msgspec.json.encode(message)) + 14 for message in slow.messages)
        world.publish(1)
        wait(lambda: slow.offsets[-1] == fast.offsets[-1] == 2000)


@on_hub
def test_the_hub_rests_while_subscribers_wait(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        slow, poor = Client(world), Client(world)
        slow.subscribe("a.>")
        poor.subscribe("a.>", credit=0)
        slow.pause()
        world.publish(2000, each=50)
        wait(lambda: slow.stream.buffered > WINDOW)
        before = green.hub().passes
        green.Signal().wait(0.3)

        assert green.hub().passes - before < 200


@on_hub
def test_where_events_are_gone_it_is_told_so_and_goes_on(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW, memory=1) as world:
        client = Client(world)
        sid = client.subscribe("a.>", credit=2, **{"from": "earliest"})["sid"]
        world.publish(2)
        wait(lambda: len(client.events) == 2)
        world.publish(6, each=2)
        with sqlite3.connect(tmp_path / "journal.db") as journal:
            journal.execute("DELETE FROM blocks WHERE first = 4")
        client.say(op="credit", sid=sid, n=100)
        wait(lambda: client.offsets == [0, 1, 2, 3, 6, 7])

        again = client.ops("subscribed")[-1]
        assert (again["offset"], again["recovered"], again["sid"], again["id"]) == (6, False, sid, 1)
        assert world.subscriptions.dropped == {"missing": 2}


@on_hub
def test_when_offsets_mean_something_else_all_begin_anew(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        client = Client(world)
        client.subscribe("a.>")
        world.publish(2)
        wait(lambda: len(client.events) == 2)
        world.journal.epoch = "another"
        world.subscriptions._begin_anew()
        wait(lambda: len(client.events) == 4)

        assert client.ops("subscribed")[-1] | {"end": 2} == {
            "op": "subscribed", "id": 1, "sid": 1, "epoch": "another", "offset": 0, "end": 2, "recovered": False,
        }  # fmt: skip


@on_hub
def test_nothing_comes_once_it_is_closed(tmp_path: Path) -> None:
    with World(tmp_path, window=WINDOW) as world:
        client, other = Client(world), Client(world)
        sid = client.subscribe("a.>")["sid"]
        other.subscribe("a.>")
        client.say(op="unsubscribe", id=2, sid=sid)
        world.publish(2)
        wait(lambda: len(other.events) == 2)

        assert client.ops("unsubscribed") == [{"op": "unsubscribed", "id": 2, "sid": sid}]
        assert client.events == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 30), st.integers(1, 9)),
        st.tuples(st.just("grant"), st.integers(1, 40)),
        st.sampled_from([("pause",), ("resume",), ("rest",)]),
        st.tuples(st.just("join"), st.integers(0, 100)),
    ),
    max_size=25,
)


@given(STEPS, st.sampled_from([1, 3000, 1 << 20]), st.booleans())
@settings(max_examples=30)
def test_everything_comes_once_and_in_order_whatever_happens(
    steps: list[tuple[object, ...]], memory: int, msgpack: bool
) -> None:
    @on_hub
    def body() -> None:
        with tempfile.TemporaryDirectory() as place, World(Path(place), window=WINDOW, memory=memory) as world:
            clients: list[tuple[Client, int]] = []

            def join(start: int) -> None:
                client = Client(world, *([MSGPACK] if msgpack else []))
                credit = {} if start % 2 else {"credit": 5}
                clients.append((client, client.subscribe("a.>", **{"from": start}, **credit)["offset"]))

            join(0)
            for kind, *values in steps:
                if kind == "publish":
                    world.publish(int(str(values[0])), each=int(str(values[1])))
                elif kind == "join":
                    join(min(int(str(values[0])), world.journal.end))
                elif kind == "grant":
                    for client, _ in clients:
                        client.say(op="credit", sid=client.ops("subscribed")[0]["sid"], n=values[0])
                elif kind == "rest":
                    green.sleep(0)
                else:
                    getattr(clients[0][0], str(kind))()
            for client, _ in clients:
                client.resume()
                client.say(op="credit", sid=client.ops("subscribed")[0]["sid"], n=10_000)
            for client, begin in clients:
                everything = list(range(begin, world.journal.end))
                wait(lambda client=client, everything=everything: len(client.events) >= len(everything))
                assert client.offsets == everything

    body()
