"""All subscriptions of a client: what the server is told, and whom it means."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from eventd.client.failures import Refused, ServerFault
from eventd.client.following import SETTLE_WITHIN, Following
from eventd.client.messages import CODECS, EventsMessage, SubscribedMessage, UnsubscribedMessage
from eventd.client.tracking import Track, Wanted
from eventd.protocol.ops import OutOfTurn


class World:
    """What is said, by op; the server's half is played by hand."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.following = Following(CODECS["json"], self.say, itertools.count(1))
        self.following.begin()

    def say(self, op: str, **fields: Any) -> bool:
        self.said.append({"op": op, **fields})
        return True

    def ops(self, op: str) -> list[dict[str, Any]]:
        return [told for told in self.said if told["op"] == op]

    def follow(self, sid: int = 7, **wanted: Any) -> Track:
        track = Track(Wanted((">",), **wanted), lambda: None)
        self.following.add(track)
        self.answer(sid)
        return track

    def answer(self, sid: int = 7, *, recovered: bool = True, offset: int = 0) -> None:
        id = self.ops("subscribe")[-1]["id"]
        self.following.subscribed(SubscribedMessage(id, sid, "one", offset, 100, recovered))

    def deliver(self, sid: int, *offsets: int) -> None:
        events = [{"id": "1", "eventdoffset": offset} for offset in offsets]
        data = msgspec.json.encode({"op": "events", "sid": sid, "events": events, "offset": offsets[-1] + 1})
        message = CODECS["json"].read(data)
        assert isinstance(message, EventsMessage)
        self.following.events(message, data)


@pytest.fixture
def world() -> World:
    return World()


def test_events_reach_the_subscription_that_they_are_for(world):
    one, two = world.follow(1), world.follow(2)

    world.deliver(2, 5)
    world.deliver(1, 3, 4)

    assert (one.resume, two.resume) == (5, 6)


def test_each_connection_begins_with_all_of_them(world):
    world.follow(1)
    world.follow(2, name="n")

    world.following.lost()
    world.following.begin()

    assert [told["name"] for told in world.ops("subscribe")] == [None, "n", None, "n"]
    assert len({told["id"] for told in world.ops("subscribe")}) == 4


def test_a_subscription_waits_for_a_connection(world):
    world.following.lost()

    world.following.add(Track(Wanted((">",)), lambda: None))

    assert world.said == []
    world.following.begin()
    assert len(world.ops("subscribe")) == 1


def test_a_number_of_before_means_nothing_on_the_next_connection(world):
    world.follow(1)
    world.following.lost()
    world.following.begin()

    with pytest.raises(ServerFault):
        world.deliver(1, 5)


def test_a_subscription_is_left_and_forgotten(world):
    track = world.follow(1)

    world.following.remove(track)
    world.deliver(1, 5)
    [told] = world.ops("unsubscribe")
    world.following.unsubscribed(UnsubscribedMessage(told["id"], 1))

    assert track.state == "ended"
    with pytest.raises(ServerFault):
        world.deliver(1, 6)
    world.following.lost()
    world.following.begin()
    assert len(world.ops("subscribe")) == 1


def test_one_that_is_left_before_it_began_is_left_when_it_does(world):
    track = Track(Wanted((">",)), lambda: None)
    world.following.add(track)

    world.following.remove(track)
    assert world.ops("unsubscribe") == []
    world.answer(1)

    assert [told["sid"] for told in world.ops("unsubscribe")] == [1]


def test_one_that_is_left_without_a_connection_is_never_asked_for(world):
    world.following.lost()
    track = Track(Wanted((">",)), lambda: None)
    world.following.add(track)

    world.following.remove(track)
    world.following.begin()

    assert world.said == []


def test_one_that_is_left_while_the_server_goes_is_not_asked_for_again(world):
    track = world.follow(1)
    world.following.pause()

    world.following.remove(track)
    world.following.lost()
    world.following.begin()

    assert len(world.ops("subscribe")) == 1
    assert world.ops("unsubscribe") == []


