"""The files that are finished: named by time, compressed, and dropped when they are too many.

    events.jsonl                                the one that is written to, none of our business
    events-20260131T235959.123456Z.jsonl        finished, not compressed yet
    events-20260131T235959.123456Z.jsonl.gz     compressed
    ….jsonl.gz.part                             a compression under way, or one that was cut short

A file is never in the way of the events: what cannot be compressed or dropped is
told, and tried again with the next file.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import time
from collections.abc import Callable
from logging import Logger
from pathlib import Path

from .linefile import sync_directory

__all__ = ["Archive"]

#: The time in a finished file's name.
STAMP = r"-\d{8}T\d{6}\.\d{6}Z"

#: Most of what level 9 saves, at a third of its time.
LEVEL = 5

#: Bytes compressed at once: long enough that other threads run meanwhile.
STEP = 1 << 20


class Archive:
    """The finished files of one ``stem`` in one directory."""

    def __init__(self, directory: Path, stem: str, log: Logger, *, keep: int, compress: bool) -> None:
        self._directory = directory
        self._stem = stem
        self._log = log
        self._keep = keep
        self._compress = compress

    def take(self, path: Path) -> Path:
        """Give a file that nobody writes to any more its final name.

        :raises OSError: when it cannot be renamed.
        """
        target = self._name(time.time_ns() // 1000)
        os.rename(path, target)
        sync_directory(self._directory)
        return target

    def tidy(self) -> None:
        """Compress what is to be compressed, and drop the oldest when there are more than ``keep``."""
        for path in self._named(".jsonl.gz.part"):
            self._attempt("removed", path, Path.unlink)
        if self._compress:
            for path in self._named(".jsonl"):
                self._attempt("compressed", path, _compress)
        if self._keep:
            for path in self.files()[: -self._keep]:
                self._attempt("removed", path, Path.unlink)

    def files(self) -> list[Path]:
        """The finished files, the oldest first."""
        return sorted([*self._named(".jsonl"), *self._named(".jsonl.gz")])

    def _named(self, suffix: str) -> list[Path]:
        """Our files with this end of their names; a stranger's, or another stem's, is left alone."""
        ours = re.compile(re.escape(self._stem) + STAMP + re.escape(suffix))
        return sorted(path for path in self._directory.iterdir() if ours.fullmatch(path.name))

    def _name(self, microseconds: int) -> Path:
        """A name that is free: a clock that was set back must not overwrite anything."""
        while True:
            seconds, rest = divmod(microseconds, 1_000_000)
            stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
            path = self._directory / f"{self._stem}-{stamp}.{rest:06d}Z.jsonl"
            if not path.exists() and not _compressed(path).exists():
                return path
            microseconds += 1

    def _attempt(self, what: str, path: Path, action: Callable[[Path], None]) -> None:
        try:
            action(path)
        except OSError as error:
            self._log.warning("%s cannot be %s: %s", path, what, error.strerror or error)


def _compressed(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _compress(path: Path) -> None:
    """Put a compressed file in the place of a plain one; at any moment one of them is there, whole."""
    target = _compressed(path)
    part = target.with_name(target.name + ".part")
    try:
        with open(path, "rb") as plain, open(part, "xb") as file:
            os.fchmod(file.fileno(), os.fstat(plain.fileno()).st_mode & 0o777)
            with gzip.GzipFile(path.name, "wb", LEVEL, file) as packed:
                shutil.copyfileobj(plain, packed, STEP)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    path.unlink()
