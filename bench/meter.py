"""What a consumer has handled so far, in a small file that both sides map.

Every contestant's consumer counts in the same way, whatever process it runs in. It
costs one write of 40 bytes a batch. Counting does not lock: each process that consumes has
a place of its own in the file, and who waits adds them up.
"""

from __future__ import annotations

import fcntl
import mmap
import struct
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Meter", "Reading"]

#: Events, their total, when the last were handled, whether it is ready, whether the place is taken.
_LAYOUT = struct.Struct("<QQQQQ")
_PLACES = 8


class Reading(NamedTuple):
    """What all that consume wrote; ``last`` is the monotonic clock in nanoseconds, ``ready`` how many are ready."""

    events: int
    total: int
    last: int
    ready: int


class Meter:
    """The shared count; the benchmark makes the file, each process that consumes opens it."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if create:
            path.write_bytes(bytes(_LAYOUT.size * _PLACES))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
            fcntl.flock(file, fcntl.LOCK_EX)
            self._at = -1 if create else self._take()
            # The map keeps the file open, and with it what is locked.
            fcntl.flock(file, fcntl.LOCK_UN)
        self._count = 0
        self._total = 0

    def ready(self) -> None:
        """Say that events may come now."""
        _LAYOUT.pack_into(self._map, self._at, 0, 0, 0, 1, 1)

    def add(self, count: int, total: int) -> None:
        """Count events handled just now; ``total`` is the sum of the field read from them."""
        self._count += count
        self._total += total
        _LAYOUT.pack_into(self._map, self._at, self._count, self._total, time.monotonic_ns(), 1, 1)

    def read(self) -> Reading:
        """What has been handled until now."""
        events, totals, lasts, ready, _ = zip(*_LAYOUT.iter_unpack(self._map), strict=True)
        return Reading(sum(events), sum(totals), max(lasts), sum(ready))

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _take(self) -> int:
        at = 0
        for *_, taken in _LAYOUT.iter_unpack(self._map):
            if not taken:
                _LAYOUT.pack_into(self._map, at, 0, 0, 0, 0, 1)
                return at
            at += _LAYOUT.size
        raise RuntimeError(f"more than {_PLACES} processes want to count")
