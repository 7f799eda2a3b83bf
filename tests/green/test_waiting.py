from __future__ import annotations

import time

import pytest

from eventd import green
from eventd.green import turns
from tests.green.support import on_hub, until


@on_hub
def test_a_signal_wakes_all_who_wait_and_those_who_come_later_do_not_wait():
    signal, group = green.Signal(), green.Group("test")
    woken: list[int] = []
    for number in range(3):
        group.spawn("waiter", lambda number=number: woken.append(signal.wait() and number))
    green.sleep(0)
    assert woken == []

    signal.set("value")
    until(lambda: woken == [0, 1, 2])
    assert signal.is_set()
    assert signal.value == "value"
    assert signal.wait() is True


@on_hub
def test_a_wait_ends_in_time_and_leaves_nothing_behind():
    signal = green.Signal()
    began = time.monotonic()
    assert signal.wait(0.02) is False
    assert time.monotonic() - began >= 0.02
    assert not signal._waiters
    signal.set()
    assert signal.wait(0) is True


@on_hub
def test_a_cleared_signal_is_waited_for_again():
    signal = green.Signal()
    signal.set()
    signal.clear()

    assert not signal.is_set()
    assert signal.wait(0.005) is False


@on_hub
def test_a_signal_that_is_set_and_cleared_in_one_go_still_wakes_who_waited():
    signal, group = green.Signal(), green.Group("test")
    woken: list[bool] = []
    group.spawn("waiter", lambda: woken.append(signal.wait(5)))
    green.sleep(0)
    signal.set()
    signal.clear()
    until(lambda: woken == [True])


@on_hub
def test_a_late_wake_up_does_not_end_the_next_wait():
    """The signal wakes the green thread that was just killed, which by then waits for something else."""
    signal, group = green.Signal(), green.Group("test")
    rested: list[float] = []

    def victim() -> None:
        try:
            signal.wait()
        finally:
            began = time.monotonic()
            green.sleep(0.03)
            rested.append(time.monotonic() - began)

    thread = group.spawn("victim", victim)
    green.sleep(0)
    thread.kill()
    signal.set()
    until(lambda: rested)

    assert rested[0] >= 0.03


@on_hub
def test_a_killed_waiter_takes_nothing_from_the_others():
    signal, group = green.Signal(), green.Group("test")
    woken: list[bool] = []
    first = group.spawn("first", signal.wait)
    group.spawn("second", lambda: woken.append(signal.wait()))
    green.sleep(0)
    signal.set()
    first.kill()
    until(lambda: woken == [True])
    assert group.stop(1)


@on_hub
def test_sleeping_for_nothing_lets_others_run():
    order: list[str] = []
    green.Group("test").spawn("other", lambda: order.append("other"))
    green.sleep()
    order.append("me")

    assert order == ["other", "me"]


@on_hub
@pytest.mark.parametrize("seconds", [-1, 0, 0.001])
def test_any_length_of_sleep_ends(seconds):
    green.sleep(seconds)


@on_hub
def test_who_has_held_the_loop_for_a_turn_gives_way_and_who_has_not_goes_on(monkeypatch):
    passes = green.hub().passes
    monkeypatch.setattr(turns, "TURN", 1e6)
    monkeypatch.setattr(turns, "SHORT_TURN", 1e6)
    green.give_way()
    assert green.hub().passes == passes
    monkeypatch.setattr(turns, "TURN", 0.0)
    monkeypatch.setattr(turns, "SHORT_TURN", 0.0)
    green.give_way()
    assert green.hub().passes == passes + 1
    assert green.hub().held < 1000.0
