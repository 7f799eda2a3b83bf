"""Pauses between attempts."""

from __future__ import annotations

import pytest

from eventd.client.backoff import FIRST, LONGEST, MOST_ASKED, Backoff


def test_the_pause_doubles_up_to_the_longest():
    backoff = Backoff(lambda: 1.0)

    pauses = [backoff.pause() for _ in range(12)]

    assert pauses[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses[-1] == LONGEST


def test_half_of_a_pause_is_random():
    assert Backoff(lambda: 0.0).pause() == FIRST / 2
    assert Backoff(lambda: 0.5).pause() == pytest.approx(FIRST * 0.75)
    assert all(FIRST / 2 <= Backoff().pause() <= FIRST for _ in range(100))


def test_a_good_connection_makes_the_next_pause_short():
    backoff = Backoff(lambda: 1.0)
    for _ in range(9):
        backoff.pause()

    backoff.reset()

    assert backoff.pause() == FIRST


def test_what_the_server_asks_for_is_kept_within_reason():
    assert Backoff().pause(asked=7.5) == 7.5
    assert Backoff(lambda: 1.0).pause(asked=0) == FIRST
    assert Backoff().pause(asked=1e9) == MOST_ASKED


def test_whole_seconds_are_spread():
    assert Backoff(lambda: 0.0).pause(asked=2, spread=True) == 2.0
    assert Backoff(lambda: 1.0).pause(asked=2, spread=True) == 3.0
    assert Backoff(lambda: 1.0).pause(asked=40, spread=True) == 50.0


@pytest.mark.parametrize("nonsense", [-1.0, float("nan")])
def test_what_no_clock_has_is_passed_over(nonsense):
    assert Backoff(lambda: 1.0).pause(asked=nonsense) == FIRST


def test_what_will_last_is_waited_for_long():
    assert Backoff(lambda: 1.0).pause(longest=True) == LONGEST
