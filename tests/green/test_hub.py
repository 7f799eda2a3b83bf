from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventd import green
from eventd.green.hub import SWITCH_INTERVAL
from eventd.green.turns import SHORT_TURN, TURN
from tests.green.support import hold, on_hub, pair, until


def test_there_is_one_hub():
    assert green.install() is green.install() is green.hub()
    # Who set it back to what it was has cut off a microsecond.
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL, rel=0.05)


def in_a_thread(function: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(function).result()


def test_another_thread_may_have_it_when_it_stands_still():
    mine = green.install()

    def elsewhere() -> tuple[green.Hub, str]:
        made = green.install()
        return made, green.run(green.current_name)

    theirs, name = in_a_thread(elsewhere)
    assert theirs is green.hub() is not mine
    assert name == "main"

    assert green.install() is green.hub() is mine
    assert green.run(green.current_name) == "main"


@on_hub
def test_no_other_thread_may_have_it_while_it_runs():
    mine = green.hub()
    with pytest.raises(RuntimeError, match="runs in another thread"):
        in_a_thread(green.install)

    assert green.hub() is mine


@on_hub
def test_a_callback_that_would_wait_is_told_so(caplog):
    green.hub().call_soon(lambda: green.sleep(1))
    until(lambda: "may not wait" in caplog.text)


@on_hub
def test_a_number_that_was_closed_behind_its_watch_does_not_reach_the_new_owner(caplog):
    old, peer = pair()
    group = green.Group("test")
    got: list[bytes] = []
    group.spawn("old", lambda: got.append(old.recv()))
    green.sleep(0)
    fd = old.fileno()
    old._socket.close()
    # The lowest free number is given out first.
    assert os.eventfd(0, os.EFD_NONBLOCK) == fd
    calls: list[int] = []
    watch = green.hub().watch(fd, calls.append)
    # The one who waited is woken with the end, and is told of the mistake in the log.
    until(lambda: got == [b""])
    os.eventfd_write(fd, 1)
    until(lambda: calls)

    assert "closed without its watch" in caplog.text
    watch.close()
    os.close(fd)
    peer.close()


@on_hub
def test_a_busy_hub_leaves_native_threads_their_share():
    """At the default interval a native thread needed minutes for what here takes a moment."""
    steps = 0
    done = threading.Event()

    def native() -> None:
        nonlocal steps
        for _ in range(50):
            # Each step lets the lock go and asks for it again.
            os.stat("/")
            steps += 1
        done.set()

    threading.Thread(target=native, daemon=True).start()
    slices = 0
    while not done.is_set():
        hold(0.002)
        green.sleep(0)
        slices += 1
        assert slices < 500, f"{steps} steps in a second"


@on_hub
def test_it_knows_what_runs_now():
    hub = green.hub()
    seen: list[tuple[str | None, float]] = []
    watcher = threading.Thread(target=lambda: seen.append((hub.current, hub.started)))

    def busy() -> None:
        watcher.start()
        watcher.join()

    hub.call_soon(busy)
    until(lambda: seen)
    label, started = seen[0]

    assert label is not None
    assert label.endswith("busy")
    assert 0 < started <= hub.now


def test_nobody_waits_outside_of_run():
    with pytest.raises(RuntimeError, match="the hub does not run"):
        green.sleep(0.001)
    with pytest.raises(RuntimeError, match="runs already"):
        green.run(lambda: green.run(print))


@on_hub
def test_it_counts_its_work():
    hub = green.hub()
    passes, busy = hub.passes, hub.busy
    hub.forget_slowest()
    hold(0.01)
    green.sleep(0)
    green.sleep(0)

    assert hub.passes > passes
    assert hub.busy - busy >= 0.01
    assert hub.slowest[1] >= 0.01


@on_hub
def test_a_posted_callback_that_stalls_is_told_once_and_by_its_own_name():
    hub, bridge = green.hub(), green.Bridge("stalls")
    told: list[str] = []
    hub.stall_limit = 0.02
    hub.on_stall = lambda label, seconds: told.append(label)

    def slow() -> None:
        hold(0.03)

    try:
        bridge.post(slow)
        green.sleep(0.005)
        green.sleep(0.005)
    finally:
        hub.on_stall, hub.stall_limit = None, 0.1

    assert [label.rpartition(".")[2] for label in told] == ["slow"]
    bridge.close()


@on_hub
def test_a_turn_is_short_while_others_are_about():
    hub = green.hub()
    hub.turns.met = hub.now - 1.0
    assert hub.turn == TURN
    hub.turns.met = hub.now
    assert hub.turn == SHORT_TURN
