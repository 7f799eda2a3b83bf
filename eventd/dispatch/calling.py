"""Where a plugin's code is called: on the hub, or in a native thread of its own.

What is called there, and what becomes of what it raises, is not known here.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

from eventd.calls.executing import exit_of
from eventd.green import Bridge, BrokenOff, Signal, Worker, guard, hub, on_hub, sleep
from eventd.green.engine import GreenletExit
from eventd.green.guard import foreign
from eventd.green.stacks import stack_of, told
from eventd.plugin.contract import Reject

__all__ = ["Breath", "HeldTheLock", "HeldTooLong", "Place", "TimedOut"]

log = logging.getLogger(__name__)

#: Seconds that plugin code may hold the hub before the others have their turn.
LONGEST_HOLD = 0.005
#: Calls of one plugin that may hold the interpreter's lock until they are broken off, before it is disabled.
MOST_LOCKED = 10


class Breath:
    """Lets the others on the hub have their turn when this green thread has held it long enough.

    In a native thread there is nobody to let.
    """

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Yield if it is time to."""
        if time.perf_counter() - self._since > LONGEST_HOLD and on_hub():
            sleep(0)
            self._since = time.perf_counter()

    def reset(self) -> None:
        """The others have just had their turn."""
        self._since = time.perf_counter()


class TimedOut(Exception):
    """A call took too long; it may still run, in a thread that was given up."""


class HeldTooLong(Exception):
    """A call on the hub held up everybody else for too long, and was broken off."""


class HeldTheLock(HeldTooLong, Reject):
    """It held the interpreter's lock as well: nowhere in this process would another attempt cost less."""


class Place:
    """Where a plugin's code runs: ``green`` on the hub, ``thread`` in a native thread that is its own.

    :param on_stall: what follows when a call holds the hub: ``move`` makes the next ones in a thread, ``disable``
        says that there are to be no next ones, ``warn`` leaves all as it is. Code that holds the interpreter's lock
        is not moved: it would hold up everybody from a thread, too, where it cannot be broken off.
    :param timeout: seconds for a call with events; 0 is no limit, until one held the hub for as long as any may.
    """

    def __init__(self, run: str, name: str, bridge: Bridge, on_stall: str = "warn", timeout: float = 0.0) -> None:
        self.run = run
        #: What a call with events is to be given as its limit: the section's, or the hub's once that was reached.
        self.timeout = timeout
        #: Whether it has moved off the hub, since a call held it.
        self.moved = False
        #: Whether nothing is to be called here any more.
        self.disabled = False
        #: To be reset by whoever lets the others on the hub have their turn.
        self.breathe = Breath()
        self._name = name
        self._bridge = bridge
        self._on_stall = on_stall
        #: Calls that held the interpreter's lock until they were broken off; ``None`` before the first that held it.
        self._locked: int | None = None
        #: Whether ``timeout`` is the hub's limit.
        self._limited = False
        self._worker = bridge.thread(name) if run == "thread" else None

    @property
    def green(self) -> bool:
        """Whether the next call is made on the hub; what is still called of one that is disabled holds up nobody."""
        return self.run == "green" and not self.disabled

    @property
    def ended(self) -> bool:
        """Whether its thread has come to its end."""
        return self._worker is None or not self._worker.alive

    def call(self, function: Callable[..., Any], *args: Any, timeout: float = 0.0) -> Any:
        """Call it there; only this green thread waits.

        :param timeout: seconds for it, on the hub for holding it in one go; 0 is no limit.
        :raises TimedOut: when it has not returned by then. This place is of no use any more.
        :raises HeldTooLong: when it was broken off on the hub; ``HeldTheLock`` when another attempt does not help.
        :raises Exception: whatever it raises; what is no ``Exception``, as a ``PluginExit``.
        """
        try:
            if self.green:
                return guard(self._name, timeout, self._stalled, function, *args)
            worker = self._worker = self._worker or self._bridge.thread(self._name)
            if timeout:
                return self._call_within(timeout, worker, function, *args)
            return worker.call(function, *args)
        except (Exception, GreenletExit):
            raise
        except BrokenOff as error:
            raise self._broken_off(error) from error
        except BaseException as error:
            raise exit_of(error) from error

    def close(self) -> None:
        """Let the native thread end, when it has finished what it does."""
        if self._worker is not None:
            self._worker.stop()

    def abandon(self) -> None:
        """Wait for nothing that still runs there; what is no C code is broken off."""
        if self._worker is not None:
            self._worker.abandon()

    def successor(self) -> Place:
        """Another place, which goes on in the place of this one."""
        other = Place(self.run, self._name, self._bridge, self._on_stall, self.timeout)
        other.moved = self.moved
        return other

    def _stalled(self, seconds: float, locked: bool) -> None:
        """A call has held the hub."""
        most = hub().stall_most
        if not self.timeout and most and seconds >= most:
            # It would do so again, in a thread without end.
            self.timeout, self._limited = most, True
        if self._on_stall == "warn" or not self.green:
            return
        if self._on_stall == "disable":
            self._disable(f"it held the event loop for {seconds:.3g} s", "process" if locked else "thread, or process,")
        elif not locked:
            self._move(seconds)
        elif self._locked is None:
            self._locked = 0
            log.warning(
                "%s is not moved to a native thread: it held the interpreter's lock for %.3g s, and would hold up the "
                "event loop from there, too; run = process in its section helps", self._name, seconds,
            )  # fmt: skip

    def _move(self, seconds: float) -> None:
        self.run, self.moved = "thread", True
        limit = f", for {self.timeout:g} s at most unless timeout in its section is another" if self._limited else ""
        log.warning(
            "%s is moved: it held the event loop for %.3g s, and is called in a native thread of its own from now on"
            "%s; run = thread in its section has it there from the start", self._name, seconds, limit,
        )  # fmt: skip

    def _disable(self, why: str, elsewhere: str) -> None:
        self.disabled = True
        log.error(
            "%s is disabled: %s; it is called again when the daemon is started again, and its events wait until then; "
            "run = %s in its section keeps it off the event loop", self._name, why, elsewhere,
        )  # fmt: skip

    def _broken_off(self, error: BrokenOff) -> HeldTooLong:
        if not error.locked:
            return HeldTooLong(str(error))
        self._locked = (self._locked or 0) + 1
        if self._locked == MOST_LOCKED and self._on_stall != "warn":
            self._disable(
                f"{MOST_LOCKED} of its calls held the interpreter's lock until they were broken off", "process"
            )
        return HeldTheLock(str(error))

    def _call_within(self, timeout: float, worker: Worker, function: Callable[..., Any], *args: Any) -> Any:
        call = _Call(function, args)
        worker.submit(call.run, self._bridge.post)
        if not call.over.wait(timeout):
            place = told(stack_of(sys._current_frames().get(worker.ident or 0)))
            raise TimedOut(f"it did not return within {timeout:g} s, {place}")
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
            self.value = foreign(self._function, self._args)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self.error = error
        post(self.over.set)
