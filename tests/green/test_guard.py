"""A guarded call: it is known while it holds the hub, and told how long it did."""

from __future__ import annotations

import pytest

from eventd import green
from eventd.green.guard import BrokenOff, Guarded, guard
from tests.green.support import hold, on_hub


def nobody(_seconds: float, _locked: bool) -> None:
    """For calls that hold nothing."""


@on_hub
def test_the_call_that_holds_the_hub_is_known_until_it_returns_or_raises() -> None:
    hub = green.hub()

    def name(word: str) -> tuple[str, str]:
        assert hub.calling is not None
        return word, hub.calling.name

    assert guard("it", 0.0, nobody, name, "hello") == ("hello", "it")
    assert hub.calling is None
    with pytest.raises(ZeroDivisionError):
        guard("it", 0.0, nobody, lambda: 1 / 0)
    assert hub.calling is None


@on_hub
def test_one_that_waits_holds_nothing_and_goes_on_as_itself() -> None:
    hub, group, gate = green.hub(), green.Group("test"), green.Signal()
    seen: list[object] = []

    def waits() -> None:
        call = hub.calling
        assert call is not None
        since = call.since
        gate.wait()
        seen.append(hub.calling is call and call.since > since)

    group.spawn("it", guard, "it", 0.0, nobody, waits)
    green.sleep(0)
    seen.append(hub.calling)
    gate.set()
    group.stop(5)

    assert seen == [None, True]


@on_hub
def test_one_that_holds_the_hub_is_told_and_named_and_its_waiting_is_not_counted() -> None:
    hub, group = green.hub(), green.Group("test")
    told: list[float] = []
    named: list[str] = []

    def holds() -> None:
        hold(0.03)
        green.sleep(0.05)
        hold(0.03)

    hub.stall_limit, hub.on_stall = 0.02, lambda label, seconds: named.append(label)
    try:
        group.spawn("someone", guard, "it", 0.0, lambda seconds, locked: told.append(seconds), holds)
        group.stop(5)
    finally:
        hub.on_stall, hub.stall_limit = None, 0.1

    assert len(told) == 2
    assert all(seconds >= 0.03 for seconds in told)
    assert named == ["it", "it"]


@on_hub
def test_the_shorter_of_two_limits_counts() -> None:
    hub = green.hub()
    found: list[float] = []

    def due() -> None:
        assert hub.calling is not None
        found.append(hub.calling.due - hub.calling.since)

    try:
        for most, within in ((0.0, 0.0), (0.0, 2.0), (3.0, 0.0), (3.0, 2.0)):
            hub.stall_most = most
            guard("it", within, nobody, due)
    finally:
        hub.stall_most = 0.0

    assert found == [float("inf"), *map(pytest.approx, (2.0, 3.0, 2.0))]


@on_hub
def test_what_is_raised_in_it_says_how_long_it_held_the_hub_and_gives_it_time_to_end() -> None:
    call = Guarded(green.hub(), "it", 1.0, nobody)
    error = call.broken(call.since + 1.25)

    assert str(error) == "it held the event loop for 1.25 s and was broken off"
    assert not isinstance(error, Exception)
    assert isinstance(error, BrokenOff)
    assert not error.locked
    assert call.due > call.since + 2.0
    call.end()
