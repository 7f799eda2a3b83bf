"""Opens the journal, whatever state its files are in.

A database that SQLite refuses is put aside as it is, and every row, cursor and dead
letter that can still be read is copied into a new one. Nothing is deleted: who wants to
look closer finds the old files beside the new.
"""

from __future__ import annotations

import logging
import os
import sqlite3

from .connection import lock, unavailable
from .replacing import finish, replace
from .writer import Opened, Writer

__all__ = ["open_journal"]

log = logging.getLogger(__name__)


def open_journal(path: str, writer: Writer) -> tuple[Opened, int]:
    """Lock and open; a refused database is rescued first. Gives what was opened and the lock's descriptor.

    :raises JournalUnavailable: when the disk refuses, or the journal is in use or of a later version.
    """
    try:
        handle = lock(path)
    except OSError as error:
        raise unavailable(error) from error
    try:
        return _open(path, writer), handle
    except BaseException as error:
        os.close(handle)
        if isinstance(error, sqlite3.Error | OSError):
            raise unavailable(error) from error
        raise


def _open(path: str, writer: Writer) -> Opened:
    finish(path)
    try:
        return writer.open()
    except sqlite3.OperationalError:
        # The disk or its rights: the files may be whole.
        raise
    except sqlite3.DatabaseError as error:
        log.error("the journal %s is damaged: %s", path, error)
    lost = replace(path, writer.options.node).lost
    return writer.open()._replace(lost=lost)
