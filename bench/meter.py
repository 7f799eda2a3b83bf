"""What a consumer has handled so far, in a small file that both sides map.

Every contestant's consumer counts in the same way, whatever process it runs in. It
costs one 24-byte write a batch. It does not lock: one writes, the other only waits.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["Meter", "Reading"]

_LAYOUT = struct.Struct("<QQQQ")


class Reading(NamedTuple):
    """What the consumer wrote last; ``last`` is the monotonic clock in nanoseconds."""

    events: int
    total: int
    last: int
    ready: int


class Meter:
    """The shared count; the benchmark makes the file, the consumer opens it."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if create:
            path.write_bytes(bytes(_LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _LAYOUT.size)
        self._count = 0
        self._total = 0

    def ready(self) -> None:
        """Say that events may come now."""
        _LAYOUT.pack_into(self._map, 0, self._count, self._total, 0, 1)

    def add(self, count: int, total: int) -> None:
        """Count events handled just now; ``total`` is the sum of the field read from them."""
        self._count += count
        self._total += total
        _LAYOUT.pack_into(self._map, 0, self._count, self._total, time.monotonic_ns(), 1)

    def read(self) -> Reading:
        """What has been handled until now."""
        return Reading(*_LAYOUT.unpack_from(self._map))

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
