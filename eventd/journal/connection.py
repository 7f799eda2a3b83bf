"""Connections to the journal's database: every pragma in one place, each with its reason.

It opens, locks and translates errors. It does not know the tables.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import urllib.parse
from collections.abc import Callable
from functools import partial

import msgspec

from eventd.errors import JournalUnavailable

__all__ = ["PAGE_SIZE", "JournalOptions", "connect", "lock", "unavailable"]

#: A commit writes whole pages: larger ones cost single events, smaller ones make long chains of large bodies.
#: Measured with 4, 8, 16, 32 and 64 KiB: 16 is within a tenth of the best for both.
PAGE_SIZE = 16384
#: Seconds that a connection waits for another program's lock (a backup, a person's shell).
BUSY_TIMEOUT = 5.0
#: The WAL's file is cut to this after a checkpoint, if a burst made it longer.
WAL_KEPT = 64 << 20

MIB = 1 << 20

#: The owner writes, the group may read: events can hold what is not for everybody.
MODE = 0o640

#: What an operator can do about an error of SQLite.
HINTS = {
    sqlite3.SQLITE_FULL: "make room on the disk of state_dir, or set retention_size; it goes on by itself",
    sqlite3.SQLITE_READONLY: "the file system of state_dir must be writable; it goes on by itself when it is",
    sqlite3.SQLITE_IOERR: "look at the kernel's log for the disk of state_dir",
    sqlite3.SQLITE_CANTOPEN: "state_dir must exist and belong to eventd's user",
}
#: The same for errors of the file system itself.
ERRNO = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.ENOENT: sqlite3.SQLITE_CANTOPEN,
    errno.EACCES: sqlite3.SQLITE_CANTOPEN,
}


class JournalOptions(msgspec.Struct, frozen=True):
    """How the journal keeps things. Zero for ``retention_time`` and ``retention_size`` is no limit."""

    #: Whether an acknowledgement survives a power cut.
    fsync: bool = True
    #: Bytes of the newest blocks that are kept in memory for consumers at the tail.
    memory: int = 64 * MIB
    #: Seconds.
    retention_time: float = 0.0
    #: Bytes in use in the database.
    retention_size: int = 0
    #: How many dead letters are kept, and for how many seconds; 0 is no limit.
    dead_count: int = 0
    dead_time: float = 0.0
    #: A commit takes no further unit once it has this many bytes.
    unit_bytes: int = 32 * MIB
    #: The WAL is copied into the database when it has about this many bytes, ...
    wal_bytes: int = 16 * MIB
    #: ... and commits wait for that when it has this many.
    wal_limit: int = 256 * MIB
    #: The name that a new journal is made under.
    node: str = ""
    #: Told seconds, events and bytes of each commit, on the hub.
    on_commit: Callable[[float, int, int], object] | None = None


def connect(path: str, *, fsync: bool = True, writable: bool = True, forgiving: bool = False) -> sqlite3.Connection:
    """Open the database for one native thread, made anew where it is missing if ``writable``.

    ``forgiving`` reads what there is of a file that is shorter than it says.

    :raises sqlite3.Error: when SQLite refuses it.
    """
    if writable:
        _make(path)
    mode = "rwc" if writable else "rw"
    connection = sqlite3.connect(
        f"file:{urllib.parse.quote(path)}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        # Opened by the thread that asks for it, closed by the owner when that thread is gone.
        check_same_thread=False,
    )
    try:
        if forgiving:
            # Without it, SQLite refuses each statement on a truncated file; nothing is written by it.
            connection.execute("PRAGMA writable_schema = ON")
        _prepare(connection, fsync, writable)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _make(path: str) -> None:
    """Make the file, where there is none, unreadable for others; SQLite gives its WAL the same mode.

    One that is there must not be opened: closing it would give up the locks that SQLite
    has on it in this process.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    except OSError:
        # It is there; or it cannot be made, and SQLite says so in its own errors.
        return


def _prepare(connection: sqlite3.Connection, fsync: bool, writable: bool) -> None:
    # A program of another kind may have damaged a page: tell early, do not follow wild pointers.
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA cache_size = -8192")
    if not writable:
        connection.execute("PRAGMA query_only = ON")
        # Damaged text must come to us as bytes, not as an error without a place.
        connection.text_factory = bytes
        return
    # Damaged text is no trouble of the disk, as which Python would report it.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    # Before the first page is written, or never.
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
    # A checkpoint inside a commit makes it wait for the copying: see checkpoint.py.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # A transaction larger than the cache would write pages early and then again in place: killed in between, it
    # looks like a damaged commit. A transaction is bounded by unit_bytes instead.
    connection.execute("PRAGMA cache_spill = OFF")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
    # Some builds overwrite what is deleted with zeros: retention would write as much as ingest.
    connection.execute("PRAGMA secure_delete = OFF")


def lock(path: str) -> int:
    """Lock the journal for this process; the descriptor returned holds the lock until it is closed.

    :raises JournalUnavailable: when another process has it.
    """
    handle = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise JournalUnavailable(
            f"the journal {path} is in use by another process", hint="is another eventd running on this state_dir?"
        ) from None
    return handle


def unavailable(error: BaseException, action: str = "written") -> JournalUnavailable:
    """What is told to who wants something ``read`` or ``written`` when SQLite or the file system refuses."""
    text = str(error) or error.__class__.__name__
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF or ERRNO.get(getattr(error, "errno", 0), 0)
    return JournalUnavailable(f"the journal cannot be {action}: {text}", hint=HINTS.get(code))
