"""Copies a journal while its daemon goes on: as it was at one moment, in one file.

The copy has a name of its own for its offsets, since a daemon that goes on from it gives
some of them again. It is not compressed, and needs no WAL beside it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable

from .connection import connect, unavailable
from .schema import renew

__all__ = ["backup"]

#: Behind the name of a copy that is not finished.
PARTIAL = ".partial"
#: Pages that are copied at a time: some milliseconds.
STEP_PAGES = 1024


def backup(path: str, target: str, progress: Callable[[int, int], object] | None = None) -> None:
    """Copy the journal at ``path`` to ``target``, which appears when it is complete and on the disk.

    :raises JournalUnavailable: when the one cannot be read or the other not be written.
    """
    partial = target + PARTIAL
    try:
        _remove(partial)
        _copy(path, partial, progress)
        _sync(partial)
        os.rename(partial, target)
        _sync(os.path.dirname(target) or ".")
    except (sqlite3.Error, OSError) as error:
        _remove(partial)
        raise unavailable(error, "copied") from error
    except BaseException:
        _remove(partial)
        raise


def _copy(path: str, partial: str, progress: Callable[[int, int], object] | None) -> None:
    source = connect(path, writable=False)
    # Made by us, so that nobody else may read it before it has its rights.
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
    copy = sqlite3.connect(partial, isolation_level=None)
    try:
        # An open transaction: without it, each commit of the daemon's would make the copying begin anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()

        def tell(status: int, left: int, total: int) -> None:
            if progress is not None:
                progress(total - left, total)

        source.backup(copy, pages=STEP_PAGES, progress=tell)
        source.execute("COMMIT")
        # A plain file: it can be read where nothing can be written beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        renew(copy)
    finally:
        copy.close()
        source.close()


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: str) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
