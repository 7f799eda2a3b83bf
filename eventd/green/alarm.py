"""SIGALRM in the hub's thread: the only way into code that holds the interpreter's lock.

The kernel rings it when nobody has wound it for a while, so it costs the hub nothing while
the watchdog runs. It is heard in three steps:

    C handler of faulthandler ──► writes the stack, lock or no lock
    C handler of the interpreter ──► notes the signal, wakes the hub
    ``_rung`` ──► between two instructions, or within a C function that looks for signals, as regular expressions do
"""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable
from time import perf_counter
from types import FrameType
from typing import Any

from eventd.green.hub import Hub
from eventd.green.stacks import Step, bounded_file, breakable, parse

__all__ = ["Alarm"]

#: Bytes of stacks that are kept while nobody reads them, since the lock is not given back.
MOST_WRITTEN = 64 * 1024


class Alarm:
    """Breaks off the guarded call that holds ``hub`` past its time; made and closed in the main thread.

    :param heard: told the stack at each ring, between two instructions of the hub's thread: it must not take a lock.
    """

    def __init__(self, hub: Hub, heard: Callable[[list[Step]], object]) -> None:
        self._hub = hub
        self._heard = heard
        #: Clock readings: when it was wound, and until when it does not ring by itself.
        self._turn, self._wound = 0.0, float("inf")
        self._file = bounded_file("eventd-stacks", MOST_WRITTEN)
        self._timer = signal.setitimer(signal.ITIMER_REAL, 0.0)
        self._before: Any = signal.signal(signal.SIGALRM, self._rung)
        faulthandler.register(signal.SIGALRM, file=self._file, all_threads=False, chain=True)

    def wind(self, seconds: float, again: float) -> None:
        """Let it ring after so long, and again and again, unless it is wound before. From any thread."""
        now = perf_counter()
        call = self._hub.calling
        # The other thread may have its first turn within ``_rung``, before that has read when it was to be.
        if call is not None and now >= self._wound >= call.since:
            call.alone(self._turn, now)
            call.late += 1
        elif call is not None:
            call.late = 0
        self._turn, self._wound = now, now + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds, again)

    def ring(self) -> None:
        """Ring now. From any other thread."""
        signal.pthread_kill(self._hub.ident, signal.SIGALRM)

    def close(self) -> None:
        """Ring no more, and give signal and timer back to whoever had them before."""
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        faulthandler.unregister(signal.SIGALRM)
        signal.signal(signal.SIGALRM, self._before if self._before is not None else signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, *self._timer)
        os.close(self._file)

    def _rung(self, _number: int, frame: FrameType | None) -> None:
        call, now = self._hub.calling, perf_counter()
        # Whoever rang, and whenever: had another thread had a turn since, it would be wound.
        late = now >= self._wound
        if call is not None and late:
            call.alone(self._turn, now)
        self._heard(self._written())
        if call is None or now < call.due or not breakable(frame):
            return
        # Where the others may only be late, it rings again before long, and one or the other is certain.
        if call.locked(now) or not (late or call.late):
            raise call.broken(now)

    def _written(self) -> list[Step]:
        """The stack at the moment of the ring, which may be long ago."""
        text = os.pread(self._file, os.lseek(self._file, 0, os.SEEK_CUR), 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        return parse(text.decode(errors="replace"))
