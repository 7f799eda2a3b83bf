from __future__ import annotations

import os
import signal
import threading
import time

from eventd import green
from tests.green.support import on_hub, until


@on_hub
def test_a_signal_wakes_a_sleeping_hub_and_runs_in_a_green_thread():
    """Without the wake-up descriptor it would wait for the next timer, up to a minute."""
    group = green.Group("test")
    came: list[tuple[str, float]] = []

    def act() -> None:
        green.sleep(0)
        came.append((green.current_name(), time.monotonic()))
        woken.set()

    woken = green.Signal()
    signals = green.Signals({signal.SIGUSR1: act}, group)
    sent: list[float] = []
    timer = threading.Timer(0.02, lambda: (sent.append(time.monotonic()), os.kill(os.getpid(), signal.SIGUSR1)))
    timer.start()
    assert woken.wait(5)
    signals.close()
    timer.join()

    assert came[0][0] == "SIGUSR1"
    assert came[0][1] - sent[0] < 1.0


@on_hub
def test_each_kind_has_its_action_and_an_action_that_dies_is_only_logged(caplog):
    came: list[str] = []
    signals = green.Signals({signal.SIGUSR1: lambda: exit(1), signal.SIGUSR2: lambda: came.append("two")})
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR2)
    until(lambda: came == ["two"])
    until(lambda: "SIGUSR1 died" in caplog.text)
    signals.close()


@on_hub
def test_closing_gives_the_signals_back():
    before = signal.getsignal(signal.SIGUSR1)
    signals = green.Signals({signal.SIGUSR1: print})
    assert signal.getsignal(signal.SIGUSR1) is not before
    signals.close()

    assert signal.getsignal(signal.SIGUSR1) is before
    assert signal.set_wakeup_fd(-1) == -1
