"""Where a plugin's code is called: on the hub, or in a native thread of its own.

What is called there, and what becomes of what it raises, is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from eventd.calls.executing import exit_of
from eventd.green import Bridge, Signal, Worker, sleep
from eventd.green.engine import GreenletExit

__all__ = ["Breath", "Place", "TimedOut"]

#: Seconds that plugin code may hold the hub before the others have their turn.
LONGEST_HOLD = 0.005


class Breath:
    """Lets the others on the hub have their turn when this green thread has held it long enough."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Yield if it is time to."""
        if time.perf_counter() - self._since > LONGEST_HOLD:
            sleep(0)
            self._since = time.perf_counter()

    def reset(self) -> None:
        """The others have just had their turn."""
        self._since = time.perf_counter()


class TimedOut(Exception):
    """A call took too long; it still runs, in a thread that was given up."""


class Place:
    """Where a plugin's code runs: ``green`` on the hub, ``thread`` in a native thread that is its own."""

    def __init__(self, run: str, name: str, bridge: Bridge) -> None:
        self.green = run == "green"
        #: To be reset by whoever lets the others on the hub have their turn.
        self.breathe = Breath()
        self._bridge = bridge
        self._worker = bridge.thread(name) if run == "thread" else None

    @property
    def ended(self) -> bool:
        """Whether its thread has come to its end."""
        return self._worker is None or not self._worker.alive

    def call(self, function: Callable[..., Any], *args: Any, timeout: float = 0.0) -> Any:
        """Call it there; only this green thread waits.

        :param timeout: seconds for it, in a native thread; 0 is no limit.
        :raises TimedOut: when it has not returned by then. This place is of no use any more.
        :raises Exception: whatever it raises; what is no ``Exception``, as a ``PluginExit``.
        """
        try:
            if self._worker is None:
                return function(*args)
            if timeout:
                return self._call_within(timeout, self._worker, function, *args)
            return self._worker.call(function, *args)
        except (Exception, GreenletExit):
            raise
        except BaseException as error:
            raise exit_of(error) from error

    def close(self) -> None:
        """Let the native thread end, when it has finished what it does."""
        if self._worker is not None:
            self._worker.stop()

    def abandon(self) -> None:
        """Wait for nothing that still runs there."""
        if self._worker is not None:
            self._worker.stop(0.0)

    def _call_within(self, timeout: float, worker: Worker, function: Callable[..., Any], *args: Any) -> Any:
        call = _Call(function, args)
        worker.submit(call.run, self._bridge.post)
        if not call.over.wait(timeout):
            raise TimedOut(f"it did not return within {timeout:g} s")
        if call.error is not None:
            raise call.error
        return call.value


class _Call:
    """A call in a native thread that nobody may be waiting for when it returns."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self.over = Signal()
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self, post: Callable[..., object]) -> None:
        try:
            self.value = self._function(*self._args)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self.error = error
        post(self.over.set)
