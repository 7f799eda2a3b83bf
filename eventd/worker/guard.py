"""How a worker lives and dies with the daemon, and how much memory and processor time it may take."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import resource
import signal
from contextlib import suppress

__all__ = ["bind_to_parent", "lift_memory_limit", "limit_memory", "prefer_as_victim", "stand_back", "tell_crashes"]

#: prctl(2): the signal that this process gets when the thread that started it ends.
PR_SET_PDEATHSIG = 1
#: proc(5), oom_score_adj: added to the badness of this process when memory is short.
BADNESS = 500
#: nice(2): added to the daemon's, about a third of its weight. Where two workers compute on two processors and 50,000
#: events/s come in, it halves what the hub waits for a processor, and its lag (bench m).
NICENESS = 5


def bind_to_parent(parent: int) -> None:
    """Die with the daemon, also where plugin code never comes back; end by its word only.

    Signals to the process group, as Ctrl-C sends them, are the daemon's: it lets the batch in hand be
    finished. They are caught, not ignored, so that what the plugin starts does not inherit that.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It died before we asked.
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)


def limit_memory(size: int) -> None:
    """Let allocations fail with ``MemoryError`` beyond ``size`` bytes of private memory; 0 is no limit.

    ``RLIMIT_DATA`` counts what is allocated, not what is only mapped, such as libraries.
    """
    if size:
        resource.setrlimit(resource.RLIMIT_DATA, (size, resource.RLIM_INFINITY))


def lift_memory_limit() -> None:
    """Take what it needs to say so, for a worker that is to be replaced."""
    resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def prefer_as_victim() -> None:
    """Where the system is short of memory, let it end a worker and not the daemon."""
    # A sandbox may hide /proc; then the system chooses by size.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(BADNESS))


def stand_back() -> None:
    """Where processors are short, let the daemon go first: all its connections wait for it."""
    # At worst, the system has other means, and they take turns.
    with suppress(OSError):
        os.nice(NICENESS)


def tell_crashes(descriptor: int) -> None:
    """Have the stack of a crash written where the daemon reads it; a core file would only fill the disk."""
    faulthandler.enable(descriptor)
    with suppress(OSError, ValueError):
        # A sandbox may forbid it.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
