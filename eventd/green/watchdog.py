"""Watches the hub from a native thread: names who holds it, while they do.

    tick ──► wind the alarm ──► look ──► ring, where a call has held the hub for too long
      ▲                                      │
      └──────────────────────────────────────┘

While foreign C code holds the interpreter's lock there are no ticks. The alarm is then not
wound, rings by itself, and looks in the hub's own thread.
"""

from __future__ import annotations

import logging
import sys
import threading
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import NamedTuple

from eventd.green.alarm import Alarm
from eventd.green.hub import Hub
from eventd.green.stacks import Step, stack_of, told

__all__ = ["Watchdog"]

log = logging.getLogger(__name__)

#: Looks within the shorter of the two limits: one that begins right after a look is seen by the next but one.
LOOKS = 2
#: Ticks that may fail to come before the alarm rings: it does so within each stall that lets no tick happen.
PATIENCE = 2
#: Seconds of a tick, at least and at most.
SHORTEST, LONGEST = 0.01, 1.0


class Stall(NamedTuple):
    """Who holds the hub, for how many seconds, and where."""

    label: str
    seconds: float
    stack: list[Step]


class Watchdog:
    """Tells of stalls from ``start`` to ``stop``, both called in the hub's thread.

    :param most: seconds for which a guarded call may hold the hub before it is broken off; 0 is no limit.
    :param breaking: whether any call is ever broken off. It takes SIGALRM, and the hub must run in the main thread.
    """

    def __init__(self, hub: Hub, most: float = 0.0, breaking: bool = True) -> None:
        self._hub = hub
        self._most = most
        self._breaking = breaking and threading.current_thread() is threading.main_thread()
        self._tick = max(SHORTEST, min(LONGEST, hub.stall_limit / LOOKS, (most or LONGEST) / LOOKS))
        #: What the alarm heard: a queue that may be filled between any two instructions; ``None`` at the end.
        self._heard: SimpleQueue[Stall | None] = SimpleQueue()
        self._seen = 0.0
        self._alarm: Alarm | None = None
        self._thread = threading.Thread(target=self._watch, name="stalls", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        if self._breaking:
            self._hub.stall_most = self._most
            self._alarm = Alarm(self._hub, self._hear)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; nothing is broken off from now on."""
        self._heard.put(None)
        self._thread.join()
        self._hub.stall_most = 0.0
        if self._alarm is not None:
            self._alarm.close()

    def _watch(self) -> None:
        while True:
            self._look()
            try:
                stall = self._heard.get(timeout=self._tick)
            except Empty:
                continue
            if stall is None:
                return
            self._tell(stall)

    def _look(self) -> None:
        if self._alarm is not None:
            self._alarm.wind(PATIENCE * self._tick, self._tick)
            call = self._hub.calling
            if call is not None and perf_counter() >= call.due:
                self._alarm.ring()
        stall = self._found()
        if stall is not None:
            self._tell(stall._replace(stack=stack_of(sys._current_frames().get(self._hub.ident))))

    def _hear(self, stack: list[Step]) -> None:
        stall = self._found()
        if stall is not None:
            self._heard.put(stall._replace(stack=stack))

    def _found(self) -> Stall | None:
        """A stall that goes on and is not told yet."""
        call = self._hub.calling
        since, label = (self._hub.started, self._hub.current) if call is None else (call.since, call.name)
        seconds = perf_counter() - since
        if not since or seconds <= self._hub.stall_limit or since == self._seen:
            return None
        self._seen = since
        return Stall(label or "?", seconds, [])

    @staticmethod
    def _tell(stall: Stall) -> None:
        log.warning("%s holds the event loop, for %.3g s by now, %s", stall.label, stall.seconds, told(stall.stack))
