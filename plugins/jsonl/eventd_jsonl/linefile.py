"""A file of lines that is only ever longer by whole batches.

Either all lines of an ``append`` are on the disk when it returns, or none of them
is in the file when it raises. What a crash left half written is cut off when the
file is opened. When to begin a new file is not decided here.
"""

from __future__ import annotations

import os
from logging import Logger
from pathlib import Path

import msgspec

__all__ = ["LineFile", "sync_directory"]

#: How much is read at once in search of the last line's beginning.
STEP = 65536

#: The owner writes, the group may read: events can hold what is not for everybody.
MODE = 0o640


class LineFile:
    """An append-only file of lines, opened when first needed."""

    def __init__(self, path: Path, log: Logger, *, fsync: bool = True) -> None:
        self.path = path
        self._log = log
        self._fsync = fsync
        self._descriptor = -1
        #: Where the last whole batch ends. The file may be longer after a write that failed.
        self._end = 0

    @property
    def size(self) -> int:
        """Its length in bytes, as far as it counts."""
        return self._end

    def modified(self) -> float:
        """When it was written last, in seconds since 1970."""
        return os.fstat(self._descriptor).st_mtime

    def open(self) -> None:
        """Open it where it is not open yet, or where somebody moved or removed it since.

        :raises OSError: when it cannot be opened or mended.
        """
        if self._descriptor >= 0 and self._is_ours():
            return
        self.close()
        new = not self.path.exists()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        try:
            self._end = self._mended()
            if new:
                sync_directory(self.path.parent)
        except BaseException:
            self.close()
            raise

    def append(self, lines: bytes) -> None:
        """Write whole lines, and return when they are on the disk.

        :raises OSError: when they are not, a full disk for instance; nothing is added then.
        """
        self.open()
        self._cut(self._end)
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._sync()
        except OSError:
            self._cut_if_possible()
            raise
        self._end += len(lines)

    def close(self) -> None:
        """Close it; another ``append`` opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_ours(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _sync(self) -> None:
        if self._fsync:
            os.fdatasync(self._descriptor)

    def _cut(self, end: int) -> None:
        if os.fstat(self._descriptor).st_size > end:
            os.ftruncate(self._descriptor, end)

    def _cut_if_possible(self) -> None:
        try:
            self._cut(self._end)
        except OSError as error:
            # The next append begins with another try, so that half a batch never gets a follower.
            self._log.warning("%s: what was half written cannot be cut off yet: %s", self.path, error.strerror)

    def _mended(self) -> int:
        """Where the last whole line ends, after the file was made to end there."""
        size = os.fstat(self._descriptor).st_size
        begin = self._last_line(size)
        if begin == size:
            return size
        if _is_json(os.pread(self._descriptor, size - begin, begin)):
            os.write(self._descriptor, b"\n")
            self._sync()
            return size + 1
        os.ftruncate(self._descriptor, begin)
        self._sync()
        self._log.warning("%s: cut off %d bytes of a line that was not finished", self.path, size - begin)
        return begin

    def _last_line(self, size: int) -> int:
        """Where the line without an end begins; ``size`` when there is none."""
        position = size
        while position > 0:
            step = min(STEP, position)
            found = os.pread(self._descriptor, step, position - step).rfind(b"\n")
            if found >= 0:
                return position - step + found + 1
            position -= step
        return 0


def sync_directory(path: Path) -> None:
    """Make new, renamed and removed names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return False
    return True
