"""The gate counts connections and paces new ones."""

from __future__ import annotations

import pytest

from eventd.listen.gate import ORDINARY, Gate, NoRoom, Room, TooManyConnections


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


def test_who_grows_beyond_the_room_is_refused_and_leaves_it_to_others() -> None:
    room = Room(10 * ORDINARY)
    room.change(0, 6 * ORDINARY)
    room.change(0, 4 * ORDINARY)
    with pytest.raises(NoRoom):
        room.change(4 * ORDINARY, 5 * ORDINARY)
    room.change(5 * ORDINARY, 0)
    assert room.used == 6 * ORDINARY
    room.change(0, 4 * ORDINARY)


def test_ordinary_messages_find_room_whatever_others_hold() -> None:
    room = Room(ORDINARY)
    room.change(0, ORDINARY)
    room.change(0, ORDINARY)
    with pytest.raises(NoRoom):
        room.change(ORDINARY, ORDINARY + 1)


def test_a_message_that_shrinks_is_never_refused() -> None:
    room = Room(1)
    with pytest.raises(NoRoom):
        room.change(0, 9 * ORDINARY)
    room.change(9 * ORDINARY, 8 * ORDINARY)


def test_room_without_a_bound() -> None:
    room = Room()
    room.change(0, 1 << 60)
    assert room.used == 1 << 60
