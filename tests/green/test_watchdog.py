"""The watchdog: whoever holds the hub is named while they do, once, and broken off when it is too long."""

from __future__ import annotations

import re
import signal
import threading
import time

import pytest

from eventd import green
from eventd.green.guard import BrokenOff, guard
from tests.green.support import hold, on_hub, until, watched
from tests.support.wait import SCALE

LIMIT = 0.02
LONG = 20.0 * SCALE


def nobody(_seconds: float, _locked: bool) -> None:
    """For calls of which only the log is looked at."""


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "eventd.green.watchdog"]


def until_told(caplog: pytest.LogCaptureFixture, number: int = 1) -> None:
    """Hold the hub until something is told."""
    end = time.monotonic() + LONG
    while len(lines(caplog)) < number and time.monotonic() < end:
        time.sleep(0.001)


@on_hub
def test_a_call_is_named_while_it_holds_the_hub_and_only_once(caplog: pytest.LogCaptureFixture) -> None:
    def plugin() -> None:
        until_told(caplog)
        hold(5 * LIMIT)

    with watched(LIMIT):
        guard("handler:it", 0.0, nobody, plugin)

    [line] = lines(caplog)
    assert re.match(rf"handler:it holds the event loop, for .* s by now, at {re.escape(__file__)}:\d+ in ", line)
    assert "stack: plugin test_watchdog.py" in line


@on_hub
def test_each_stall_is_told_anew_and_who_waits_holds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def plugin() -> None:
        until_told(caplog, 1)
        green.sleep(3 * LIMIT)
        until_told(caplog, 2)

    with watched(LIMIT):
        guard("handler:it", 0.0, nobody, plugin)

    assert len(lines(caplog)) == 2


@on_hub
def test_what_is_no_plugins_is_told_by_the_name_of_its_green_thread(caplog: pytest.LogCaptureFixture) -> None:
    group = green.Group("test")
    with watched(LIMIT):
        group.spawn("culprit", until_told, caplog)
        group.stop(LONG)

    assert lines(caplog)[0].startswith("culprit holds the event loop")


@pytest.mark.parametrize("how", ["sleeps", "spins", "waits"])
def test_a_call_that_does_not_return_is_broken_off(how: str) -> None:
    def spins() -> None:
        while True:
            pass

    plugins = {"sleeps": lambda: time.sleep(LONG), "spins": spins, "waits": threading.Event().wait}
    told: list[bool] = []

    @on_hub
    def body() -> None:
        with watched(LIMIT, 0.05), pytest.raises(BrokenOff):
            guard("it", 0.0, lambda seconds, locked: told.append(locked), plugins[how])

    body()
    assert len(told) == 1


@on_hub
def test_one_that_comes_to_hold_the_lock_only_at_its_end_has_held_it() -> None:
    def plugin() -> None:
        hold(0.45)
        re.match(r"(a+)+$", "a" * 64 + "b")

    with watched(LIMIT, 0.5), pytest.raises(BrokenOff) as caught:
        guard("it", 0.0, nobody, plugin)

    assert caught.value.locked


@on_hub
def test_in_a_program_of_ones_own_nothing_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with watched(LIMIT, 0.01, breaking=False):
        assert signal.getsignal(signal.SIGALRM) == before
        guard("it", 0.0, nobody, until_told, caplog)
        assert green.hub().stall_most == 0.0

    assert len(lines(caplog)) == 1


@on_hub
def test_signals_of_the_daemon_come_through_while_it_watches() -> None:
    came = green.Signal()
    signals = green.Signals({signal.SIGUSR1: came.set})
    with watched(LIMIT, 0.05), pytest.raises(BrokenOff):
        guard("it", 0.0, nobody, lambda: (signal.raise_signal(signal.SIGUSR1), time.sleep(LONG)))
    until(came.is_set)
    signals.close()


def test_in_another_thread_than_the_main_one_it_only_tells(caplog: pytest.LogCaptureFixture) -> None:
    @on_hub
    def body() -> None:
        green.hub()
        with watched(LIMIT, 0.01):
            guard("it", 0.0, nobody, until_told, caplog)

    def whole() -> None:
        green.install()
        body()

    thread = threading.Thread(target=whole)
    thread.start()
    thread.join()
    green.install()

    assert len(lines(caplog)) == 1
