"""Calls a plugin's code with a batch, and gathers what the call leaves behind.

One call, no second attempt: what becomes of a failure is decided in ``handling``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from eventd.calls.traces import Traces
from eventd.dispatch.calling import Breath, Place, TimedOut
from eventd.event import Batch, Draft

__all__ = ["Calls", "Runner"]

Observe = Callable[[float], None]


class Calls(Protocol):
    """Where a plugin is called with batches: in the daemon, or in workers."""

    @property
    def breathe(self) -> Breath:
        """Lets others on the hub have their turn."""

    @property
    def whole(self) -> bool:
        """Whether all that it needs to be called runs."""

    def run(self, batch: Batch) -> list[Draft]:
        """Handle the batch; what was emitted. What failed alone is in ``batch.failures``."""


class Runner:
    """Runs batches through one plugin, and gathers what it emits.

    :param traces: where what a call leaves behind is gathered.
    """

    def __init__(
        self,
        work: Callable[[Batch], None],
        place: Place,
        traces: Traces,
        observe: Observe,
    ) -> None:
        self._work = work
        self._place = place
        self.breathe = place.breathe
        self._traces = traces
        self._observe = observe

    @property
    def whole(self) -> bool:
        """Always: it runs in the daemon."""
        return True

    def run(self, batch: Batch) -> list[Draft]:
        """Handle the batch; what was emitted meanwhile. What failed alone is in ``batch.failures``.

        :raises TimedOut: when it was given up; then whoever goes on takes back what it left behind.
        :raises Exception: whatever the plugin raises; then nothing was left behind.
        """
        self._traces.open()
        started = time.perf_counter()
        try:
            self._place.call(self._work, batch, timeout=self._place.timeout)
        except TimedOut:
            # It still runs, and may have the state's lock.
            raise
        except Exception:
            self._traces.rewind()
            self._traces.close()
            raise
        finally:
            self._observe(time.perf_counter() - started)
        return self._traces.close()

