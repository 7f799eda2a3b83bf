"""Where a loop's journal is: in a file that the program names, or in memory until the loop ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

import msgspec

from eventd.journal import JournalOptions

__all__ = ["Limits", "Place", "Private"]

MIB = 1 << 20
DAY = 86400.0

#: What the private directories are called, for those who come later to know them by.
PREFIX = "eventd-"
#: Memory that looks like a directory.
SHARED_MEMORY = Path("/dev/shm")
#: Bytes that must be free there: containers often get 64 MiB of it, which is soon full.
LEAST_FREE = 512 * MIB
#: Seconds for a program to lock the directory that it has just made.
YOUNG = 60.0

#: In memory, what everybody has handled is of no use; the file that holds it is to stay small.
IN_MEMORY = JournalOptions(
    fsync=False,
    memory=8 * MIB,
    retention_time=1.0,
    dead_count=10_000,
    wal_bytes=4 * MIB,
    wal_limit=32 * MIB,
)


class Limits(msgspec.Struct, frozen=True):
    """How a named journal keeps things: as the keys of ``[journal]``."""

    fsync: bool = True
    retention_time: float = 3600.0
    retention_size: int = 1024 * MIB


class Place:
    """A journal in a file that stays."""

    #: Whether what is not handled at the end is lost.
    passing = False

    def __init__(self, file: str | os.PathLike[str], limits: Limits) -> None:
        self.file = Path(file).absolute()
        self.options = JournalOptions(
            fsync=limits.fsync,
            retention_time=limits.retention_time,
            retention_size=limits.retention_size,
            dead_count=100_000,
            dead_time=30 * DAY,
        )

    @property
    def directory(self) -> Path:
        """Where subscribers may keep files of their own."""
        return self.file.parent

    def close(self) -> None:
        """Nothing has to go."""


class Private(Place):
    """A journal in a directory of its own, in memory where there is enough of it, that goes when the loop ends."""

    passing = True

    def __init__(self, base: Path | None = None) -> None:
        base = base or _base()
        _sweep(base)
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        self._lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.file = directory / "events.sqlite"
        self.options = IN_MEMORY

    def close(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)


def _base() -> Path:
    memory = SHARED_MEMORY
    try:
        told = os.statvfs(memory)
    except OSError:
        return Path(tempfile.gettempdir())
    roomy = told.f_bavail * told.f_frsize >= LEAST_FREE
    return memory if roomy and os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _sweep(base: Path) -> None:
    """Remove what programs left behind that were killed: it is memory that nobody else gives back."""
    for directory in base.glob(f"{PREFIX}*/"):
        try:
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            told = os.fstat(handle)
            if told.st_uid == os.geteuid() and time.time() - told.st_mtime > YOUNG:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            # Its program is alive.
            continue
        finally:
            os.close(handle)
