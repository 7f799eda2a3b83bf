"""Where plugin code is called: it gets there and back, and a call that takes too long is given up."""

from __future__ import annotations

import re
import threading
import time

import pytest

from eventd import green
from eventd.calls.executing import PluginExit
from eventd.dispatch import calling
from eventd.dispatch.calling import HeldTheLock, HeldTooLong, Place, TimedOut
from tests.dispatch.world import on_hub, wait
from tests.green.support import hold, watched
from tests.support.wait import SCALE

#: Seconds from which on a call is a stall here, and seconds that nothing here lasts.
LIMIT = 0.02
LONG = 20.0 * SCALE


def thread_name() -> str:
    return threading.current_thread().name


@on_hub
def test_a_call_within_its_time_gives_what_it_returns_or_raises() -> None:
    bridge = green.Bridge()
    place = Place("thread", "handler:it", bridge)

    def leave() -> None:
        raise SystemExit(3)

    assert place.call(lambda word: word * 2, "a", timeout=60.0) == "aa"
    with pytest.raises(ZeroDivisionError):
        place.call(lambda: 1 / 0, timeout=60.0)
    with pytest.raises(PluginExit):
        place.call(leave, timeout=60.0)
    place.close()
    wait(lambda: place.ended)
    bridge.close()


@on_hub
def test_a_call_that_takes_too_long_is_given_up_and_ends_when_it_returns() -> None:
    bridge, gate = green.Bridge(), threading.Event()
    place = Place("thread", "handler:it", bridge)

    def hangs() -> None:
        gate.wait()

    where = rf"at {re.escape(__file__)}:\d+ in hangs, inside .*; stack: hangs "
    with pytest.raises(TimedOut, match=rf"within 0\.1 s, {where}"):
        place.call(hangs, timeout=0.1)
    place.abandon()
    assert not place.ended
    gate.set()
    wait(lambda: place.ended)
    bridge.close()


@on_hub
def test_a_call_that_is_given_up_while_it_spins_is_broken_off_in_its_thread(caplog: pytest.LogCaptureFixture) -> None:
    bridge = green.Bridge()
    place = Place("thread", "handler:it", bridge)

    with pytest.raises(TimedOut):
        place.call(hold, LONG, timeout=LIMIT)
    place.abandon()
    wait(lambda: place.ended)
    bridge.close()

    assert caplog.text == ""


@on_hub
def test_one_that_stalls_is_moved_and_its_next_call_is_made_in_a_thread(caplog: pytest.LogCaptureFixture) -> None:
    bridge = green.Bridge()
    place = Place("green", "handler:it", bridge, "move")
    with watched(LIMIT):
        assert place.call(thread_name) == "MainThread"
        assert not place.moved
        place.call(time.sleep, 2 * LIMIT)

        assert (place.run, place.moved) == ("thread", True)
        assert place.call(thread_name) == "handler:it"
        place.call(time.sleep, 2 * LIMIT)
    successor = place.successor()
    assert (successor.run, successor.moved) == ("thread", True)
    place.close()
    successor.close()
    bridge.close()

    assert caplog.text.count("handler:it is moved") == 1


@on_hub
def test_one_that_is_only_warned_of_stays(caplog: pytest.LogCaptureFixture) -> None:
    bridge = green.Bridge()
    place = Place("green", "handler:it", bridge, "warn")
    with watched(LIMIT):
        place.call(time.sleep, 2 * LIMIT)

    assert (place.run, place.moved, place.disabled) == ("green", False, False)
    assert "handler:it holds the event loop" in caplog.text
    bridge.close()


@on_hub
def test_one_that_does_not_return_is_broken_off_and_goes_on_in_a_thread() -> None:
    bridge = green.Bridge()
    place = Place("green", "handler:it", bridge, "move")
    with watched(LIMIT, 3 * LIMIT):
        with pytest.raises(HeldTooLong, match="it held the event loop for .* s and was broken off") as caught:
            place.call(time.sleep, LONG)
        assert not isinstance(caught.value, HeldTheLock)
        assert place.call(thread_name) == "handler:it"
    place.close()
    bridge.close()


@pytest.mark.parametrize(
    ("own", "limit", "said"), [(0.0, 0.2, True), (LONG, LONG, False), (0.15, 0.15, False)]
)
def test_one_that_was_broken_off_has_the_limit_of_the_hub_in_its_thread_unless_its_section_has_one(
    caplog: pytest.LogCaptureFixture, own: float, limit: float, said: bool
) -> None:
    @on_hub
    def body() -> None:
        bridge = green.Bridge()
        place = Place("green", "handler:it", bridge, "move", own)
        with watched(0.1, LONG):
            place.call(hold, 0.15, timeout=LONG)
        assert place.timeout == own
        place = Place("green", "handler:it", bridge, "move", own)
        with watched(0.1, 0.2), pytest.raises(HeldTooLong):
            place.call(time.sleep, LONG, timeout=place.timeout)
        assert place.timeout == place.successor().timeout == limit
        place.close()
        bridge.close()

    body()
    first, second = (record.getMessage() for record in caplog.records if "is moved" in record.getMessage())
    assert "at most" not in first
    assert ("from now on, for 0.2 s at most unless timeout in its section is another;" in second) is said


@on_hub
def test_the_timeout_of_a_section_breaks_off_on_the_hub_too() -> None:
    bridge = green.Bridge()
    place = Place("green", "handler:it", bridge)
    with watched(LONG, LONG / 2), pytest.raises(HeldTooLong):
        place.call(time.sleep, LONG / 4, timeout=LIMIT)
    bridge.close()


@on_hub
def test_one_that_holds_the_interpreters_lock_stays_and_is_disabled_when_it_does_so_again_and_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "MOST_LOCKED", 2)
    bridge = green.Bridge()
    place = Place("green", "handler:it", bridge, "move")
    with watched(LIMIT, 3 * LIMIT):
        with pytest.raises(HeldTheLock):
            place.call(re.match, r"(a+)+$", "a" * 64 + "b")
        assert place.green
        with pytest.raises(HeldTheLock):
            place.call(re.match, r"(a+)+$", "a" * 64 + "b")

        assert place.disabled
        assert place.call(thread_name) == "handler:it"
    assert (place.run, place.moved) == ("green", False)
    assert caplog.text.count("handler:it is not moved") == 1
    assert "handler:it is disabled: 2 of its calls held the interpreter's lock" in caplog.text
    assert "run = process in its section keeps it off the event loop" in caplog.text
    place.close()
    bridge.close()


@on_hub
def test_a_breath_is_taken_on_the_hub_only() -> None:
    bridge = green.Bridge()
    worker = bridge.thread("it")
    breath = calling.Breath()
    breath._since -= 1.0
    passes = green.hub().passes

    worker.call(breath)
    assert breath._since < time.perf_counter() - 0.9
    breath()
    assert breath._since > time.perf_counter() - 0.9
    assert green.hub().passes > passes
    worker.stop()
    bridge.close()
