from __future__ import annotations

import functools

from eventd import green
from eventd.green.stall import LAG_WINDOW, StallClock, label_of
from tests.green.support import hold, on_hub, pair


def test_the_slowest_is_kept_until_it_is_forgotten():
    clock = StallClock()
    for seconds in (0.01, 0.03, 0.02):
        clock.took(test_the_slowest_is_kept_until_it_is_forgotten, seconds)
    assert clock.slowest == ("test_the_slowest_is_kept_until_it_is_forgotten", 0.03)
    assert clock.notice == 0.03

    clock.forget_slowest()
    assert clock.slowest == ("", 0.0)
    assert clock.notice == 0.0


def test_a_stall_is_told_however_slow_the_slowest_was():
    clock = StallClock()
    told: list[tuple[str, float]] = []
    clock.limit = 0.1
    clock.on_stall = lambda label, seconds: told.append((label, seconds))
    clock.took(len, 0.5)
    assert clock.notice == 0.1
    clock.took(len, 0.2)

    assert told == [("len", 0.5), ("len", 0.2)]
    assert clock.stalls == 2


def test_a_listener_that_raises_does_no_harm(caplog):
    clock = StallClock()
    clock.on_stall = lambda label, seconds: 1 / 0
    clock.took(len, 1.0)

    assert "on_stall failed" in caplog.text


def test_lag_is_the_worst_of_the_last_window_and_then_forgotten():
    clock = StallClock()
    clock.late(100.0, 0.5)
    clock.late(101.0, 0.1)
    assert clock.lag(101.0) == 0.5
    clock.late(100.0 + LAG_WINDOW + 0.1, 0.2)
    assert clock.lag(100.0 + LAG_WINDOW + 1) == 0.5
    clock.late(100.0 + 2 * LAG_WINDOW + 0.3, 0.0)
    assert clock.lag(100.0 + 2 * LAG_WINDOW + 1) == 0.2
    assert clock.lag(1000.0) == 0.0


def test_a_partial_has_the_name_of_its_function():
    assert label_of(functools.partial(len)) == "len"
    assert label_of(None) is None


@on_hub
def test_a_green_thread_that_holds_the_hub_is_named():
    hub = green.hub()
    hub.stall_limit = 0.02
    told: list[tuple[str, float]] = []
    hub.on_stall = lambda label, seconds: told.append((label, seconds))
    stream, peer = pair()
    group = green.Group("test")
    peer.send(b"x")

    def after_recv() -> None:
        stream.recv()
        hold(0.03)
        green.sleep(0)
        hold(0.03)
        green.sleep(0.001)
        hold(0.03)
        stream.close()

    try:
        group.spawn("culprit", after_recv)
        group.stop(5)
    finally:
        hub.on_stall, hub.stall_limit = None, 0.1
        peer.close()

    # Resumed by its start, by a yield and by a timer: each time it has its own name.
    assert [label for label, _ in told] == ["culprit"] * 3
    assert all(0.03 <= seconds < 0.5 for _, seconds in told)
    assert hub.lag() >= 0.03
