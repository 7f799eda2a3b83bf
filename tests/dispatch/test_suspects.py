"""Who was in hand at how many deaths, against a count of each offset."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventd.dispatch import suspects
from eventd.dispatch.suspects import Range, Suspects, after_death, beyond

pairs = st.tuples(st.integers(0, 40), st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(st.lists(pairs, max_size=4), max_size=6))
def test_each_death_counts_once_for_each_that_was_in_hand(deaths: list[list[tuple[int, int]]]) -> None:
    known: list[Range] = []
    counted = [0] * 60
    for held in deaths:
        known = after_death(known, held)
        for offset in {offset for first, end in held for offset in range(first, end)}:
            counted[offset] += 1

    asked = Suspects(known)
    assert [asked.deaths(offset) for offset in range(60)] == counted
    assert known == sorted(known)
    assert all(deaths > 0 for _, _, deaths in known)


@given(st.lists(pairs, max_size=4), st.integers(0, 60))
def test_what_is_passed_is_forgotten(held: list[tuple[int, int]], offset: int) -> None:
    known = after_death([], held)
    asked = Suspects(known)
    asked.pass_to(offset)

    assert all(first >= offset for first, _, _ in beyond(known, offset))
    rest = range(offset, 60)
    assert [asked.deaths(one) for one in rest] == [Suspects(known).deaths(one) for one in rest]
    assert bool(asked) == any(asked.deaths(one) for one in range(offset, 60))


def test_they_are_bounded() -> None:
    assert len(after_death([], [(n * 2, n * 2 + 1) for n in range(2000)])) == suspects.MOST_RANGES
