"""Opens the journal, whatever state its files are in.

A database that SQLite refuses is put aside as it is, and every row, cursor and dead
letter that can still be read is copied into a new one. Nothing is deleted: who wants to
look closer finds the old files beside the new.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from functools import partial

from eventd.errors import JournalUnavailable

from . import deadletters
from .connection import connect, lock, unavailable
from .reader import Reader
from .record import to_row
from .schema import APPEND, MOVE, prepare
from .writer import Opened, Writer

__all__ = ["open_journal"]

log = logging.getLogger(__name__)

#: Behind the name of a rescued journal that is not in its place yet.
RESCUED = ".rescued"
#: Farther than any offset.
EVERYTHING = 1 << 62
#: Bytes that are copied in one transaction.
COPIED_BYTES = 16 << 20


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
    _finish_rescue(path)
    try:
        return writer.open()
    except sqlite3.OperationalError:
        # The disk or its rights: the files may be whole.
        raise
    except sqlite3.DatabaseError as error:
        log.error("SQLite refuses the journal %s: %s", path, error)
    rescued = _rescue(path, writer.options.node)
    broken = _put_aside(path)
    _finish_rescue(path)
    log.error("it was put aside as %s; %d events were rescued from it", broken, rescued)
    return writer.open()


def _finish_rescue(path: str) -> None:
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
    # The database last: while it is there, the rescue counts as not finished and is done again.
    for suffix in ("-wal", "-shm", ""):
        if os.path.exists(path + suffix):
            os.rename(path + suffix, broken + suffix)
    return broken


def _remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)


def _rescue(path: str, node: str) -> int:
    """Copy what is readable into a new journal beside it; how many events that is."""
    _remove(path + RESCUED)
    fresh = connect(path + RESCUED)
    old = Reader(partial(connect, path, writable=False, forgiving=True))
    try:
        prepare(fresh, node)
        events = _copy_blocks(old, fresh)
        _copy_others(old, fresh)
    finally:
        old.close()
        # The last connection to a database copies its WAL away: one file is left.
        fresh.close()
    return events


def _copy_blocks(old: Reader, fresh: sqlite3.Connection) -> int:
    events = offset = 0
    while offset < EVERYTHING:
        try:
            scan = old.scan(offset, EVERYTHING, COPIED_BYTES)
        except (sqlite3.DatabaseError, JournalUnavailable) as error:
            log.error("the rest of its events cannot be read: %s", error)
            break
        fresh.execute("BEGIN")
        fresh.executemany(APPEND, [to_row(block) for block in scan.blocks])
        fresh.execute("COMMIT")
        events += sum([block.count for block in scan.blocks])
        offset = scan.upto
    return events


def _copy_others(old: Reader, fresh: sqlite3.Connection) -> None:
    """Cursors and dead letters, as far as they can be read."""
    try:
        fresh.executemany(MOVE, old.cursors().items())
        deadletters.bury(fresh, old.dead_letters(None, 0, EVERYTHING))
    except (sqlite3.DatabaseError, JournalUnavailable) as error:
        log.error("not all of its cursors and dead letters can be read: %s", error)
