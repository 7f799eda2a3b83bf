"""What concerns the whole process: how many files it may open, and when it collects garbage."""

from __future__ import annotations

import gc
import resource

__all__ = ["COLLECT_AFTER", "allow_open_files", "settle_memory"]

#: New containers after which the youngest ones are looked through. Messages in flight are
#: thousands of containers that all die soon: at the default of 700 the collector walked
#: them again and again and took 7 % of a busy daemon.
COLLECT_AFTER = 100_000


def allow_open_files() -> int:
    """Use as many descriptors as the system lets this process have: each connection takes one.

    The soft limit is often 1024, for programs that use ``select``; returns the new one.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def settle_memory() -> None:
    """Called when all parts are built: what lives now lives for good and is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 50, 100)
