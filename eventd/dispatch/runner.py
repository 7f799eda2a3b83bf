"""Calls a plugin's code with a batch: on the hub or in a native thread of its own.

One call, no second attempt: what becomes of a failure is decided in ``handling``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from eventd.dispatch.emitter import Collector
from eventd.event import Batch, Draft, Event
from eventd.green import Bridge, sleep
from eventd.green.engine import GreenletExit

__all__ = ["Breath", "Place", "PluginExit", "Runner", "executing"]

#: Seconds that plugin code may hold the hub before the others have their turn.
LONGEST_HOLD = 0.005

Observe = Callable[[float], None]


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


class PluginExit(Exception):
    """A plugin raised what is meant to end a program or a task: it ends its own call only."""


class Place:
    """Where a plugin's code runs: ``green`` on the hub, ``thread`` in a native thread that is its own."""

    def __init__(self, run: str, name: str, bridge: Bridge) -> None:
        self.green = run == "green"
        #: To be reset by whoever lets the others on the hub have their turn.
        self.breathe = Breath()
        self._worker = None if self.green else bridge.thread(name)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call it there; only this green thread waits.

        :raises Exception: whatever it raises; what is no ``Exception``, as a ``PluginExit``.
        """
        try:
            if self._worker is None:
                return function(*args)
            return self._worker.call(function, *args)
        except (Exception, GreenletExit):
            raise
        except BaseException as error:
            raise _exit(error) from error

    def close(self) -> None:
        """Let the native thread end, when it has finished what it does."""
        if self._worker is not None:
            self._worker.stop()


class Runner:
    """Runs batches through one plugin, and gathers what it emits."""

    def __init__(self, work: Callable[[Batch], None], place: Place, collector: Collector, observe: Observe) -> None:
        self._work = work
        self._place = place
        self.breathe = place.breathe
        self._collector = collector
        self._observe = observe

    def run(self, batch: Batch) -> list[Draft]:
        """Handle the batch; what was emitted meanwhile. What failed alone is in ``batch.failures``.

        :raises Exception: whatever the plugin raises; then nothing was emitted.
        """
        self._collector.open()
        started = time.perf_counter()
        try:
            self._place.call(self._work, batch)
        except BaseException:
            self._collector.close()
            raise
        finally:
            self._observe(time.perf_counter() - started)
        return self._collector.close()


def executing(execute: Callable[[Event], Any], collector: Collector, place: Place) -> Callable[[Batch], None]:
    """The work of an event type: ``execute`` for each event; one that fails takes back only what it emitted."""
    breathe = place.breathe if place.green else None

    def work(batch: Batch) -> None:
        for index, event in enumerate(batch.events):
            mark = collector.mark()
            try:
                execute(event)
            except GreenletExit:
                raise
            except BaseException as error:  # noqa: BLE001 - SystemExit of a plugin is a failure like any other
                collector.rewind(mark)
                batch.fail(index, error if isinstance(error, Exception) else _exit(error))
            if breathe is not None:
                breathe()

    return work


def _exit(error: BaseException) -> PluginExit:
    told = PluginExit(f"it raised {type(error).__name__}({error})")
    told.__cause__ = error
    return told
