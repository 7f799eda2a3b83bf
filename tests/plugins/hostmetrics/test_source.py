from __future__ import annotations

import logging

import pytest

from eventd_hostmetrics import Cpu, HostMetrics
from tests.support.plugins import CountingStop, KeepingEmitter

log = logging.getLogger("eventd.source.hostmetrics")


def run(beats, emit=None, **keys):
    stop, emit = CountingStop(after=beats), emit or KeepingEmitter()
    HostMetrics(HostMetrics.Config(**keys), log, stop).run(emit)
    return stop, emit


def test_it_emits_all_readings_of_a_beat_together_until_told_to_stop():
    _, emit = run(3)

    assert len(emit.calls) == 3
    assert all(sum(isinstance(event, Cpu) for event in call) == 1 for call in emit.calls)


def test_it_keeps_the_beat_whatever_a_reading_costs():
    stop, _ = run(1, interval=50.0)

    assert 49.0 < stop.waits[0] <= 50.0
    # The stop did not wait: the second beat is two intervals from the start.
    assert 99.0 < stop.waits[1] <= 100.0


def test_beats_that_were_missed_are_left_out(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("eventd_hostmetrics.source.time.monotonic", lambda: now[0])

    class Slow(KeepingEmitter):
        def emit(self, *events):
            super().emit(*events)
            now[0] += 35.0

    stop, _ = run(2, Slow(), interval=10.0)

    # Begun at 1000, next at 1010 (told at once); at 1035 the beats of 1020 and 1030 are over.
    assert stop.waits[:2] == [10.0, 5.0]


def test_an_emitter_that_raises_ends_the_run():
    class Full(KeepingEmitter):
        def emit(self, *events):
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        run(1, Full())


@pytest.mark.parametrize("interval", [0.0, -1.0, 0.05, float("nan")])
def test_an_interval_that_makes_no_sense_is_refused(interval):
    with pytest.raises(ValueError, match="interval"):
        HostMetrics.Config(interval=interval)
