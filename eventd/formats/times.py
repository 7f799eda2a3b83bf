"""Times as text: nanoseconds since 1970 UTC to RFC 3339.

Reading a time as anything but text is the handler's business.
"""

from __future__ import annotations

import functools
import time

__all__ = ["now", "rfc3339"]

#: 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: RFC 3339 has four digits for the year.
FIRST_SECOND, LAST_SECOND = -62135596800, 253402300799


def now() -> str:
    """The time now, to the nanosecond."""
    return rfc3339(time.time_ns())


def rfc3339(nanoseconds: int) -> str:
    """The time as text, in UTC; one outside the years 1 to 9999 becomes the nearest inside."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        seconds, fraction = max(FIRST_SECOND, min(seconds, LAST_SECOND)), 0
    return f"{_second(seconds)}.{fraction:09d}Z" if fraction else f"{_second(seconds)}Z"


@functools.lru_cache(1024)
def _second(seconds: int) -> str:
    """Events come many to a second: this part is nearly always remembered."""
    broken = time.gmtime(seconds)
    return f"{broken.tm_year:04d}-{broken.tm_mon:02d}-{broken.tm_mday:02d}T" + time.strftime("%H:%M:%S", broken)
