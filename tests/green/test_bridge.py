from __future__ import annotations

import functools
import gc
import threading
import time
import weakref

import pytest

from eventd import green
from eventd.green import BrokenOff, breaking
from eventd.green.guard import foreign
from tests.green.support import hold, on_hub, until


@pytest.fixture
def bridge():
    made = green.run(green.Bridge)
    yield made
    green.run(made.close)


@on_hub
def test_a_call_runs_in_a_named_native_thread_and_only_the_caller_waits(bridge):
    ticks = 0
    going = threading.Event()

    def work(number: int) -> tuple[int, str]:
        going.wait(5)
        return number + 1, threading.current_thread().name

    def tick() -> None:
        nonlocal ticks
        while ticks < 20:
            ticks += 1
            green.sleep(0)
        going.set()

    green.Group("test").spawn("tick", tick)
    assert bridge.call(work, 41) == (42, "eventd-pool-0")
    assert ticks == 20


@on_hub
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_is_raised_travels_and_the_thread_lives_on(bridge, error):
    def raises() -> None:
        raise error("no")

    worker = bridge.thread("mine")
    for call in (bridge.call, worker.call):
        with pytest.raises(error):
            call(raises)
        assert call(threading.get_ident) != threading.get_ident()
    assert worker.alive
    assert worker.stop(5)


@on_hub
def test_the_pool_grows_to_its_bound(bridge):
    gate, names = threading.Event(), set()
    group = green.Group("test")

    def work() -> str:
        gate.wait(5)
        return threading.current_thread().name

    for _ in range(12):
        group.spawn("caller", lambda: names.add(bridge.call(work)))
    green.sleep(0.01)
    gate.set()
    assert group.stop(5)
    assert names <= {f"eventd-pool-{number}" for number in range(4)}
    assert len(bridge._threads) == 4


@on_hub
def test_a_post_wakes_a_sleeping_hub_at_once_and_in_order(bridge):
    got: list[int] = []
    seen = green.Signal()

    def native() -> None:
        for number in range(1000):
            bridge.post(got.append, number)
        bridge.post(seen.set)

    threading.Thread(target=native, daemon=True).start()
    began = time.monotonic()
    assert seen.wait(5)
    assert time.monotonic() - began < 1
    assert got == list(range(1000))


@on_hub
def test_posts_of_many_threads_are_all_run(bridge):
    got: list[int] = []

    def native() -> None:
        for number in range(2000):
            bridge.post(got.append, number)

    threads = [threading.Thread(target=native, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(got) == 8000)


@on_hub
def test_a_thread_in_a_hurry_does_not_hold_the_hub(bridge):
    done = [0]

    def again() -> None:
        done[0] += 1
        if done[0] < 20_000:
            bridge.post(again)

    for _ in range(3000):
        bridge.post(again)
    turns = 0
    while done[0] < 20_000:
        green.sleep(0)
        turns += 1

    assert turns >= 10


@on_hub
def test_a_posted_function_that_raises_does_not_stop_the_others(bridge, caplog):
    got: list[int] = []
    bridge.post(lambda: exit(3))
    bridge.post(got.append, 1)
    until(lambda: got == [1])

    assert "failed" in caplog.text


@on_hub
def test_a_killed_caller_breaks_nothing(bridge):
    gate = threading.Event()
    group = green.Group("test")
    caller = group.spawn("caller", bridge.call, gate.wait, 5)
    green.sleep(0.005)
    caller.kill()
    until(lambda: caller.dead)
    gate.set()

    assert bridge.call(lambda: "next") == "next"
    assert bridge._busy == 0


@on_hub
def test_a_worker_does_one_thing_after_the_other_and_its_last_before_it_ends(bridge, caplog):
    worker, done = bridge.thread("journal"), []
    worker.submit(lambda: 1 / 0)
    for number in range(10):
        worker.submit(done.append, number)

    assert worker.name == "journal"
    assert worker.ident is not None
    assert worker.stop(5) is True
    assert worker.stop(5) is True
    assert done == list(range(10))
    assert "journal: " in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert worker.queued == 0
    for call in (worker.call, worker.submit):
        with pytest.raises(RuntimeError, match="journal is stopping"):
            call(print)


@on_hub
def test_a_worker_that_hangs_is_given_up(bridge):
    worker, gate = bridge.thread("hangs"), threading.Event()
    worker.submit(gate.wait, 5)
    assert worker.stop(0.01) is False
    gate.set()
    assert worker.stop(5) is True


def spin(*, heed: int = 1) -> None:
    """Spin until it is broken off so often."""
    while heed:
        try:
            hold(60.0)
        except BrokenOff:
            heed -= 1


@on_hub
@pytest.mark.parametrize("heed", [1, 3])
def test_foreign_code_that_spins_in_a_worker_is_broken_off_until_it_ends(bridge, caplog, monkeypatch, heed):
    monkeypatch.setattr(green.bridge, "LAST_WORDS", 0.01)
    worker = bridge.thread("spins")
    worker.submit(foreign, functools.partial(spin, heed=heed), ())
    worker.abandon()
    until(lambda: not worker.alive)

    assert caplog.text == ""


@on_hub
def test_a_worker_that_is_broken_off_when_its_work_was_over_ends_quietly(bridge, caplog):
    worker = bridge.thread("late")
    breaking._raise_in(worker.ident, BrokenOff)
    worker.submit(print)
    until(lambda: not worker.alive)

    assert worker.stop(5) is True
    assert caplog.text == ""


@on_hub
def test_nothing_is_posted_to_a_closed_bridge():
    bridge = green.Bridge("closed")
    bridge.call(int)
    bridge.close()
    bridge.post(print)


@on_hub
def test_an_error_does_not_keep_the_callers_frame_alive(bridge):
    class Thing:
        pass

    def fail() -> None:
        raise ValueError("no")

    def caller() -> weakref.ref[Thing]:
        thing = Thing()
        with pytest.raises(ValueError, match="no"):
            bridge.call(fail)
        return weakref.ref(thing)

    gone = caller()
    gc.collect()
    assert gone() is None
