"""One pass of the loop after the other: poll, call what is ready, fire timers, call what was queued.

Timers fire that were due *when it polled*: data that the kernel had in time is read before a
deadline is told, however long the pass before took. Eventlet's own loop has it the other way round.

A callback that raises is logged and, if it is a watch, closed; nothing that it raises ends
the loop or reaches the main greenlet. Each callback is timed for the stall clock. What may
be asked of the loop is in ``hub.py``.
"""

from __future__ import annotations

import heapq
import logging
import select
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from eventd.green.engine import EngineHub, getcurrent
from eventd.green.stall import StallClock, label_of
from eventd.green.turns import Turns
from eventd.green.watch import READABLE, WRITABLE, Watch

if TYPE_CHECKING:
    from eventd.green.guard import Guarded

__all__ = ["Loop"]

log = logging.getLogger(__name__)

#: Descriptors taken from one poll: the rest is told by the next one.
MOST_READY = 1024

#: Seconds that the loop sleeps at most; nothing depends on it, and a poll cannot wait for longer than some weeks.
IDLE = 60.0


class Loop(EngineHub):
    """Eventlet's hub, run by our own rules."""

    def __init__(self) -> None:
        # perf_counter and monotonic are the same clock on Linux.
        super().__init__(clock=perf_counter)
        self.watches: dict[int, Watch] = {}
        #: Since when the callback that runs now holds the loop, guarded calls apart; 0.0 while the loop polls.
        self.started = 0.0
        #: When the last poll returned.
        self.now = perf_counter()
        self.passes = 0
        #: How many descriptors the last poll told of.
        self.ready = 0
        #: How often ``green.run`` was called.
        self.runs = 0
        #: Seconds spent in callbacks, all in all.
        self.busy = 0.0
        #: The native thread that runs it, or ran it last.
        self.ident = threading.get_ident()
        #: The call of foreign code that holds the loop now; may be read by any native thread.
        self.calling: Guarded | None = None
        #: Seconds for which such a call may hold the loop; 0 is no limit.
        self.stall_most = 0.0
        self._active: Any = None
        self._nested = 0.0
        self._clock = StallClock()
        self._soon: deque[Callable[[], object]] = deque()
        #: Of those who have more to do than a turn.
        self.turns = Turns()

    @staticmethod
    def is_available() -> bool:
        """Whether this system has epoll; eventlet asks it."""
        return hasattr(select, "epoll")

    def timed(self, fn: Callable[..., object], *args: object) -> None:
        """Call ``fn`` as a callback of its own: timed, named, and logged when it raises."""
        outer, started = self._active, perf_counter()
        self._active = fn
        try:
            fn(*args)
        except BaseException:
            log.exception("callback %s failed", label_of(fn))
        took = perf_counter() - started
        if took > self._clock.notice:
            self._took(fn, took)
            # Told already: not to be told again of the callback around it.
            self._nested += took
        self._active = outer

    def begin(self) -> None:
        """Make ready to run for the greenlet that calls: the loop's end, and an interrupt, go to it."""
        if self.running:
            raise RuntimeError("the hub runs already")
        self.runs += 1
        self.ident = threading.get_ident()
        self.ensure_greenlet()
        self.greenlet.parent = getcurrent()

    def run(self, *_args: Any, **_kwargs: Any) -> None:
        """Pass after pass, until stopped. It is what the hub's greenlet runs."""
        self.running = True
        try:
            while not self.stopping:
                self._one_pass()
        finally:
            self.running = self.stopping = False
            self.started = 0.0
            self._active = None

    def wait(self, seconds: float | None = None) -> None:
        """Poll, and call what is ready."""
        self.started = 0.0
        ready = self.poll.poll(seconds, MOST_READY)
        self.ready = len(ready)
        self.now = now = perf_counter()
        self._dispatch(ready, now)

    def fire_timers(self, when: float) -> None:
        """Call what was due at ``when``."""
        timers = self.timers
        while timers and timers[0][0] <= when:
            due, timer = heapq.heappop(timers)
            if timer.called:
                self.timers_canceled -= 1
                continue
            self._clock.late(when, when - due)
            self._run(timer)

    def _one_pass(self) -> None:
        while self.closed:
            self.timed(self.close_one)
        if self.next_timers:
            self.prepare_timers()
        # Who stands back in this pass lets the next poll say who is ready.
        standing = bool(self.turns.queue)
        self.wait(self._patience())
        if self.next_timers:
            self.prepare_timers()
        if self.timers:
            self.fire_timers(self.now)
        if self._soon:
            self._drain_soon()
        if standing:
            self._next_turn()
        self._end_pass()

    def _patience(self) -> float:
        if self._soon or self.closed:
            return 0.0
        if self.turns.queue:
            return self.turns.patience(self.now)
        if not self.timers:
            return IDLE
        return min(IDLE, max(0.0, self.timers[0][0] - perf_counter()))

    def _end_pass(self) -> None:
        now = perf_counter()
        took = now - self.now
        self._clock.late(now, took)
        self.busy += took
        self.passes += 1
        self._active = None

    def _dispatch(self, ready: list[tuple[int, int]], started: float) -> None:
        watches, clock = self.watches, self._clock
        for fd, events in ready:
            watch = watches.get(fd)
            self.started = started
            if watch is None:
                self._stray(fd, events)
            else:
                self._active = watch
                try:
                    watch.on_ready(events)
                except BaseException:
                    log.exception("callback %s failed; it is called no more", label_of(watch))
                    watch.close()
            ended = perf_counter()
            if ended - started > clock.notice:
                self._took(self._active, ended - started)
            started = ended

    def _drain_soon(self) -> None:
        # What is queued meanwhile waits for the next pass: a green thread that only yields lets I/O in.
        soon = self._soon
        for _ in range(len(soon)):
            self._run(soon.popleft())

    def _next_turn(self) -> None:
        fn = self.turns.take(perf_counter(), self.ready)
        if fn is not None:
            self._run(fn)
            self.turns.over(perf_counter())

    def _run(self, fn: Callable[[], object]) -> None:
        self._active = fn
        self.started = started = perf_counter()
        try:
            fn()
        except BaseException:
            log.exception("callback %s failed", label_of(fn))
        took = perf_counter() - started
        if took > self._clock.notice:
            self._took(fn, took)

    def _took(self, thing: Any, seconds: float) -> None:
        nested, self._nested = self._nested, 0.0
        self._clock.took(thing, seconds - nested)

    def _stray(self, fd: int, events: int) -> None:
        """Serve a listener that code of eventlet's own registered, or drop what nobody waits for."""
        found = False
        for kind, mask in (("read", READABLE), ("write", WRITABLE)):
            listener = self.listeners[kind].get(fd)
            if listener is not None:
                found = True
                if events & mask:
                    self.timed(listener.cb, fd)
        if not found:
            try:
                self.poll.unregister(fd)
            except OSError:
                # A watch closed in this very pass took it out already.
                return
