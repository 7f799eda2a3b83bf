"""Waiting in tests: for a condition, with a deadline, never for a length of time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["SCALE", "until"]

#: All deadlines are multiplied by this: a slow or busy machine sets it, no test has to know.
SCALE = float(os.environ.get("EVENTD_TEST_SCALE", "1"))

#: Seconds between two looks: short beside what a person notices, long beside what a look costs.
PERIOD = 0.005

T = TypeVar("T")


def until(
    condition: Callable[[], T],
    timeout: float = 5.0,
    what: str = "",
    *,
    pause: Callable[[float], Any] | None = None,
) -> T:
    """Return what ``condition`` gives as soon as it is true; fail when it is not within ``timeout`` seconds.

    ``pause`` is how to wait between two looks. A test whose code runs on the hub gives
    ``green.sleep``; without one, only the calling native thread waits.

    :raises AssertionError: naming ``what`` was waited for and what the condition gave last.
    """
    rest = pause or threading.Event().wait
    deadline = time.monotonic() + timeout * SCALE
    while not (value := condition()):
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", repr(condition))
            raise AssertionError(f"waited {timeout * SCALE:g} s in vain for {name}; last: {value!r}")
        rest(PERIOD)
    return value
