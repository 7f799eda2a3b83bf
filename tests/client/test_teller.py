"""Telling the program how its connection is."""

from __future__ import annotations

import threading

from eventd.client.teller import Teller
from tests.support.wait import until


def test_states_are_told_in_order_before_the_end():
    told: list[str] = []
    teller = Teller(told.append)

    teller.tell(["connected", "disconnected"])
    teller.tell(["connected"])
    teller.close(10)

    assert told == ["connected", "disconnected", "connected"]


def test_a_fault_of_the_program_is_logged_and_the_next_state_told(caplog):
    told: list[str] = []

    def call(state: str) -> None:
        told.append(state)
        raise RuntimeError("the program's own fault")

    teller = Teller(call)
    teller.tell(["connected", "disconnected"])
    teller.close(10)

    assert len(told) == 2
    assert "the program's own fault" in caplog.text


def test_a_program_that_does_not_come_back_is_not_waited_for():
    release, called = threading.Event(), threading.Event()

    def call(state: str) -> None:
        called.set()
        release.wait()

    teller = Teller(call)
    teller.tell(["connected"])
    assert called.wait(10)

    teller.close(0.01)

    release.set()
    until(lambda: not teller._thread.is_alive(), what="the thread to end")


def test_who_is_called_may_close_it():
    tellers: list[Teller] = []
    done = threading.Event()

    def call(state: str) -> None:
        tellers[0].close(10)
        done.set()

    tellers.append(Teller(call))
    tellers[0].tell(["connected"])

    assert done.wait(5)
