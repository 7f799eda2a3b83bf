"""One subscription: what came, what was handed out, where it goes on."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.client.arrivals import Arrival
from eventd.client.failures import Gap, Refused, ServerFault
from eventd.client.messages import SubscribedMessage
from eventd.client.tracking import FIRST_CREDIT, LIVE_BYTES, LIVE_CREDIT, Track, Wanted
from eventd.event import Event
from eventd.protocol.ops import OutOfTurn


def track(*types: str, **wanted: Any) -> Track:
    return Track(Wanted(types or (">",), **wanted), lambda: None)


def subscribed(offset: int = 0, *, end: int = 100, epoch: str = "one", recovered: bool = True) -> SubscribedMessage:
    return SubscribedMessage(1, 7, epoch, offset, end, recovered)


def came(*offsets: int, end: int | None = None, size: int = 100) -> Arrival:
    events = []
    for offset in offsets:
        event = Event("a")
        event.offset = offset
        events.append(event)
    return Arrival(events, offsets[-1] + 1 if end is None else end, size * len(events))


def running(offset: int = 0, **wanted: Any) -> Track:
    subscription = track(**wanted)
    subscription.asking()
    subscription.subscribed(subscribed(offset))
    return subscription


def taken(subscription: Track) -> list[int | str]:
    """The offsets of all that is there, handed out; gaps as text."""
    found: list[int | str] = []
    while True:
        try:
            while subscription.ready or subscription.advance():
                event = subscription.ready.popleft()
                subscription.hand(event)
                found.append(event.offset)
            return found
        except Gap as gap:
            found.append(f"{gap.start}-{gap.end}")


def test_it_asks_for_what_is_wanted():
    filters = [{"exact": {"source": "/s"}}]
    asked = track("a.>", "b", filters=filters, start=5, epoch="one", credit=10).asking()

    assert asked == {
        "types": ("a.>", "b"), "filters": (filters[0],), "from_": 5, "epoch": "one", "credit": 10, "name": None,
    }  # fmt: skip


def test_a_live_one_takes_so_many_and_a_durable_one_leaves_it_to_the_server():
    assert track().asking()["credit"] == FIRST_CREDIT
    assert track(credit=5000).asking()["credit"] == 5000
    assert track(name="n").asking()["credit"] is None
    assert track(name="n", credit=5).asking()["credit"] == 5


def test_a_time_is_written_as_text():
    time = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)

    assert track(start=time).asking()["from_"] == "2026-01-31T12:00:00+00:00"


@pytest.mark.parametrize("wrong", [{"types": ()}, {"types": (">",), "credit": 0}])
def test_what_cannot_be_wanted_is_refused(wrong):
    with pytest.raises(ValueError):
        Wanted(**wrong)


def test_where_it_would_go_on_is_behind_what_was_handed_out():
    subscription = track()
    assert (subscription.offset, subscription.epoch, subscription.end) == (None, None, None)
    subscription.asking()
    subscription.subscribed(subscribed(10))
    assert (subscription.offset, subscription.epoch, subscription.end) == (10, "one", 100)

    subscription.arrive(came(11, 14, end=20))
    assert subscription.offset == 10
    assert subscription.advance()
    assert subscription.offset == 10
    for expected in (12, 20):
        subscription.hand(subscription.ready.popleft())
        assert subscription.offset == expected


def test_a_message_without_events_moves_it():
    subscription = running()
    subscription.arrive(came(end=5))
    subscription.arrive(came(end=9))

    assert subscription.offset == 9
    assert not subscription.advance()
    assert (subscription.offset, subscription.resume) == (9, 9)


def test_messages_without_events_fill_no_memory():
    subscription = running()
    subscription.arrive(came(3))
    for end in range(10, 1000):
        subscription.arrive(came(end=end))

    assert len(subscription._queue) == 1
    assert taken(subscription) == [3]
    assert subscription.offset == 999


def test_volatile_events_do_not_move_it():
    subscription = running(5)
    subscription.arrive(came(-1, -1, end=5))

    assert taken(subscription) == [-1, -1]
    assert subscription.offset == 5


def test_a_lost_connection_is_gone_on_behind_what_came():
    subscription = running(start="now")
    subscription.arrive(came(0, 1, end=4))

    subscription.lost()

    assert subscription.asking() | {"credit": 0} == {
        "types": (">",), "filters": None, "from_": 4, "epoch": "one", "credit": 0, "name": None,
    }  # fmt: skip
    subscription.subscribed(subscribed(4))
    subscription.arrive(came(4))
    assert taken(subscription) == [0, 1, 4]


def test_what_never_began_is_asked_again():
    subscription = track(start="now")
    subscription.asking()

    subscription.lost()

    assert subscription.asking()["from_"] == "now"


def test_what_began_now_goes_on_where_that_was():
    subscription = running(42, start="now")

    subscription.lost()

    assert subscription.asking()["from_"] == 42


def test_what_was_lost_for_good_is_a_gap_in_its_place():
    subscription = running()
    subscription.arrive(came(0, 1))
    subscription.lost()
    subscription.asking()
    subscription.subscribed(subscribed(50, recovered=False))
    subscription.arrive(came(50))

    assert taken(subscription) == [0, 1, "2-50", 50]


def test_a_running_one_can_lose_events_too():
    subscription = running()
    subscription.arrive(came(0))
    subscription.subscribed(subscribed(30, recovered=False))
    subscription.arrive(came(30))

    assert taken(subscription) == [0, "1-30", 30]
    assert subscription.offset == 31


def test_offsets_of_another_epoch_tell_nothing_of_what_is_missing():
    subscription = running()
    subscription.arrive(came(80, end=90))
    subscription.subscribed(subscribed(20, epoch="two", recovered=False))
    subscription.arrive(came(20))

    assert taken(subscription) == [80, "None-20", 20]
    assert (subscription.epoch, subscription.offset) == ("two", 21)


def test_a_program_that_comes_back_too_late_gets_a_gap():
    subscription = track(start=5, epoch="one")
    assert subscription.offset == 5
    subscription.asking()
    subscription.subscribed(subscribed(30, recovered=False))

    assert taken(subscription) == ["5-30"]
    assert subscription.offset == 30


def test_what_a_durable_one_holds_comes_again():
    subscription = running(name="n")
    subscription.arrive(came(0, 1))
    subscription.arrive(came(2))
    assert subscription.advance()
    subscription.hand(subscription.ready.popleft())

    subscription.lost()

    assert not subscription.ready
    assert not subscription.advance()
    assert subscription.offset == 1
    assert subscription.asking()["from_"] == "now"
    assert subscription.settling.held == 0


def test_a_durable_one_gets_again_what_it_put_back():
    subscription = running(name="n")
    subscription.arrive(came(5, 6))
    subscription.arrive(came(2, 5))

    assert taken(subscription) == [5, 6, 2, 5]


@pytest.mark.parametrize("wrong", [came(3), came(9, end=5), came(-1, 9, end=8), came(12, 11, end=11), came(end=4)])
def test_what_came_before_is_the_servers_fault(wrong):
    subscription = running()
    subscription.arrive(came(4))

    with pytest.raises(ServerFault):
        subscription.arrive(wrong)


def test_what_comes_out_of_turn_is_told():
    with pytest.raises(OutOfTurn):
        track().subscribed(subscribed())
    with pytest.raises(OutOfTurn):
        track().arrive(came(1))
    subscription = running()
    subscription.finish()
    with pytest.raises(OutOfTurn):
        subscription.arrive(came(1))


def test_what_may_be_said_depends_on_the_state():
    subscription = running()

    assert subscription.say("credit") and subscription.say("settle") and subscription.say("unsubscribe")
    assert not subscription.say("settle")
    assert subscription.say("unsubscribed")
    assert subscription.state == "ended"


def test_what_is_closed_gives_nothing_more():
    subscription = running()
    subscription.arrive(came(0, 1))
    assert subscription.advance()
    subscription.arrive(came(2))

    subscription.close()
    subscription.arrive(came(3))

    assert subscription.ended
    assert taken(subscription) == []
    subscription.lost()
    assert subscription.state == "ended"


def test_why_it_ended_is_told_once_behind_what_came():
    subscription = running()
    subscription.arrive(came(0))
    subscription.finish(Refused("internal", "the disk"))

    assert subscription.advance()
    subscription.ready.clear()
    with pytest.raises(Refused):
        subscription.advance()
    assert not subscription.advance()


def test_credit_is_granted_in_halves_as_events_are_handed_out():
    subscription = running(credit=10)
    subscription.arrive(came(0, 1, 2, 3))
    subscription.arrive(came(4, 5))
    assert subscription.credit() == 0
    subscription.advance()
    assert subscription.credit() == 0
    subscription.advance()

    assert subscription.credit() == 6
    assert subscription.credit() == 0


def test_what_waits_counts_against_the_credit_of_the_next_connection():
    subscription = running(credit=10)
    subscription.arrive(came(0, 1, 2, 3))
    subscription.advance()
    subscription.arrive(came(4, 5, 6))
    subscription.lost()

    assert subscription.asking()["credit"] == 7
    assert subscription.credit() == 0


def settled(subscription: Track, *offsets: int) -> Track:
    subscription.settling.put(offsets, "done", None)
    subscription.settling.take()
    return subscription


def test_a_durable_ones_credit_is_granted_as_events_are_settled():
    subscription = running(name="n", credit=4)
    subscription.arrive(came(0, 1, 2, 3))
    subscription.advance()

    assert [settled(subscription, number).credit() for number in range(4)] == [0, 2, 0, 2]


def test_a_durable_one_without_credit_grants_none():
    subscription = running(name="n")
    subscription.arrive(came(*range(1000)))
    subscription.advance()

    assert settled(subscription, *range(1000)).credit() == 0


@pytest.mark.parametrize(("size", "most"), [(200, LIVE_CREDIT), (LIVE_BYTES // 40, 40), (2 * LIVE_BYTES, 1)])
def test_no_more_is_under_way_and_waits_than_fits_into_memory(size, most):
    subscription = running()
    granted, at, most_ever = FIRST_CREDIT, 0, 0
    for _ in range(50_000 // FIRST_CREDIT):
        count = min(granted, FIRST_CREDIT)
        subscription.arrive(came(*range(at, at + count), size=size))
        granted, at = granted - count, at + count
        assert subscription.advance() or not count
        subscription.ready.clear()
        granted += subscription.credit()
        most_ever = max(most_ever, granted)

    assert most // 2 <= most_ever <= most
    assert at > most


def test_somebody_is_told_of_all_that_is_new():
    told: list[str] = []
    subscription = Track(Wanted((">",)), lambda: told.append(subscription.state))
    subscription.asking()
    subscription.subscribed(subscribed())
    subscription.arrive(came(0))
    subscription.lost()
    subscription.asking()
    subscription.finish()

    assert told == ["live", "live", "new", "ended"]


class Log:
    """A server with events at some offsets, which forgets the old ones."""

    def __init__(self, wanted: set[int]) -> None:
        self.wanted = wanted
        self.first = 0
        self.end = 60

    def subscribe(self, subscription: Track) -> int:
        asked = subscription.asking()["from_"]
        at = self.end if asked == "now" else self.first if asked == "earliest" else max(asked, self.first)
        recovered = asked in ("now", "earliest") or asked >= self.first
        subscription.subscribed(subscribed(at, recovered=recovered))
        return at


@given(
    st.sets(st.integers(0, 59)),
    st.lists(st.sampled_from(["frame", "cut", "take", "forget"]), max_size=40),
    st.data(),
)
def test_no_offset_is_skipped_or_repeated_however_often_the_connection_is_lost(wanted, steps, data):
    log = Log(wanted)
    subscription = track(start="earliest")
    at = log.subscribe(subscription)
    got: list[int | str] = []
    for action in steps:
        if action == "frame" and at < log.end:
            end = data.draw(st.integers(at + 1, log.end))
            subscription.arrive(came(*sorted(offset for offset in wanted if at <= offset < end), end=end))
            at = end
        elif action == "cut":
            subscription.lost()
            at = log.subscribe(subscription)
        elif action == "forget":
            log.first = min(log.first + 10, log.end)
        elif action == "take":
            got += taken(subscription)
    got += taken(subscription)

    offsets = [item for item in got if isinstance(item, int)]
    missing = {offset for item in got if isinstance(item, str) for offset in range(*map(int, item.split("-")))}
    assert offsets == sorted(offset for offset in wanted if offset < at and offset not in missing)
    assert subscription.resume == subscription.offset == at
