"""Puts a damaged journal aside and a rescued one in its place, so that a kill at any moment loses neither.

The steps: rescue into a file of another name, rename the old files, rename the new one.
A rescue that was killed before the old database was renamed is done again; one that was
killed after it is finished. What is rescued is ``rescue.py``'s.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable

from .rescue import Rescued, Restore, rescue

__all__ = ["RESCUED", "finish", "replace"]

log = logging.getLogger(__name__)

#: Behind the name of a rescued journal that is not in its place yet.
RESCUED = ".rescued"
#: Of a database: itself, its WAL and the index of that.
SUFFIXES = ("", "-wal", "-shm")


def replace(
    path: str, node: str, restore: Restore | None = None, release: Callable[[], object] | None = None
) -> Rescued:
    """Put what can be rescued of the journal at ``path`` in its place.

    ``release`` is called before the files are renamed: who has them open closes them then.

    :raises sqlite3.Error: when the new one cannot be written; the old files are as they were.
    :raises OSError: when a file cannot be renamed.
    """
    _remove(path + RESCUED)
    rescued = rescue(path, path + RESCUED, node, restore)
    if release is not None:
        release()
    broken = _put_aside(path)
    finish(path)
    log.error(
        "the damaged journal was put aside as %s; %d events were rescued from it, and %d rows of other tables",
        broken, rescued.events, rescued.others,
    )  # fmt: skip
    return rescued


def finish(path: str) -> None:
    """Put the rescued journal in place; one that was not finished is in the way of the old one and goes."""
    fresh = path + RESCUED
    if not os.path.exists(fresh):
        return
    if os.path.exists(path):
        _remove(fresh)
    else:
        os.rename(fresh, path)


def _put_aside(path: str) -> str:
    """Rename the database and its WAL; the new name of the database."""
    broken = f"{path}.broken-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
    while os.path.exists(broken):
        broken += "+"
    # The database last: while it is there, the rescue counts as not finished and is done again.
    for suffix in reversed(SUFFIXES):
        if os.path.exists(path + suffix):
            os.rename(path + suffix, broken + suffix)
    return broken


def _remove(path: str) -> None:
    for suffix in SUFFIXES:
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
