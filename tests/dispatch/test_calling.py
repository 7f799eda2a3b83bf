"""Where plugin code is called: it gets there and back, and a call that takes too long is given up."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from eventd import green
from eventd.calls.executing import PluginExit
from eventd.dispatch.calling import Place, TimedOut
from tests.dispatch.world import on_hub, wait


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
    assert place.ended
    bridge.close()


@on_hub
def test_a_call_that_takes_too_long_is_given_up_and_ends_when_it_returns() -> None:
    bridge, gate = green.Bridge(), threading.Event()
    place = Place("thread", "handler:it", bridge)

    with pytest.raises(TimedOut, match=r"within 0\.01 s"):
        place.call(gate.wait, timeout=0.01)
    place.abandon()
    assert not place.ended
    gate.set()
    wait(lambda: place.ended)
    bridge.close()


@on_hub
def test_on_the_hub_there_is_no_time_limit() -> None:
    bridge = green.Bridge()
    place = Place("green", "handler:it", bridge)
    found: list[Any] = [place.call(lambda: 1, timeout=0.001), place.ended]
    place.abandon()
    bridge.close()

    assert found == [1, True]
