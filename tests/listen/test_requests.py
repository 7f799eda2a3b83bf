"""What a connection asks of its subscriptions is done and answered; what cannot be had leaves the connection open."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.errors import MalformedInput
from eventd.protocol.native import MSGPACK
from tests.subscriptions.world import Client, World, on_hub, wait


@on_hub
def test_a_refused_request_is_answered_with_its_id_and_the_next_one_is_served(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        refused = client.say(op="subscribe", id="mine", types=["a..b"])
        sid = client.subscribe("a")["sid"]
        world.commit("a")
        wait(lambda: client.offsets_of(sid) == [0])

        assert refused is not None
        [told] = client.ops("error")
        assert (told["id"], told["code"]) == ("mine", refused.reason)
        assert "no pattern" in told["message"]
        assert "tokens between dots" in told["message"], "the hint helps the one who asked"


@on_hub
def test_a_request_without_an_id_is_answered_with_null(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        for client in (Client(world), Client(world, MSGPACK)):
            client.say(op="subscribe", types=["a"])
            client.say(op="subscribe", types=["a..b"])
            wait(lambda client=client: client.ops("error"))

            assert [told["id"] for told in client.messages] == [None, None]


@on_hub
def test_the_answer_comes_before_the_first_event(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(5)
        client = Client(world)
        client.subscribe(**{"from": "earliest"})
        wait(lambda: client.events)

        assert [told["op"] for told in client.messages] == ["subscribed", "events"]


@on_hub
def test_too_many_subscriptions_are_refused_until_one_ends(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world, most=2)
        sids = [client.subscribe("a")["sid"], client.subscribe("b")["sid"]]
        refused = client.say(op="subscribe", id=9, types=["c"])
        assert refused is not None
        assert "2 subscriptions" in refused.message
        client.say(op="unsubscribe", id=10, sid=sids[0])
        client.subscribe("c")

        assert [told["id"] for told in client.ops("error")] == [9]
        assert world.subscriptions.count["live"] == 2


@on_hub
def test_a_refused_subscription_takes_no_place(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world, most=1)
        for _ in range(3):
            assert client.say(op="subscribe", id=1, types=["a..b"]) is not None
        client.subscribe("a")


@on_hub
def test_behind_unsubscribed_nothing_comes(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        gone, stays = client.subscribe("a")["sid"], client.subscribe("a")["sid"]
        world.commit("a")
        wait(lambda: client.offsets_of(stays) == [0])
        client.say(op="unsubscribe", id=7, sid=gone)
        world.commit("a")
        wait(lambda: client.offsets_of(stays) == [0, 1])

        assert client.ops("unsubscribed") == [{"op": "unsubscribed", "id": 7, "sid": gone}]
        assert client.offsets_of(gone) == [0]


@on_hub
def test_unsubscribing_what_is_not_there_is_answered_all_the_same(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client, other = Client(world), Client(world)
        theirs = other.subscribe("a")["sid"]
        for sid in (theirs, theirs, 99, -1):
            assert client.say(op="unsubscribe", id=sid, sid=sid) is None
        wait(lambda: len(client.ops("unsubscribed")) == 4)

        assert [told["sid"] for told in client.ops("unsubscribed")] == [theirs, theirs, 99, -1]
        assert world.subscriptions.count["live"] == 1


@on_hub
def test_credit_and_settle_may_cross_the_end_of_their_subscription(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        sid = client.subscribe("a")["sid"]
        client.say(op="unsubscribe", id=2, sid=sid)
        for number in (sid, 99):
            assert client.say(op="credit", sid=number, n=1) is None
            assert client.say(op="settle", sid=number, offsets=[0]) is None
        wait(lambda: client.ops("unsubscribed"))

        assert not client.ops("error")


@on_hub
def test_settling_what_is_not_durable_is_the_clients_fault(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        sid = client.subscribe("a")["sid"]
        with pytest.raises(MalformedInput) as caught:
            client.say(op="settle", sid=sid, offsets=[0])

        assert caught.value.reason == "not_durable"


@on_hub
def test_a_durable_one_takes_credit_and_settles(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        sid = client.subscribe("a", name="kept", credit=1)["sid"]
        world.commit("a", "a")
        wait(lambda: client.offsets_of(sid) == [0])
        client.say(op="settle", sid=sid, offsets=[0])
        client.say(op="credit", sid=sid, n=1)
        wait(lambda: client.offsets_of(sid) == [0, 1])
        client.say(op="settle", sid=sid, offsets=[[0, 5]])
        wait(lambda: world.journal.consumers["subscription:kept"].offset == 2)


@on_hub
def test_one_connection_may_have_live_and_durable_ones_side_by_side(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        sids = [client.subscribe("a", **more)["sid"] for more in ({}, {"name": "kept"}, {}, {"name": "other"})]
        world.commit("a")
        for sid in sids:
            wait(lambda sid=sid: client.offsets_of(sid) == [0])

        assert len(set(sids)) == 4


@on_hub
def test_presence_is_answered(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        for client in (Client(world), Client(world, MSGPACK)):
            client.subscribe("a.b", filters=[{"prefix": {"subject": "x"}}])
            client.say(op="presence", id="who", types=["a.*"])
            client.say(op="presence", id="nobody", types=["b"])
            client.say(op="presence", id="wrong", types=[">.a"])
            wait(lambda client=client: client.ops("error"))
            [there, nobody] = client.ops("present")
            [present] = there["subscriptions"]

            assert (present["types"], present["filters"]) == (["a.b"], [{"prefix": {"subject": "x"}}])
            assert (present["name"], present["connection"]) == (None, client.outlet.number)
            assert (nobody["id"], nobody["subscriptions"]) == ("nobody", [])
            assert client.ops("error")[0]["id"] == "wrong"
            client.close()


@on_hub
def test_when_the_connection_goes_all_that_is_open_ends(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        client = Client(world)
        client.subscribe("a")
        client.subscribe("a", credit=0, **{"from": "earliest"})
        client.subscribe("b", name="kept")
        client.requests.close()
        client.requests.close()

        assert world.subscriptions.count == {"live": 0, "durable": 0}
        assert world.subscriptions.presence([">"]) == []
        assert world.subscriptions.groups.knows("kept"), "a durable one waits for its next member"
