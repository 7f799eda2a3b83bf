"""The event loop as others see it: watches, calls at the end of a pass or later, and how it does.

A callback runs on the loop itself: it must not wait. Who has to wait does so in a green thread.
"""

from __future__ import annotations

import logging
import select
import sys
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any

from eventd.green.engine import get_hub, getcurrent, select_hub
from eventd.green.loop import Loop
from eventd.green.stall import label_of
from eventd.green.timer import Timer
from eventd.green.watch import Ready, Watch

__all__ = ["Hub", "hub", "install", "on_hub"]

log = logging.getLogger(__name__)

#: Seconds between two offers of the interpreter's lock. At the default of 5 ms a busy loop starved
#: native threads for up to 20 s: each poll gives the lock back for a moment and restarts their wait.
#: Beside a loop that is busy throughout, a commit takes its lock back about ten times: at 0.5 ms that was 5 ms.
SWITCH_INTERVAL = 0.0001


class Hub(Loop):
    """The loop of one native thread. Get it by ``hub()``."""

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
        call = self.calling
        if call is None:
            return self.greenlet.switch()
        call.end()
        try:
            return self.greenlet.switch()
        finally:
            call.begin()

    @property
    def current(self) -> str | None:
        """The name of the callback that runs now; may be read by any native thread."""
        return label_of(self._active)

    @property
    def held(self) -> float:
        """Seconds for which the callback that runs now has held the loop; a green thread's since it last waited."""
        return perf_counter() - self.started

    @property
    def turn(self) -> float:
        """Seconds for which a green thread that has more to do may hold the loop: fewer where others are about."""
        return self.turns.length(self.now)

    @property
    def stall_limit(self) -> float:
        """Seconds from which on a callback is a stall."""
        return self._clock.limit

    @stall_limit.setter
    def stall_limit(self, seconds: float) -> None:
        self._clock.limit = seconds

    def blame(self, name: str) -> None:
        """Have the stall of the callback that runs now told under this name."""
        self._clock.blamed = name

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

    def _evict(self, stale: Watch) -> None:
        """The kernel gave its number out again: it was closed without closing the watch."""
        log.error("descriptor %d of %s was closed without its watch", stale.fd, label_of(stale))
        on_ready = stale.on_ready
        stale.close()
        self.call_soon(lambda: on_ready(select.EPOLLHUP))


_hub: Hub | None = None
#: The loop of each native thread: greenlets belong to the thread that made them, whose number others get after it.
_own = threading.local()


def install() -> Hub:
    """Make the loop of this native thread the one of the process; the same one when called again.

    The loop of another thread gives way where it stands still.

    :raises RuntimeError: while the loop of another thread runs.
    """
    global _hub
    mine: Hub | None = getattr(_own, "hub", None)
    if _hub is None or _hub is not mine:
        if _hub is not None and _hub.running:
            raise RuntimeError("the hub runs in another thread of this process, and there is one for all")
        _hub = _own.hub = mine or _made()
    return _hub


def _made() -> Hub:
    sys.setswitchinterval(SWITCH_INTERVAL)
    select_hub(Hub)
    made = get_hub()
    assert isinstance(made, Hub)
    return made


def hub() -> Hub:
    """The loop; it is made when it is first asked for, in the thread that asks."""
    return _hub if _hub is not None else install()


def on_hub() -> bool:
    """Whether this native thread is the one that runs the loop."""
    return threading.get_ident() == hub().ident
