"""What a consumer remembers of its state: bounded in bytes, the least used goes first.

It holds packed values and does not know where they come from.
"""

from __future__ import annotations

import enum
from typing import Final

__all__ = ["ABSENT", "Absent", "Cache", "Changes"]

#: By key, the packed value; ``None`` where it is deleted.
Changes = dict[str, bytes | None]

#: Bytes that a key costs beside itself and its value.
ENTRY = 150


class Absent(enum.Enum):
    """Stands where a key is not known, which is not the same as that there is none."""

    ABSENT = 0


ABSENT: Final = Absent.ABSENT


class Cache:
    """Two generations: what was used since the last turn, and what was used before it."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._young: Changes = {}
        self._old: Changes = {}
        self._size = 0

    def get(self, key: str) -> bytes | Absent | None:
        """What is known of ``key``."""
        value = self._young.get(key, ABSENT)
        if value is ABSENT and (value := self._old.get(key, ABSENT)) is not ABSENT:
            self.put(key, value)
        return value

    def put(self, key: str, value: bytes | None) -> None:
        """Know ``key``; when there is too much of it, forget what was not used for long."""
        self._size += (len(value) if value else 0) + (0 if key in self._young else len(key) + ENTRY)
        self._young[key] = value
        if self._size > self._half:
            self._old, self._young, self._size = self._young, {}, 0

    def drop(self, key: str) -> None:
        """Know nothing of ``key``."""
        # What it took is counted until the next turn: at worst that comes too early.
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Know nothing."""
        self._young, self._old, self._size = {}, {}, 0
