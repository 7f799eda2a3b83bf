"""Tells the program how its connection is, in a thread of its own: what is called may wait for the client."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from queue import SimpleQueue

from eventd.client.options import StateCall

__all__ = ["Teller"]

log = logging.getLogger("eventd.client")


class Teller:
    """Calls ``call`` with each state, one after the other."""

    def __init__(self, call: StateCall) -> None:
        self._call = call
        self._states: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="eventd-client-state", daemon=True)
        self._thread.start()

    def tell(self, states: Iterable[str]) -> None:
        """Have these told."""
        for state in states:
            self._states.put(state)

    def close(self, timeout: float) -> None:
        """Tell what is left, for ``timeout`` seconds at most; the caller may be who is called."""
        self._states.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while (state := self._states.get()) is not None:
            try:
                self._call(state)
            except Exception:
                log.exception("on_state")
