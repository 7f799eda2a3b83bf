"""Publications on their way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventd.client.failures import BufferFull, Closed, Nacked, TimedOut, Wrong
from eventd.client.outbox import Ack, Outbox, Publication
from eventd.client.packing import Packed

STORED = Ack(1, 1, "disk")


def packed(size: int = 10, events: int = 1) -> Packed:
    return Packed(events, b"x" * size)


def outbox_with(*sizes: int, window: int = 100, buffer: int = 1000) -> tuple[Outbox, list[Publication]]:
    outbox = Outbox(window, buffer, itertools.count(1))
    publications = [Publication(packed(size)) for size in sizes]
    for publication in publications:
        outbox.add(publication)
    return outbox, publications


def sent(outbox: Outbox, now: float = 0.0) -> list[Publication]:
    found = []
    while (publication := outbox.next(now)) is not None:
        found.append(publication)
    return found


def test_they_are_sent_once_and_in_order():
    outbox, publications = outbox_with(1, 2, 3)

    assert sent(outbox) == publications
    assert sent(outbox) == []
    assert (outbox.events, outbox.bytes, len(outbox)) == (3, 6, 3)


def test_an_answer_ends_one_and_frees_its_memory():
    outbox, [one, two] = outbox_with(10, 20)
    sent(outbox)

    assert outbox.ack(two.id, STORED)
    assert outbox.nack(one.id, [Wrong(0, "id", "is missing")], None) is one

    assert two.value() == STORED
    with pytest.raises(Nacked, match="id: is missing"):
        one.value()
    assert (outbox.events, outbox.bytes, len(outbox)) == (0, 0, 0)
    assert one.body == b""


def test_an_answer_to_nothing_is_told():
    outbox, [one] = outbox_with(1)

    assert not outbox.ack(one.id, STORED)
    assert outbox.nack(99, [], None) is None


def test_what_was_under_way_is_sent_again_in_its_order_before_what_never_was():
    outbox, publications = outbox_with(1, 1, 1, 1, window=3)
    assert sent(outbox) == publications[:3]
    outbox.ack(publications[1].id, STORED)

    outbox.cut()

    assert sent(outbox) == [publications[0], publications[2], publications[3]]


def test_the_window_holds_back_and_one_larger_than_it_goes_alone():
    outbox = Outbox(10, 1000, itertools.count(1))
    for events in (6, 4, 1, 50, 1):
        outbox.add(Publication(packed(events=events)))

    assert [one.count for one in sent(outbox)] == [6, 4]
    outbox.ack(1, STORED)
    assert [one.count for one in sent(outbox)] == [1]
    outbox.ack(2, STORED)
    assert sent(outbox) == []
    outbox.ack(3, STORED)
    assert [one.count for one in sent(outbox)] == [50]
    outbox.ack(4, STORED)
    assert [one.count for one in sent(outbox)] == [1]


def test_a_server_without_room_is_left_alone_for_as_long_as_it_asks():
    outbox, [one, two, three] = outbox_with(1, 1, 1, window=2)
    sent(outbox)
    outbox.nack(one.id, [], 5.0)
    outbox.nack(two.id, [], 3.0)

    assert sent(outbox, 4.9) == []
    assert outbox.resume == 5.0
    outbox.tick(5.0)
    assert outbox.resume is None
    assert sent(outbox, 5.0) == [one, two]
    assert one.outcome is None and three.outcome is None


def test_behind_one_that_has_to_come_again_nothing_is_sent_before_all_is_answered():
    outbox, [one, two, three, four] = outbox_with(1, 1, 1, 1, window=3)
    sent(outbox)
    outbox.nack(one.id, [], 1.0)
    assert sent(outbox, 2.0) == []
    outbox.nack(two.id, [], 2.5)
    outbox.tick(3.0)
    assert sent(outbox, 3.0) == []
    outbox.ack(three.id, STORED)
    assert sent(outbox, 3.0) == [one, two, four]


def test_a_lost_connection_ends_the_servers_pause():
    outbox, [one] = outbox_with(1)
    sent(outbox)
    outbox.nack(one.id, [], 1000.0)

    outbox.cut()

    assert sent(outbox) == [one]


def test_there_is_room_within_the_window_where_there_is_a_connection():
    outbox, _ = outbox_with(10, 10, window=3)

    assert outbox.has_room(packed(events=1), connected=True)
    assert not outbox.has_room(packed(events=2), connected=True)
    assert outbox.has_room(packed(events=2), connected=False)


def test_more_than_the_window_at_once_has_room_where_nothing_else_is():
    assert Outbox(3, 1000, itertools.count(1)).has_room(packed(events=4), connected=True)


def test_there_is_room_within_the_buffer_always():
    outbox, _ = outbox_with(60, buffer=100)

    for connected in (True, False):
        assert outbox.has_room(packed(40), connected=connected)
        assert not outbox.has_room(packed(41), connected=connected)
        with pytest.raises(BufferFull, match="101 bytes"):
            outbox.has_room(packed(101), connected=connected)


def test_room_is_made_by_giving_up_the_oldest_that_were_never_sent():
    outbox, [one, two, three, four] = outbox_with(30, 30, 30, 10, window=1, buffer=100)
    assert sent(outbox) == [one]
    outbox.cut()

    outbox.make_room(packed(50), drop=True)

    assert [publication.outcome is None for publication in (one, two, three, four)] == [True, False, False, True]
    assert isinstance(two.outcome, BufferFull)
    assert outbox.bytes == 40
    with pytest.raises(BufferFull):
        outbox.make_room(packed(90), drop=True)


def test_room_is_not_made_where_nothing_may_be_given_up():
    outbox, [one] = outbox_with(60, buffer=100)

    outbox.make_room(packed(40), drop=False)
    with pytest.raises(BufferFull):
        outbox.make_room(packed(41), drop=False)
    assert one.outcome is None


def test_only_what_was_never_sent_can_be_withdrawn():
    outbox, [one, two] = outbox_with(1, 1, window=1)
    sent(outbox)

    assert not outbox.withdraw(one, TimedOut("late"))
    assert outbox.withdraw(two, TimedOut("late"))
    assert not outbox.withdraw(two, TimedOut("late"))
    assert (outbox.events, len(outbox)) == (1, 1)
    outbox.ack(one.id, STORED)
    assert sent(outbox) == []


def test_what_the_server_cannot_bear_is_found_and_refused_and_the_rest_goes_on():
    outbox, [good, bad, other] = outbox_with(1, 1, 1)
    sent(outbox)

    assert outbox.cut("too large") is None
    assert sent(outbox) == [good]
    outbox.ack(good.id, STORED)
    assert sent(outbox) == [bad]
    assert outbox.cut("too large") is bad
    with pytest.raises(Nacked, match="too large"):
        bad.value()
    assert sent(outbox) == [other]
    outbox.ack(other.id, STORED)
    assert len(outbox) == 0


def test_what_is_suspected_and_only_lost_is_not_refused():
    outbox, [one] = outbox_with(1)
    sent(outbox)
    outbox.cut("malformed")
    assert sent(outbox) == [one]

    assert outbox.cut() is None

    assert sent(outbox) == [one]


def test_everything_can_be_given_up():
    outbox, publications = outbox_with(1, 1, 1, window=2)
    sent(outbox)
    outbox.nack(publications[0].id, [], 5.0)

    outbox.fail(lambda: Closed("closed"))

    assert all(isinstance(publication.outcome, Closed) for publication in publications)
    assert (outbox.events, outbox.bytes, len(outbox)) == (0, 0, 0)


class Outboxes(RuleBasedStateMachine):
    """Any interleaving of publishing, sending, answers and cuts keeps the order and loses nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.outbox = Outbox(5, 200, itertools.count(1))
        self.kept: list[Publication] = []
        self.under_way: list[Publication] = []

    @rule(events=st.integers(1, 8), size=st.integers(1, 60), connected=st.booleans())
    def publish(self, events: int, size: int, connected: bool) -> None:
        if self.outbox.has_room(packed(size, events), connected=connected):
            publication = Publication(packed(size, events))
            self.outbox.add(publication)
            self.kept.append(publication)

    @rule()
    def send(self) -> None:
        waiting = [one for one in self.kept if one not in self.under_way]
        found = sent(self.outbox, self.now)
        assert found == waiting[: len(found)]
        self.under_way += found
        may = self.outbox.resume is None or self.now >= self.outbox.resume
        assert self.under_way or not waiting or not may

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        assert self.outbox.ack(one.id, STORED)
        self._ended(one)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), after=st.none() | st.integers(0, 5))
    def refuse(self, data: st.DataObject, after: int | None) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        assert self.outbox.nack(one.id, [], None if after is None else self.now + after) is one
        if after is None:
            self._ended(one)
        else:
            self.under_way.remove(one)

    @rule(fault=st.none() | st.just("too large"))
    def cut(self, fault: str | None) -> None:
        refused = self.outbox.cut(fault)
        if refused is not None:
            assert self.under_way == [refused]
            self._ended(refused)
        self.under_way = []

    @rule()
    def wait(self) -> None:
        self.now += 2
        self.outbox.tick(self.now)

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.kept))
        assert self.outbox.withdraw(one, TimedOut("late")) is not one.sent
        if not one.sent:
            self._ended(one)

    def _ended(self, one: Publication) -> None:
        assert one.outcome is not None
        self.kept.remove(one)
        if one in self.under_way:
            self.under_way.remove(one)

    @invariant()
    def nothing_is_forgotten_and_nothing_is_answered_by_itself(self) -> None:
        assert all(one.outcome is None for one in self.kept)
        assert len(self.outbox) == len(self.kept)
        assert self.outbox.events == sum(one.count for one in self.kept)
        assert self.outbox.bytes == sum(len(one.body) for one in self.kept) <= 200

    @invariant()
    def the_window_is_kept(self) -> None:
        assert len(self.under_way) <= 1 or sum(one.count for one in self.under_way) <= 5


TestOutboxes = Outboxes.TestCase
TestOutboxes.settings = settings(max_examples=60, stateful_step_count=40)
