"""Events that wait hold back those behind them in their lane, and nobody else; none is lost."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from eventd.dispatch import ordering as module
from eventd.dispatch.ordering import MOST_EVENTS, Ordering, Tries, Waiting
from eventd.event import Block, Encoding
from eventd.journal import DeadLetter


def waiting(offset: int, key: object = None, due: float = 0.0, *, alone: bool = False) -> Waiting:
    return Waiting(Block(offset, 1, Encoding.JSON, (), 0, b"{}"), key, Tries(), due, alone)  # type: ignore[arg-type]  # each key here is hashable


def offsets(found: list[Waiting]) -> list[int]:
    return [one.offset for one in found]


def test_those_of_other_keys_do_not_wait() -> None:
    order = Ordering()
    order.put(waiting(0, "a", 10.0, alone=True))
    order.put(waiting(1, "a"))
    order.put(waiting(2, "b", 1.0))

    assert (order.holds("a"), order.holds("b"), order.holds("c")) == (True, True, False)
    assert order.next_due == 1.0
    assert offsets(order.ready(0.5, 10)) == []
    assert offsets(order.ready(5.0, 10)) == [2]


def test_one_sleeps_as_long_as_one_wants_to_but_not_over_the_next_one() -> None:
    order = Ordering()
    assert order.sleeps(5.0, 100.0) == 5.0
    order.put(waiting(0, "a", 102.0))
    assert [order.sleeps(seconds, 100.0) for seconds in (1.0, 5.0)] == [1.0, 2.0]
    assert order.sleeps(5.0, 103.0) == 0.0


def test_when_the_first_is_done_those_behind_it_come_together() -> None:
    order = Ordering()
    order.put(waiting(0, "a", 1.0, alone=True))
    for offset in (1, 2, 3):
        order.put(waiting(offset, "a"))

    (first,) = order.ready(2.0, 10)
    assert order.ready(2.0, 10) == []
    order.done(first)
    assert offsets(order.ready(2.0, 2)) == [1, 2]


def test_one_that_fails_among_them_holds_the_others_again() -> None:
    order = Ordering()
    for offset in (1, 2, 3):
        order.put(waiting(offset, "a"))
    one, two, three = order.ready(0.0, 10)
    order.done(one)
    two.due, two.alone = 5.0, True
    order.put(two)
    order.put(three)

    assert offsets(order.ready(4.0, 10)) == []
    (again,) = order.ready(5.0, 10)
    assert again is two
    order.done(two)
    assert offsets(order.ready(5.0, 10)) == [3]


def test_one_that_is_to_be_alone_is() -> None:
    order = Ordering()
    order.put(waiting(0, 0))
    order.put(waiting(1, 1, alone=True))
    order.put(waiting(2, 2))

    assert [offsets(order.ready(0.0, 10)) for _ in range(3)] == [[0], [1], [2]]


def test_a_dead_letter_has_its_place_behind_it_already() -> None:
    order = Ordering()
    letter = waiting(3, 3)
    letter.letter = DeadLetter("c", 3, b"{}", 1, 1, 1, "why")
    order.put(letter)

    assert (list(order.offsets), order.count) == ([], 1)
    order.done(*order.ready(0.0, 1))
    assert (order.count, order.size) == (0, 0)


@pytest.mark.parametrize(("bound", "most"), [("MOST_EVENTS", 3), ("MOST_BYTES", 3 * (module.ENTRY + 2))])
def test_it_is_full_when_there_are_too_many_or_they_are_too_large(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(module, bound, most)
    order = Ordering()
    full = []
    for offset in range(4):
        full.append(order.full)
        order.put(waiting(offset, offset))

    assert full == [False, False, False, True]


class Model(RuleBasedStateMachine):
    """Random keys, failures and times: within a key nothing overtakes, and all that is due comes."""

    def __init__(self) -> None:
        super().__init__()
        self.order = Ordering()
        self.now = 0.0
        self.next = 0
        self.open: dict[int, Waiting] = {}

    @rule(key=st.integers(0, 3), delay=st.integers(0, 3), alone=st.booleans())
    def arrive(self, key: int, delay: int, alone: bool) -> None:
        held = self.order.holds(key)
        assert held == any(one.key == key for one in self.open.values())
        one = waiting(self.next, key, 0.0 if held else self.now + delay, alone=alone and not held)
        self.open[self.next] = one
        self.next += 1
        self.order.put(one)

    @rule(seconds=st.integers(0, 3))
    def later(self, seconds: int) -> None:
        self.now += seconds

    @rule(most=st.integers(1, 4), fates=st.lists(st.integers(0, 2), min_size=8, max_size=8), delay=st.integers(0, 4))
    def handle(self, most: int, fates: list[int], delay: int) -> None:
        lot = self.order.ready(self.now, most)
        assert len(lot) <= most
        assert len(lot) == 1 or not any(one.alone for one in lot)
        for key in {one.key for one in lot}:
            mine = [one.offset for one in lot if one.key == key]
            first = sorted(offset for offset, one in self.open.items() if one.key == key)[: len(mine)]
            assert mine == first
        assert all(one.due <= self.now for one in lot)
        failed = set()
        for one, fate in zip(lot, fates, strict=False):
            if one.key in failed:
                self.order.put(one)
            elif fate == 0:
                failed.add(one.key)
                one.due, one.alone = self.now + delay, True
                self.order.put(one)
            else:
                del self.open[one.offset]
                self.order.done(one)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert set(self.order.offsets) == set(self.open)
        assert self.order.count == len(self.open)
        heads = {one.key: one for one in reversed(list(self.open.values()))}
        assert self.order.next_due == min([one.due for one in heads.values()], default=None)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_those_that_wait_do_not_have_two_turns_in_a_row() -> None:
    ordering = Ordering()
    for offset in range(3):
        ordering.put(waiting(offset, offset))

    turns = [[one.offset for one in ordering.turn(0.0, 1)] for _ in range(5)]
    assert turns == [[0], [], [1], [], [2]]


def test_with_no_room_for_new_events_only_those_that_wait_have_turns() -> None:
    ordering = Ordering()
    for offset in range(MOST_EVENTS + 1):
        ordering.put(waiting(offset, offset))

    assert [len(ordering.turn(0.0, 1)) for _ in range(3)] == [1, 1, 1]
