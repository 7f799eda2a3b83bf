"""The gate counts connections and paces new ones."""

from __future__ import annotations

import pytest

from eventd.listen.gate import Gate, TooManyConnections


def test_without_bounds_everybody_enters() -> None:
    gate = Gate()
    for _ in range(1000):
        gate.enter("10.0.0.1")
    assert gate.delay(1.0) == 0.0


def test_the_total_is_bounded_and_room_comes_back() -> None:
    gate = Gate(connections=2)
    gate.enter("a")
    gate.enter("b")
    with pytest.raises(TooManyConnections, match="2 connections"):
        gate.enter("c")
    gate.leave("a")
    gate.enter("c")


def test_one_address_cannot_take_all_the_room() -> None:
    gate = Gate(connections=10, per_address=1)
    gate.enter("a")
    with pytest.raises(TooManyConnections, match="of a are open"):
        gate.enter("a")
    gate.enter("b")


def test_the_rate_makes_newcomers_wait_and_the_bucket_fills_again() -> None:
    gate = Gate(rate=10)
    assert [gate.delay(100.0) for _ in range(9)] == [0.0] * 9
    assert gate.delay(100.0) == pytest.approx(0.1)
    assert gate.delay(101.0) == 0.0
