"""The alarm: it rings by itself or when it is told to, and breaks off what has held the hub for too long."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from eventd import green
from eventd.green.alarm import MOST_WRITTEN, Alarm
from eventd.green.guard import BrokenOff, guard
from eventd.green.stacks import Step
from tests.green.support import hold, on_hub
from tests.support.wait import SCALE, until

#: Seconds that would be a hang, were they waited for.
LONG = 20.0 * SCALE


@contextmanager
def alarmed() -> Iterator[tuple[Alarm, list[list[Step]]]]:
    heard: list[list[Step]] = []
    alarm = Alarm(green.hub(), heard.append)
    try:
        yield alarm, heard
    finally:
        alarm.close()


def held(within: float, function: Any) -> list[bool]:
    """Whether the call held the interpreter's lock, told each time."""
    told: list[bool] = []
    guard("it", within, lambda seconds, locked: told.append(locked), function)
    return told


@on_hub
def test_it_rings_again_and_again_with_the_stack_unless_it_is_wound() -> None:
    with alarmed() as (alarm, heard):
        alarm.wind(0.01, 0.01)
        until = time.monotonic() + LONG
        while len(heard) < 3 and time.monotonic() < until:
            pass
        alarm.wind(0.0, 0.0)

    assert len(heard) >= 3
    assert all(stack[-1].file == __file__ for stack in heard)


@on_hub
def test_a_regular_expression_is_broken_off_within_its_call_and_has_held_the_lock() -> None:
    with alarmed() as (alarm, heard):
        alarm.wind(0.02, 0.01)
        with pytest.raises(BrokenOff) as caught:
            guard("it", 0.05, lambda seconds, locked: None, lambda: re.match(r"(a+)+$", "a" * 64 + "b"))

    assert caught.value.locked
    assert [step.function for step in heard[0]][-1] == "match"


@on_hub
def test_one_that_was_rung_for_by_another_thread_has_not_held_the_lock() -> None:
    bridge = green.Bridge()
    ringer = bridge.thread("ringer")
    with alarmed() as (alarm, _heard):

        def sleeps() -> None:
            ringer.submit(lambda: (time.sleep(0.05), alarm.ring()))
            time.sleep(LONG)

        with pytest.raises(BrokenOff) as caught:
            guard("it", 0.01, lambda seconds, locked: None, sleeps)
    ringer.stop()
    bridge.close()

    assert not caught.value.locked
    assert str(caught.value).endswith("s and was broken off")


@on_hub
def test_one_that_was_rung_for_just_when_the_alarm_rang_by_itself_has_not_held_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kill = signal.pthread_kill
    bridge = green.Bridge()
    ringer = bridge.thread("ringer")

    def twice(ident: int, number: int) -> None:
        kill(ident, number)
        until(lambda: heard, what="the first ring")
        kill(ident, number)

    def rung() -> bool:
        ringer.submit(alarm.ring)
        _rings(heard, 2)
        return _locked()

    with alarmed() as (alarm, heard):
        monkeypatch.setattr(signal, "pthread_kill", twice)
        alarm.wind(LONG, LONG)
        assert guard("it", 0.0, lambda seconds, locked: None, rung) is False
    ringer.stop()
    bridge.close()

    assert len(heard) == 2


@pytest.mark.parametrize("wound", [False, True])
def test_one_that_lets_nobody_wind_the_alarm_in_time_has_held_the_lock_however_late_the_ring_is_heard(
    wound: bool,
) -> None:
    def deaf(alarm: Alarm, heard: list[Any]) -> bool:
        alarm.wind(0.01, LONG)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        alarm.ring()
        hold(0.02)
        if wound:
            # As another thread does that is let in where the signal is heard.
            alarm.wind(LONG, LONG)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _rings(heard, 1)
        return _locked()

    @on_hub
    def body() -> None:
        with alarmed() as (alarm, heard):
            assert guard("it", 0.0, lambda seconds, locked: None, deaf, alarm, heard) is True

    body()


