"""Subscriptions of the daemon as a whole: opened, counted, told of a new journal, of volatile events, of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.errors import InvalidSubscription
from eventd.protocol.asks import Subscribe
from eventd.protocol.native import MSGPACK
from eventd.subscriptions import desk
from tests.subscriptions.world import Client, World, on_hub, wait


@on_hub
def test_a_subscription_gets_what_comes_from_now_on(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.commit("a.b")
        client = Client(world)
        told = client.subscribe("a.*")
        world.commit("a.b", "x", "a.c")
        wait(lambda: client.place(told["sid"]) == 4)

        assert (client.offsets, client.types) == ([1, 3], ["a.b", "a.c"])
        assert told == {
            "op": "subscribed", "id": 1, "sid": told["sid"], "epoch": world.journal.epoch, "offset": 1, "end": 1,
            "recovered": True,
        }  # fmt: skip


@on_hub
def test_events_come_in_msgpack_and_compressed_as_well(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        clients = [Client(world, MSGPACK), Client(world, deflate=12), Client(world, MSGPACK, deflate=15)]
        for client in clients:
            client.subscribe()
        for _ in range(20):
            world.publish(20, each=20)

        for client in clients:
            wait(lambda client=client: len(client.events) == 400)
            assert client.offsets == [each["data"] for each in client.events] == list(range(400))


@on_hub
@pytest.mark.parametrize(
    "wrong",
    [{"types": ["a..b"]}, {"types": ["a"], "filters": [{"like": {}}]}, {"types": ["a"], "start": "yesterday"}],
)
def test_what_cannot_be_understood_leaves_nothing_behind(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        with pytest.raises(InvalidSubscription):
            world.subscriptions.subscribe(b"1", Subscribe(**wrong), client.outlet, ())

        assert world.subscriptions.count == {"live": 0, "durable": 0}
        assert list(world.subscriptions._lines) == []
        assert world.subscriptions.presence([">"]) == []


@on_hub
def test_all_are_counted_by_kind(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        one, other = Client(world), Client(world)
        one.subscribe("a")
        one.subscribe("a")
        other.subscribe("a", name="kept")
        other.subscribe("b")
        assert world.subscriptions.count == {"live": 3, "durable": 1}

        one.close()
        assert world.subscriptions.count == {"live": 1, "durable": 1}
        assert [status.name for status in world.subscriptions.status()] == ["subscription:kept"]


@on_hub
def test_when_the_journal_is_another_one_all_begin_anew_and_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "LOOK_EVERY", 0.01)
    with World(tmp_path) as world:
        world.publish(3)
        edge, behind = Client(world), Client(world)
        edge.subscribe()
        sid = behind.subscribe(credit=2, **{"from": "earliest"})["sid"]
        wait(lambda: behind.offsets == [0, 1])
        frames = world.subscriptions._lines._cache
        world.journal.epoch = "another"
        wait(lambda: edge.offsets == [0, 1, 2])
        behind.say(op="credit", sid=sid, n=10)
        wait(lambda: behind.offsets == [0, 1, 0, 1, 2])
        world.publish(1)
        wait(lambda: edge.offsets[-1] == behind.offsets[-1] == 3)

        for client in (edge, behind):
            assert client.ops("subscribed")[1:] == [{
                "op": "subscribed", "id": 1, "sid": sid, "epoch": "another", "offset": 0, "end": 3,
                "recovered": False,
            }]  # fmt: skip
        assert frames.size


@on_hub
def test_messages_of_the_former_journal_are_forgotten(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        client = Client(world)
        client.subscribe(**{"from": "earliest"})
        wait(lambda: client.offsets == [0, 1, 2])
        assert world.subscriptions._lines._cache.size
        client.close()
        world.subscriptions._begin_anew()
        assert not world.subscriptions._lines._cache.size


@on_hub
def test_subscribers_are_told_how_far_the_journal_is_though_nothing_was_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(desk, "TELL_EVERY", 2)
    with World(tmp_path) as world:
        client = Client(world)
        sid = client.subscribe("a")["sid"]
        world.publish(1500, "x", each=100)
        wait(lambda: client.place(sid) == 1500)

        assert client.events == []
        assert len(client.ops("events")) <= 2


@on_hub
def test_volatile_events_have_no_place_and_move_none(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        sid = client.subscribe("v.>", filters=[{"exact": {"subject": "yes"}}])["sid"]
        world.publish(2, "other")
        wait(lambda: world.feed.offset == 2)
        world.subscriptions.deliver(world.volatile("v.a", "w", "v.b", subject="yes"))
        world.subscriptions.deliver(world.volatile("v.c", subject="no"))
        wait(lambda: len(client.events) == 2)

        assert client.types == ["v.a", "v.b"]
        assert not [each for each in client.events if "eventdoffset" in each]
        assert client.place(sid) == 2
        assert not world.subscriptions.dropped


@on_hub
def test_who_lags_does_not_get_volatile_events_and_they_are_counted(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        edge, poor, other = Client(world), Client(world), Client(world)
        edge.subscribe("v")
        poor.subscribe("v", credit=0)
        other.subscribe("w", credit=0)
        world.subscriptions.deliver(world.volatile("v", "v", "v"))
        wait(lambda: len(edge.events) == 3)

        assert world.subscriptions.dropped == {"lagging": 3}
        assert poor.events == other.events == []


@on_hub
def test_volatile_events_that_the_credit_does_not_cover_are_counted_too(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        client.subscribe("v", credit=2)
        world.subscriptions.deliver(world.volatile("v", "v", "v"))
        assert world.subscriptions.dropped == {"lagging": 3}
        world.subscriptions.deliver(world.volatile("v", "v"))
        wait(lambda: len(client.events) == 2)

        assert world.subscriptions.dropped == {"lagging": 3}


@on_hub
def test_who_came_and_went_is_announced_to_those_who_ask_for_it_only(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        asking, joined, everything = Client(world), Client(world), Client(world)
        for client, types in ((everything, [">", "*.presence.*"]), (asking, ["eventd.presence.*"])):
            client.subscribe(*types)
        joined.subscribe("eventd.presence.joined")
        guest = Client(world)
        guest.subscribe("a", filters=[{"exact": {"subject": "x"}}])
        guest.close()
        wait(lambda: len(asking.events) == 3)
        world.commit("last")
        wait(lambda: everything.events)

        assert asking.types == ["eventd.presence.joined"] * 2 + ["eventd.presence.left"]
        assert asking.events[1]["data"] == asking.events[2]["data"]
        told = asking.events[1]["data"]
        assert (told["types"], told["filters"], told["name"]) == (["a"], [{"exact": {"subject": "x"}}], None)
        assert (told["client"], told["connection"]) == ("unix", guest.outlet.number)
        assert joined.types == ["eventd.presence.joined"]
        assert everything.types == ["last"]
        assert asking.events[0]["source"] == "//node/presence"


@on_hub
def test_who_is_there_is_told_by_what_it_could_get(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        for types in (["a.b"], ["a.>"], ["b.*"]):
            client.subscribe(*types)
        asked = [sorted(each.types[0] for each in world.subscriptions.presence([pattern])) for pattern in ("a.*", ">")]

        assert asked == [["a.>", "a.b"], ["a.>", "a.b", "b.*"]]
        with pytest.raises(InvalidSubscription):
            world.subscriptions.presence(["a..b"])


@on_hub
def test_it_stops_while_subscribers_catch_up(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(2000, each=100)
        client = Client(world)
        client.pause()
        client.subscribe(**{"from": "earliest"})
        wait(lambda: client.stream.buffered)
        assert world.subscriptions.stop(1.0)
        wait(lambda: not len(world.subscriptions._greens))
        green.sleep(0)


@on_hub
@pytest.mark.parametrize(
    ("wish", "offset", "recovered"),
    [
        ({"from": 1}, 1, True), ({"from": 9}, 3, False), ({"from": 1, "epoch": "another"}, 0, False), ({}, 3, True),
    ],
)  # fmt: skip
def test_a_new_durable_one_is_told_whether_something_is_missing_where_it_begins(
    tmp_path: Path, wish: dict[str, Any], offset: int, recovered: bool
) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        told = Client(world).subscribe(name="kept", **wish)
        assert (told["offset"], told["recovered"]) == (offset, recovered)
        # Who joins it later goes on where it is, whatever is asked for.
        again = Client(world).subscribe(name="kept", **wish)
        assert (again["offset"], again["recovered"]) == (offset, True)
