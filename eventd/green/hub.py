"""The event loop: eventlet's epoll hub, with lasting watches, a stall clock and safe callbacks.

In one pass the loop polls, calls what is ready, fires the timers that were due *when it
polled*, and then what ``call_soon`` queued. So data that the kernel had in time is read
before a deadline is told, however long the pass before took.

A callback runs on the loop itself: it must not wait. One that raises is logged and, if it is
a watch, closed; nothing that it raises ends the loop or reaches the main greenlet.
"""

from __future__ import annotations

import heapq
import logging
import select
import sys
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

from eventd.green.engine import EngineHub, get_hub, getcurrent, select_hub
from eventd.green.stall import StallClock, label_of
from eventd.green.timer import Timer
from eventd.green.watch import READABLE, WRITABLE, Ready, Watch

__all__ = ["Hub", "hub", "install"]

log = logging.getLogger(__name__)

#: Descriptors taken from one poll. When a poll gives fewer, everything that was ready is known.
MOST_READY = 1024

#: Seconds that the loop sleeps when it has no timer; nothing depends on it.
IDLE = 60.0

#: Seconds between two offers of the interpreter's lock. At the default of 5 ms a busy loop starved
#: native threads for up to 20 s: each poll gives the lock back for a moment and restarts their wait.
SWITCH_INTERVAL = 0.0005


class Hub(EngineHub):
    """The loop of one native thread. Get it by ``hub()``."""

    def __init__(self) -> None:
        # perf_counter and monotonic are the same clock on Linux.
        super().__init__(clock=perf_counter)
        self.watches: dict[int, Watch] = {}
        #: Clock reading of the callback that runs now; 0.0 while the loop polls.
        self.started = 0.0
        #: When the last poll returned.
        self.now = perf_counter()
        #: Everything that was ready at this moment has been called.
        self.caught_up = self.now
        self.passes = 0
        #: How often ``green.run`` was called.
        self.runs = 0
        #: Seconds spent in callbacks, all in all.
        self.busy = 0.0
        self._active: Any = None
        self._nested = 0.0
        self._clock = StallClock()
        self._soon: deque[Callable[[], object]] = deque()

    @staticmethod
    def is_available() -> bool:
        """Whether this system has epoll; eventlet asks it."""
        return hasattr(select, "epoll")

    # What others ask for.

    def watch(
        self, fd: int, on_ready: Ready, readable: bool = True, writable: bool = False, label: str | None = None
    ) -> Watch:
        """Call ``on_ready`` with epoll's events while ``fd`` is ready.

        :raises OSError: when ``fd`` cannot be polled.
        """
        stale = self.watches.get(fd)
        if stale is not None:
            self._evict(stale)
        watch = Watch(self.poll, self.watches, fd, on_ready, label)
        watch.want(readable, writable)
        self.watches[fd] = watch
        return watch

    def call_soon(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` at the end of this pass. Only from the hub's own native thread."""
        self._soon.append(fn)

    def call_later(self, seconds: float, fn: Callable[[], object]) -> Timer:
        """Call ``fn`` once, after ``seconds``."""
        timer = Timer(self, seconds, fn)
        self.add_timer(timer)
        return timer

    def park(self) -> Any:
        """Leave the current green thread until somebody switches back to it.

        :raises RuntimeError: in a callback, which has nothing to switch back to, and outside of ``run``.
        """
        if not self.running:
            raise RuntimeError("the hub does not run: wait in a green thread, within green.run")
        if getcurrent() is self.greenlet:
            raise RuntimeError("a callback of the hub may not wait: spawn a green thread for it")
        return self.greenlet.switch()

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

    # How it runs.

    @property
    def current(self) -> str | None:
        """The name of the callback that runs now; may be read by any native thread."""
        return label_of(self._active)

    @property
    def stall_limit(self) -> float:
        """Seconds from which on a callback is a stall."""
        return self._clock.limit

    @stall_limit.setter
    def stall_limit(self, seconds: float) -> None:
        self._clock.limit = seconds

    @property
    def on_stall(self) -> Callable[[str, float], None] | None:
        """Called with label and seconds after a callback took longer than ``stall_limit``."""
        return self._clock.on_stall

    @on_stall.setter
    def on_stall(self, fn: Callable[[str, float], None] | None) -> None:
        self._clock.on_stall = fn

    @property
    def stalls(self) -> int:
        """How many callbacks took longer than ``stall_limit``."""
        return self._clock.stalls

    @property
    def slowest(self) -> tuple[str, float]:
        """Name and seconds of the longest callback since ``forget_slowest``."""
        return self._clock.slowest

    def forget_slowest(self) -> None:
        """Begin a new period for ``slowest``."""
        self._clock.forget_slowest()

    def lag(self) -> float:
        """The longest that something ready had to wait, in the last seconds."""
        return self._clock.lag(perf_counter())

    # The loop. The names are eventlet's.

    def begin(self) -> None:
        """Make ready to run for the greenlet that calls: the loop's end, and an interrupt, go to it."""
        if self.running:
            raise RuntimeError("the hub runs already")
        self.runs += 1
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
        self.now = now = perf_counter()
        self._dispatch(ready, now)
        if len(ready) < MOST_READY:
            self.caught_up = now

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
        self.wait(self._patience())
        if self.next_timers:
            self.prepare_timers()
        if self.timers:
            self.fire_timers(self.now)
        if self._soon:
            self._drain_soon()
        self._end_pass()

    def _patience(self) -> float:
        if self._soon or self.closed:
            return 0.0
        if not self.timers:
            return IDLE
        return max(0.0, self.timers[0][0] - perf_counter())

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

    def _evict(self, stale: Watch) -> None:
        """The kernel gave its number out again: it was closed without closing the watch."""
        log.error("descriptor %d of %s was closed without its watch", stale.fd, label_of(stale))
        on_ready = stale.on_ready
        stale.close()
        self.call_soon(lambda: on_ready(select.EPOLLHUP))

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


_hub: Hub | None = None


def install() -> Hub:
    """Make the loop of this native thread; the same one when called again."""
    global _hub
    if _hub is None:
        sys.setswitchinterval(SWITCH_INTERVAL)
        select_hub(Hub)
        made = get_hub()
        assert isinstance(made, Hub)
        _hub = made
    return _hub


def hub() -> Hub:
    """The loop; it is made when it is first asked for, in the thread that asks."""
    return _hub if _hub is not None else install()