@on_hub
def test_one_that_begins_after_the_alarm_was_to_be_wound_is_not_blamed_for_it() -> None:
    with alarmed() as (alarm, _heard):
        alarm.wind(0.0, 0.0)
        hold(0.001)
        assert guard("it", 0.0, lambda seconds, locked: None, lambda: (alarm.wind(LONG, LONG), _locked())[1]) is False


@on_hub
def test_one_that_the_others_are_late_for_once_has_not_held_the_lock() -> None:
    def spins() -> None:
        alarm.wind(0.01, LONG)
        _rings(heard, 1)
        alarm.wind(LONG, LONG)
        hold(0.1 + 2 * (time.perf_counter() - began))
        alarm.wind(LONG, LONG)
        signal.raise_signal(signal.SIGALRM)

    with alarmed() as (alarm, heard), pytest.raises(BrokenOff) as caught:
        began = time.perf_counter()
        guard("it", 0.1, lambda seconds, locked: None, spins)

    assert not caught.value.locked


@pytest.mark.parametrize("late", [True, False])
def test_one_is_not_broken_off_before_it_is_certain_whether_the_others_are_only_late(late: bool) -> None:
    def spins(alarm: Alarm, heard: list[Any]) -> None:
        alarm.wind(LONG, LONG)
        hold(0.2)
        alarm.wind(0.001, 0.005)
        _rings(heard, 2)
        if late:
            alarm.wind(LONG, LONG)
            signal.raise_signal(signal.SIGALRM)
            alarm.wind(LONG, LONG)
            signal.raise_signal(signal.SIGALRM)
        hold(LONG)

    @on_hub
    def body() -> None:
        with alarmed() as (alarm, heard), pytest.raises(BrokenOff) as caught:
            guard("it", 0.1, lambda seconds, locked: None, spins, alarm, heard)
        assert caught.value.locked is not late
        assert len(heard) > 2

    body()


@on_hub
def test_code_that_catches_it_is_broken_off_once_more() -> None:
    caught: list[BaseException] = []

    def stubborn() -> None:
        while True:
            try:
                time.sleep(LONG)
            except BaseException as error:
                caught.append(error)
                if len(caught) > 1:
                    raise

    with alarmed() as (alarm, _heard), pytest.raises(BrokenOff):
        alarm.wind(0.01, 0.01)
        guard("it", 0.01, lambda seconds, locked: None, stubborn)

    assert len(caught) == 2


@on_hub
def test_nobody_is_broken_off_who_has_time_or_is_not_guarded() -> None:
    with alarmed() as (alarm, heard):
        alarm.wind(0.01, 0.01)
        told = held(LONG, lambda: _rings(heard, 2))
        _rings(heard, 4)

    assert told == []


@on_hub
def test_what_nobody_reads_is_bounded_and_the_next_stack_is_read_all_the_same() -> None:
    with alarmed() as (alarm, heard):
        deaf, alarm._written = alarm._written, list  # type: ignore[method-assign]  # as when the lock is never given back
        while not heard or _position(alarm) < MOST_WRITTEN // 2:
            alarm.ring()
        for _ in range(1000):
            alarm.ring()
        assert _position(alarm) <= MOST_WRITTEN
        alarm._written = deaf  # type: ignore[method-assign]
        alarm.ring()
        alarm.ring()

    assert heard[-1][-1].file == __file__


def test_it_gives_signal_and_timer_back() -> None:
    before, timer = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 2 * LONG)
    try:
        with alarmed() as (alarm, _heard):
            assert signal.getsignal(signal.SIGALRM) != before
            alarm.wind(LONG, LONG)

        assert signal.getsignal(signal.SIGALRM) == before
        assert signal.getitimer(signal.ITIMER_REAL)[0] > LONG
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _locked() -> bool:
    """Whether the call that runs now is taken for one that holds the interpreter's lock."""
    call = green.hub().calling
    assert call is not None
    return call.locked(time.perf_counter())


def _rings(heard: list[Any], number: int) -> None:
    until = time.monotonic() + LONG
    while len(heard) < number and time.monotonic() < until:
        pass


def _position(alarm: Alarm) -> int:
    return os.lseek(alarm._file, 0, os.SEEK_CUR)
