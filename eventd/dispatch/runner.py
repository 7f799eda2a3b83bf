"""Calls a plugin's code with a batch, and gathers what the call leaves behind.

One call, no second attempt: what becomes of a failure is decided in ``handling``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Any

from eventd.dispatch.calling import Place, exit_of
from eventd.dispatch.emitter import Collector
from eventd.dispatch.keys import Key
from eventd.dispatch.state import StateView
from eventd.event import Batch, Draft, Event
from eventd.green.engine import GreenletExit

__all__ = ["Behind", "Runner", "Traces", "executing"]

log = logging.getLogger(__name__)

Observe = Callable[[float], None]


class Behind(Exception):
    """Not a failure: an event that was not tried, since one before it with its key failed."""


class Traces:
    """What a call leaves behind, both kinds of it: what it emitted, and what it wrote into its state."""

    def __init__(self, collector: Collector, state: StateView) -> None:
        self._collector = collector
        self._state = state

    def open(self) -> None:
        """Begin a call."""
        self._collector.open()
        self._state.open()

    def close(self) -> list[Draft]:
        """End it; what was emitted."""
        self._state.close()
        return self._collector.close()

    def mark(self) -> tuple[int, int]:
        """A place to rewind to."""
        return self._collector.mark(), self._state.mark()

    def rewind(self, mark: tuple[int, int] = (0, 0)) -> None:
        """Take back what was left since ``mark``."""
        self._collector.rewind(mark[0])
        self._state.rewind(mark[1])


class Runner:
    """Runs batches through one plugin, and gathers what it emits.

    :param traces: where what a call leaves behind is gathered.
    :param timeout: seconds for a call; 0 is no limit. One on the hub cannot be broken off and is told.
    """

    def __init__(
        self,
        work: Callable[[Batch], None],
        place: Place,
        traces: Collector | Traces,
        observe: Observe,
        timeout: float = 0.0,
    ) -> None:
        self._work = work
        self._place = place
        self.breathe = place.breathe
        self._traces = traces
        self._observe = observe
        self._timeout = timeout

    def run(self, batch: Batch) -> list[Draft]:
        """Handle the batch; what was emitted meanwhile. What failed alone is in ``batch.failures``.

        :raises Exception: whatever the plugin raises; then nothing was left behind.
        """
        self._traces.open()
        started = time.perf_counter()
        try:
            self._place.call(self._work, batch, timeout=self._timeout)
        except BaseException:
            self._traces.rewind()
            self._traces.close()
            raise
        finally:
            self._told(time.perf_counter() - started, len(batch))
        return self._traces.close()

    def _told(self, seconds: float, events: int) -> None:
        self._observe(seconds)
        if self._timeout and self._place.green and seconds > self._timeout:
            log.warning(
                "a call with %d events held the hub for %.3g s; its timeout is %g s, but what runs green cannot be "
                "broken off: run = thread", events, seconds, self._timeout,
            )  # fmt: skip


def executing(
    execute: Callable[[Event], Any], traces: Collector | Traces, place: Place, key: Key | None = None
) -> Callable[[Batch], None]:
    """The work of an event type: ``execute`` for each event; one that fails takes back only what it left behind.

    Where order matters, those of its key that follow are not tried.
    """
    breathe = place.breathe if place.green else None

    def work(batch: Batch) -> None:
        failed: set[Hashable] = set()
        for index, event in enumerate(batch.events):
            own = key(event) if key is not None else None
            if failed and own in failed:
                batch.fail(index, Behind())
                continue
            mark: Any = traces.mark()
            try:
                execute(event)
            except GreenletExit:
                raise
            except BaseException as error:  # noqa: BLE001 - SystemExit of a plugin is a failure like any other
                traces.rewind(mark)
                batch.fail(index, error if isinstance(error, Exception) else exit_of(error))
                if key is not None:
                    failed.add(own)
            if breathe is not None:
                breathe()

    return work