def test_settled_events_are_told_together_and_as_many_granted_again(world):
    track = world.follow(1, name="n", credit=4)
    world.deliver(1, 0, 1, 2, 5)
    for offset in (0, 1, 2):
        track.settling.put([offset], "done", None)

    world.following.settle(track)

    assert world.ops("settle") == [{"op": "settle", "sid": 1, "offsets": [[0, 2]], "outcome": "done", "after": None}]
    assert world.ops("credit") == [{"op": "credit", "sid": 1, "n": 3}]
    world.following.settle(track)
    assert len(world.ops("settle")) == 1


def test_who_asks_for_more_tells_first_what_was_settled(world):
    track = world.follow(1, name="n")
    world.deliver(1, 0)
    assert world.following.advance(track)
    track.settling.put([0], "retry", 5.0)

    assert world.following.advance(track) is False or track.ready

    assert [told["outcome"] for told in world.ops("settle")] == ["retry"]


def test_what_is_settled_is_told_within_a_moment(world):
    track, live = world.follow(1, name="n"), world.follow(2)
    world.deliver(1, 0)
    track.settling.put([0], "done", None)

    world.following.settle_later(10.0)
    world.following.settle_later(10.01)
    assert world.following.settle_at == 10.0 + SETTLE_WITHIN
    world.following.settle_all()

    assert len(world.ops("settle")) == 1
    assert world.following.settle_at is None
    assert live.state == "live"


def test_what_is_settled_is_told_before_the_subscription_is_left(world):
    track = world.follow(1, name="n")
    world.deliver(1, 0)
    track.settling.put([0], "done", None)

    world.following.remove(track)

    assert [told["op"] for told in world.said[-2:]] == ["settle", "unsubscribe"]


def test_what_is_settled_without_a_connection_is_dropped(world):
    track = world.follow(1, name="n")
    world.deliver(1, 0)
    world.following.lost()

    track.settling.put([0], "done", None)
    world.following.settle(track)
    world.following.begin()
    world.answer(2)
    world.following.settle(track)

    assert world.ops("settle") == []


def test_a_live_one_grants_as_it_hands_out(world):
    track = world.follow(1, credit=4)
    world.deliver(1, 0, 1)

    world.following.advance(track)

    assert world.ops("credit") == [{"op": "credit", "sid": 1, "n": 2}]


def test_a_refused_subscription_ends(world):
    track = Track(Wanted((">",)), lambda: None)
    world.following.add(track)

    assert world.following.refuse(world.ops("subscribe")[0]["id"], None, Refused("invalid_subscription", "no"))

    assert track.state == "ended" and isinstance(track.failure, Refused)
    world.following.lost()
    world.following.begin()
    assert len(world.ops("subscribe")) == 1


def test_a_running_subscription_can_be_ended_by_the_server(world):
    track = world.follow(0)

    assert world.following.refuse(None, 0, Refused("internal", "the disk"))

    assert track.state == "ended"
    assert not world.following.refuse(None, 0, Refused("internal", "again"))


def test_an_end_that_crosses_ours_changes_nothing(world):
    track = world.follow(1)
    world.following.remove(track)

    assert world.following.refuse(None, 1, Refused("internal", "the disk"))

    assert track.state == "leaving" and track.failure is None


def test_an_error_for_nothing_is_not_taken(world):
    assert not world.following.refuse(99, None, Refused("a", "b"))
    assert not world.following.refuse(None, 99, Refused("a", "b"))


def test_the_server_may_say_again_where_it_goes_on(world):
    track = world.follow(1)

    world.answer(1, recovered=False, offset=30)

    assert track.resume == 30


def test_what_nobody_asked_for_is_the_servers_fault(world):
    with pytest.raises(ServerFault):
        world.following.subscribed(SubscribedMessage(99, 1, "one", 0, 0, True))
    with pytest.raises(ServerFault):
        world.following.unsubscribed(UnsubscribedMessage(1, 1))
    world.follow(1)
    with pytest.raises(ServerFault):
        world.following.unsubscribed(UnsubscribedMessage(1, 1))
    world.following.add(Track(Wanted((">",)), lambda: None))
    with pytest.raises(ServerFault, match="another one"):
        world.answer(1)


def test_one_that_has_ended_gets_nothing(world):
    track = world.follow(1)
    track.finish()

    with pytest.raises(OutOfTurn):
        world.deliver(1, 5)


def test_all_of_them_end_with_the_client(world):
    one, two = world.follow(1), world.follow(2, name="n")

    world.following.end()

    assert one.ended and two.ended
    assert one.state == two.state == "ended"
