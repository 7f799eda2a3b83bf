"""However a batch is cut, its events are there once, in order, and those of a key stay together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.calls.messages import Cut
from eventd.dispatch.portion import Backlog
from eventd.dispatch.shares import SHARES_EACH, WORTHWHILE, Share, shares_of, worthwhile
from eventd.event import Batch, Event
from eventd.formats.blocks import decode
from tests.dispatch.support import block_of, draft, forward_block


def batch_of(counts: list[int], types: list[str], skip: int) -> Batch:
    """A batch cut as a consumer's is: of several blocks, of which it wants some types."""
    backlog = Backlog(lambda type: type != "unwanted", {})
    first, number = 0, 0
    for place, count in enumerate(counts):
        if place % 3 == 2:
            block = forward_block(first, "a", [{"n": number + one} for one in range(count)])
        else:
            wanted = [types[(number + one) % len(types)] for one in range(count)]
            block = block_of(first, draft(*(Event(type, {"n": number + n}) for n, type in enumerate(wanted))))
        backlog.add(block, first + (skip if place == 0 else 0))
        first, number = block.end, number + count
    portion = backlog.cut(1000)
    return Batch(0, list) if portion is None else Batch(portion.count, portion.load, portion.blocks)


def events_of(cuts: list[Cut]) -> list[Event]:
    found: list[Event] = []
    for cut in cuts:
        events = decode(cut.block)
        found += events if cut.chosen is None else [events[index] for index in cut.chosen]
    return found


def check(batch: Batch, shares: list[Share]) -> None:
    """Each share has, behind its indices, the events that the batch has there."""
    for share in shares:
        assert [(event.offset, event.data) for event in events_of(share.cuts)] == [
            (batch.events[index].offset, batch.events[index].data) for index in share.indices
        ]
    assert sorted(index for share in shares for index in share.indices) == list(range(len(batch)))


batches = st.builds(
    batch_of,
    st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=6),
    st.lists(st.sampled_from(["a", "b", "unwanted"]), min_size=1, max_size=5),
    st.integers(min_value=0, max_value=5),
)


@pytest.mark.parametrize(
    ("seconds", "shares"),
    [(0.0, 1), (WORTHWHILE, 1), (2.5 * WORTHWHILE, 2), (60.0, SHARES_EACH), (math.inf, SHARES_EACH)],
)
def test_what_takes_longer_is_cut_into_more_shares(seconds: float, shares: int) -> None:
    assert worthwhile(seconds) == shares


def test_what_is_quick_goes_as_one_share_to_each_worker() -> None:
    batch = batch_of([25, 25], ["a"], 0)
    shares = shares_of(batch, 2, None, 1)
    assert [len(share.indices) for share in shares] == [25, 25]
    check(batch, shares)


@given(batches, st.integers(min_value=1, max_value=5))
def test_without_an_order_shares_are_even(batch: Batch, workers: int) -> None:
    shares = shares_of(batch, workers, None)

    check(batch, shares)
    assert len(shares) <= max(1, workers * SHARES_EACH)
    assert all(share.worker == -1 for share in shares)


@given(batches, st.integers(min_value=2, max_value=5))
def test_a_key_has_one_worker(batch: Batch, workers: int) -> None:
    shares = shares_of(batch, workers, lambda event: event.data["n"] % 3)

    check(batch, shares)
    owner: dict[int, int] = {}
    for share in shares:
        assert list(share.indices) == sorted(share.indices)
        for index in share.indices:
            key = batch.events[index].data["n"] % 3
            assert owner.setdefault(key, share.worker) == share.worker
