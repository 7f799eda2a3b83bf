from __future__ import annotations

import os
import signal
import threading

import pytest

from eventd import green
from tests.green.support import hold, on_hub, pair, until


@on_hub
def test_a_callback_that_raises_is_told_and_closed_and_the_others_go_on(caplog):
    first, second = os.eventfd(1, os.EFD_NONBLOCK), os.eventfd(1, os.EFD_NONBLOCK)
    calls: list[str] = []

    def bad(_events: int) -> None:
        calls.append("bad")
        raise ZeroDivisionError("of mine")

    watches = [
        green.hub().watch(first, bad, label="the bad one"),
        green.hub().watch(second, lambda events: calls.append("good")),
    ]
    until(lambda: calls.count("good") > 3)

    assert calls.count("bad") == 1
    assert watches[0].closed
    assert "the bad one" in caplog.text
    assert "of mine" in caplog.text
    watches[1].close()
    os.close(first)
    os.close(second)


@on_hub
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, RuntimeError])
def test_nothing_that_a_callback_raises_ends_the_loop(error, caplog):
    def raises() -> None:
        raise error("no")

    fd = os.eventfd(1, os.EFD_NONBLOCK)
    green.hub().call_soon(raises)
    green.hub().call_later(0, raises)
    watch = green.hub().watch(fd, lambda events: raises())
    until(lambda: watch.closed and caplog.text.count(" failed") >= 3)
    os.close(fd)


@on_hub
def test_what_came_before_a_deadline_is_read_before_the_deadline_is_told():
    """Eventlet fires timers first: after a stall, data that came in time looked late."""
    stream, peer = pair()
    order: list[str] = []
    group = green.Group("test")

    def read() -> None:
        stream.recv()
        order.append("data")

    group.spawn("reader", read)
    green.sleep(0)
    green.hub().call_later(0.01, lambda: order.append("deadline"))
    peer.send(b"in time")
    hold(0.03)
    until(lambda: len(order) == 2)

    assert order == ["data", "deadline"]
    stream.close()
    peer.close()


@on_hub
def test_call_soon_runs_in_order_and_lets_io_in_between():
    stream, peer = pair()
    group = green.Group("test")
    seen: list[bytes] = []
    group.spawn("reader", lambda: seen.append(stream.recv()))
    turns = 0

    def again() -> None:
        nonlocal turns
        turns += 1
        if turns == 3:
            peer.send(b"x")
        if not seen:
            green.hub().call_soon(again)

    again()
    until(lambda: seen)

    assert turns < 100
    stream.close()
    peer.close()


def test_an_interrupt_while_it_sleeps_reaches_the_caller_and_it_runs_again():
    def press() -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        green.sleep(5)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            green.run(press)
    finally:
        signal.signal(signal.SIGINT, before)

    assert green.run(lambda: "again") == "again"
    assert green.hub().started == 0.0


def test_what_an_interrupted_run_left_does_not_end_the_next_one():
    def press() -> None:
        threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        green.sleep(0.05)
        left.append(1)

    left: list[int] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            green.run(press)
    finally:
        signal.signal(signal.SIGINT, before)

    def main() -> str:
        until(lambda: left)
        green.sleep(0.005)
        return "to the end"

    assert green.run(main) == "to the end"


@on_hub
def test_code_that_uses_eventlet_itself_still_runs():
    """A library may bring its own green sockets; its listeners live beside our watches."""
    from eventlet.green import socket as green_socket

    ours, theirs = green_socket.socketpair()
    group = green.Group("test")
    got: list[bytes] = []
    group.spawn("reader", lambda: got.append(ours.recv(10)))
    green.sleep(0)
    theirs.send(b"x")
    until(lambda: got == [b"x"])
    ours.close()
    theirs.close()


def test_a_timer_that_is_farther_away_than_a_poll_can_wait_does_no_harm() -> None:
    def main() -> None:
        timer = green.hub().call_later(1e9, lambda: None)
        thread = threading.Timer(0.01, bridge.post, (woken.set,))
        thread.start()
        woken.wait()
        timer.cancel()

    green.install()
    bridge, woken = green.Bridge(), green.Signal()
    green.run(main)
    bridge.close()
