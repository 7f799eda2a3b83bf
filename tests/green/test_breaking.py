"""Breaking off foreign code in another native thread: where it spins, and nowhere else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from eventd.green import breaking
from eventd.green.breaking import break_off
from eventd.green.guard import BrokenOff, foreign
from eventd.green.stacks import breakable
from eventd.green.stall import label_of
from tests.support.wait import SCALE, until

#: Seconds that nothing here lasts.
LONG = 20.0 * SCALE


class Running:
    """A thread that calls foreign code, and what that raised."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    @property
    def ident(self) -> int:
        assert self._thread.ident is not None
        return self._thread.ident

    def join(self) -> None:
        self._thread.join(LONG)
        assert not self._thread.is_alive()

    def _run(self, function: Callable[[], Any]) -> None:
        try:
            foreign(function, ())
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.raised = error


@contextmanager
def stopped(at: Callable[[threading.Event, threading.Event], Any]) -> Iterator[Running]:
    """A thread that waits where ``at`` does: it sets the first event there, and waits for the second."""
    there, gate = threading.Event(), threading.Event()
    running = Running(lambda: at(there, gate))
    assert there.wait(LONG)
    yield running
    gate.set()
    running.join()


def test_plain_python_that_spins_is_broken_off() -> None:
    def spins() -> None:
        begun.set()
        number = 0
        while True:
            number += len(str(number))

    begun = threading.Event()
    running = Running(spins)
    begun.wait(LONG)
    until(lambda: break_off(running.ident))
    running.join()

    assert isinstance(running.raised, BrokenOff)
    assert str(running.raised) == "it took too long and was broken off"


def test_what_waits_in_a_function_of_c_is_broken_off_when_that_returns() -> None:
    def waits(there: threading.Event, gate: threading.Event) -> None:
        there.set()
        gate.wait(LONG)

    with stopped(waits) as running:
        assert break_off(running.ident)
        assert running.raised is None

    assert isinstance(running.raised, BrokenOff)


def test_code_of_ours_that_foreign_code_has_called_is_done_to_its_end() -> None:
    class Asked:
        def __init__(self, there: threading.Event, gate: threading.Event) -> None:
            self.there, self.gate = there, gate

        @property
        def label(self) -> str:
            self.there.set()
            self.gate.wait(LONG)
            return "asked"

    with stopped(lambda there, gate: label_of(Asked(there, gate))) as running:
        assert not break_off(running.ident)

    assert running.raised is None


def test_a_logger_is_not_broken_off() -> None:
    def logs(there: threading.Event, gate: threading.Event) -> None:
        class Waits(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                there.set()
                gate.wait(LONG)

        Waits().handle(logging.makeLogRecord({}))

    with stopped(logs) as running:
        assert not break_off(running.ident)

    assert running.raised is None


def test_a_thread_that_is_not_there_is_left_alone() -> None:
    assert not break_off(1)
    assert not break_off(threading.get_ident())


def test_one_that_runs_on_while_it_is_looked_at_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    logging_, go_on = threading.Event(), threading.Event()

    class Waits(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logging_.set()
            go_on.wait(LONG)

    def logs(there: threading.Event, gate: threading.Event) -> None:
        there.set()
        gate.wait(LONG)
        Waits().handle(logging.makeLogRecord({}))

    def slowly(frame: FrameType | None) -> bool:
        found = breakable(frame)
        gate.set()
        assert logging_.wait(LONG)
        return found

    there, gate = threading.Event(), threading.Event()
    running = Running(lambda: logs(there, gate))
    assert there.wait(LONG)
    monkeypatch.setattr(breaking, "breakable", slowly)
    assert not break_off(running.ident)
    go_on.set()
    running.join()

    assert running.raised is None
