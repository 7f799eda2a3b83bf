"""A place says exactly which offsets are done, and nothing else; the books follow from it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventd.dispatch.progress import Ranges, covers, move_between, place, record_at, without
from eventd.journal import ConsumerRecord

MOST = 40


def ranges_of(offsets: set[int]) -> Ranges:
    ranges: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if ranges and ranges[-1][1] == offset:
            ranges[-1] = (ranges[-1][0], offset + 1)
        else:
            ranges.append((offset, offset + 1))
    return tuple(ranges)


def done(offset: int, above: Ranges) -> set[int]:
    return set(range(offset)) | {each for begin, end in above for each in range(begin, end)}


SETS = st.sets(st.integers(0, MOST))


@given(st.integers(0, MOST), SETS, SETS)
def test_a_place_covers_what_is_done_and_no_more(front: int, open: set[int], earlier: set[int]) -> None:
    open = {offset for offset in open if offset < front}
    offset, above = place(front, open, ranges_of(earlier))

    wanted = (set(range(front)) | {each for each in earlier if each >= front}) - open
    assert done(offset, above) == wanted
    assert above == ranges_of({each for each in wanted if each > offset})
    assert offset not in wanted


@given(SETS, SETS)
def test_without_leaves_out_what_the_ranges_cover(offsets: set[int], ranges: set[int]) -> None:
    assert without(sorted(offsets), ranges_of(ranges)) == sorted(offsets - ranges)


@given(SETS, st.integers(0, MOST), st.integers(1, MOST))
def test_covers_tells_whether_they_meet(ranges: set[int], begin: int, count: int) -> None:
    assert covers(ranges_of(ranges), begin, begin + count) == bool(ranges & set(range(begin, begin + count)))


def test_what_is_neither_settled_nor_given_up_was_passed_over() -> None:
    old = ConsumerRecord(10, (), settled=4, dead=1, passed=2, since=3)
    new = record_at(12, ((13, 20),), old, 5, 1)

    assert new == ConsumerRecord(12, ((13, 20),), settled=9, dead=2, passed=5, since=3)
    assert new.settled + new.dead + new.passed == new.done - new.since
    assert move_between(old, new).counted == new.done - old.done
