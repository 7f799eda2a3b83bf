"""Settling events one by one, and telling it together."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.client.settling import Settled, Settling, check_outcome, offsets_of, ranges
from eventd.event import Event


def placed(*offsets: int) -> list[Event]:
    events = [Event("a") for _ in offsets]
    for event, offset in zip(events, offsets, strict=True):
        event.offset = offset
    return events


def holding(*offsets: int) -> Settling:
    settling = Settling()
    settling.hold(placed(*offsets))
    return settling


def test_neighbours_are_told_as_a_range():
    settling = holding(*range(1, 11))
    for offset in (1, 2, 3, 5, 7, 8):
        settling.put([offset], "done", None)

    assert settling.take() == [Settled([[1, 3], 5, [7, 8]], "done", None)]
    assert settling.held == 4
    assert settling.take() == []


@given(st.sets(st.integers(0, 60)))
def test_ranges_are_the_same_offsets(offsets):
    joined = ranges(offsets)

    spread = [place for item in joined for place in (range(item[0], item[1] + 1) if isinstance(item, list) else [item])]
    assert spread == sorted(offsets)
    edges = [item if isinstance(item, list) else [item, item] for item in joined]
    assert all(one[1] + 1 < other[0] for one, other in itertools.pairwise(edges))
    assert all(item[0] < item[1] for item in joined if isinstance(item, list))


def test_each_outcome_is_told_by_itself():
    settling = holding(1, 2, 3, 4)
    settling.put([1], "retry", 5.0)
    settling.put([2], "done", None)
    settling.put([3, 4], "reject", None)

    assert settling.take() == [
        Settled([2], "done", None), Settled([1], "retry", 5.0), Settled([[3, 4]], "reject", None),
    ]  # fmt: skip


def test_what_is_not_held_is_passed_over():
    settling = holding(1)
    settling.put([1, 2, -1], "done", None)
    settling.put([1], "done", None)

    assert settling.take() == [Settled([1], "done", None)]


def test_what_came_before_the_connection_was_lost_is_passed_over():
    settling = holding(1, 2)
    settling.put([1], "done", None)

    settling.lost()
    settling.put([2], "done", None)

    assert settling.take() == []
    assert settling.held == 0


def test_somebody_is_asked_once_until_it_is_taken():
    settling = holding(1, 2, 3)

    assert [settling.put([1], "done", None), settling.put([2], "done", None)] == [True, False]
    settling.take()
    assert settling.put([3], "done", None)


def test_volatile_events_are_not_held():
    assert holding(-1, 4).held == 1


def test_nothing_is_lost_between_threads():
    count = 20_000
    settling = holding(*range(2 * count))
    told: list[int | list[int]] = []
    asked = threading.Semaphore(0)

    def settle(first: int) -> None:
        for offset in range(first, 2 * count, 2):
            if settling.put([offset], "done", None):
                asked.release()

    threads = [threading.Thread(target=settle, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    while settling.held:
        assert asked.acquire(timeout=10), "somebody settled an event, and nobody was asked to tell it"
        for settled in settling.take():
            told += settled.offsets
    for thread in threads:
        thread.join()

    assert sum(item[1] - item[0] + 1 if isinstance(item, list) else 1 for item in told) == 2 * count


def test_events_and_offsets_can_be_settled_alone_and_together():
    [event] = placed(7)

    assert [offsets_of(event), offsets_of(3), offsets_of([event, 3])] == [[7], [3], [7, 3]]
    with pytest.raises(TypeError):
        offsets_of(["7"])
    with pytest.raises(TypeError):
        offsets_of(None)


def test_an_outcome_is_one_of_three_and_of_a_durable_subscription():
    for outcome in ("done", "retry", "reject"):
        check_outcome(outcome, durable=True)
    with pytest.raises(ValueError, match="retry"):
        check_outcome("maybe", durable=True)
    with pytest.raises(ValueError, match="durable"):
        check_outcome("done", durable=False)
