"""What concerns the whole process: how many files it may open, who may end it, and when it collects garbage."""

from __future__ import annotations

import gc
import logging
import os
import resource

__all__ = ["COLLECT_AFTER", "ExitCalled", "allow_open_files", "refuse_exit", "settle_memory"]

log = logging.getLogger(__name__)

#: New containers after which the youngest ones are looked through. Messages in flight are
#: thousands of containers that all die soon: at the default of 700 the collector walked
#: them again and again and took 7 % of a busy daemon.
COLLECT_AFTER = 100_000


class ExitCalled(SystemExit):
    """``os._exit`` was called where it ends nothing but a call; ``code`` is its exit code."""


def allow_open_files() -> int:
    """Use as many descriptors as the system lets this process have: each connection takes one.

    The soft limit is often 1024, for programs that use ``select``; returns the one that holds then.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            # A sandbox may forbid it; then the soft limit is what there is.
            log.warning("no more than %d files can be open: %s", soft, error)
            return soft
    return hard


def refuse_exit() -> None:
    """Let ``os._exit`` end the call of the plugin that calls it, not the daemon; a forked child still ends."""
    daemon, leave = os.getpid(), os._exit

    def refused(status: int) -> None:
        if os.getpid() != daemon:
            leave(status)
        raise ExitCalled(status)

    os._exit = refused  # type: ignore[assignment]  # it does not return, either


def settle_memory() -> None:
    """Called when all parts are built: what lives now lives for good and is not looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 50, 100)
