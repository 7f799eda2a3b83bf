"""The bucket lets pass what it promises, and locks nobody out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.listen.bucket import Bucket

RATES = st.integers(1, 10**9)
#: A pause, and what is asked for behind it.
ASKED = st.lists(st.tuples(st.floats(0, 10), st.integers(0, 10**10)), max_size=50)


@given(RATES, ASKED)
def test_what_passes_is_bounded_by_the_rate_a_burst_and_one_large_amount(
    rate: int, asked: list[tuple[float, int]]
) -> None:
    bucket, now, passed = Bucket(rate), 100.0, 0
    for pause, amount in asked:
        now += pause
        # A debt is paid before anything else passes.
        if bucket.wait(amount, now) == 0 and amount:
            assert passed <= rate * (1 + now - 100.0) * (1 + 1e-6)
            bucket.take(amount, now)
            passed += amount
    largest = max([amount for _, amount in asked], default=0)
    assert passed <= (rate * (1 + now - 100.0) + largest) * (1 + 1e-6)


@given(RATES, ASKED, st.integers(0, 10**10))
def test_whoever_waits_as_long_as_told_may_pass(rate: int, asked: list[tuple[float, int]], amount: int) -> None:
    bucket, now = Bucket(rate), 100.0
    for pause, taken in asked:
        now += pause
        bucket.take(taken, now)
    wait = bucket.wait(amount, now)
    # A clock of floats is no finer than that after months.
    assert bucket.wait(amount, now + wait * (1 + 1e-6)) == 0.0


@given(RATES, ASKED)
def test_amounts_within_the_burst_never_make_a_debt(rate: int, asked: list[tuple[float, int]]) -> None:
    bucket, now = Bucket(rate), 100.0
    for pause, amount in asked:
        now += pause
        small = min(amount, rate)
        if bucket.wait(small, now) == 0:
            bucket.take(small, now)
        assert bucket.wait(0, now) == 0.0


def test_one_amount_above_the_burst_passes_when_it_is_full_and_is_paid_for() -> None:
    bucket = Bucket(10)
    assert bucket.wait(35, 0.0) == 0.0
    bucket.take(35, 0.0)
    assert bucket.wait(1, 0.0) == pytest.approx(2.6)
    assert bucket.wait(35, 0.0) == pytest.approx(3.5)
    assert not bucket.full(3.4)
    assert bucket.full(3.5)


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = Bucket(10)
    bucket.take(10, 5.0)
    assert bucket.wait(1, 5.0) == pytest.approx(0.1)
    assert bucket.wait(1, 4.0) == pytest.approx(0.1)
