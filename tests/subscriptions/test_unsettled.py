"""What is open, what waits for its next attempt, and which offsets a member may settle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventd.subscriptions.unsettled import Ranges, Unsettled, held_of

OFFSETS = st.integers(0, 40)
PAIRS = st.tuples(OFFSETS, OFFSETS)
WIDE = st.tuples(st.integers(-(1 << 60), 40), st.integers(0, 1 << 60))


@given(st.sets(OFFSETS), st.lists(OFFSETS | PAIRS | WIDE, max_size=12))
def test_what_is_settled_is_what_the_ranges_name_of_what_is_held(
    held: set[int], ranges: list[int | tuple[int, int]]
) -> None:
    named = [(each, each) if isinstance(each, int) else each for each in ranges]
    expected = [offset for offset in sorted(held) if any(first <= offset <= last for first, last in named)]
    before = set(held)

    assert held_of(held, ranges) == expected
    assert held == before


def test_each_offset_is_named_once_where_ranges_overlap() -> None:
    ranges: Ranges = [(0, 1 << 62), 3, (2, 5), (0, 1 << 62), 3]
    assert held_of({5, 3, 9}, ranges) == [3, 5, 9]


def test_a_pair_that_runs_backwards_names_nothing() -> None:
    assert held_of({1, 2, 3}, [(3, 1)]) == []


def test_many_wide_pairs_cost_no_more_than_one() -> None:
    class Counted(int):
        looks = 0

        def __lt__(self, other: object) -> bool:
            Counted.looks += 1
            return int.__lt__(self, other)  # type: ignore[operator]  # as for any number

    held: set[int] = {Counted(offset) for offset in range(1000)}
    assert len(held_of(held, [(0, 1 << 40)] * 1000)) == 1000
    assert Counted.looks < 100_000


def test_what_was_handed_out_is_open_until_it_is_closed() -> None:
    unsettled = Unsettled()
    unsettled.hand_out([1, 2, 3])
    unsettled.close([2, 9])
    assert unsettled.open == {1, 3}
    assert unsettled.next_due is None


def test_what_is_due_first_comes_first_and_rising() -> None:
    unsettled = Unsettled()
    unsettled.hand_out([1, 2, 3, 4])
    unsettled.again([4, 1], 5.0)
    unsettled.again([3, 2], 7.0)

    assert unsettled.ready(4.9, 10) == []
    told = [(unsettled.next_due, unsettled.ready(now, most)) for now, most in ((5.0, 10), (9.0, 1), (9.0, 10))]
    assert told == [(5.0, [1, 4]), (7.0, [2]), (7.0, [3])]
    assert unsettled.next_due is None
    assert unsettled.open == {1, 2, 3, 4}


def test_what_is_settled_while_it_waits_does_not_come_again() -> None:
    unsettled = Unsettled()
    unsettled.hand_out([1, 2])
    unsettled.again([1, 2], 1.0)
    unsettled.close([1])
    assert unsettled.ready(1.0, 10) == [2]


def test_what_was_put_back_twice_comes_once() -> None:
    unsettled = Unsettled()
    unsettled.hand_out([1])
    unsettled.again([1], 1.0)
    unsettled.again([1], 2.0)
    assert unsettled.ready(3.0, 10) == [1]
    assert unsettled.ready(3.0, 10) == []


def test_attempts_are_counted_until_it_is_closed() -> None:
    unsettled = Unsettled()
    unsettled.hand_out([1, 2])
    for offset in (1, 1, 2):
        unsettled.failed(offset)
    assert [unsettled.attempts(offset) for offset in (1, 2, 3)] == [2, 1, 0]
    unsettled.close([1])
    assert [unsettled.attempts(offset) for offset in (1, 2)] == [0, 1]
