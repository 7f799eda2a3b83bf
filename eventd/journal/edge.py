"""Looks at the end of the table of blocks when the journal is opened: the place where all events will go.

A damaged row there must not tell a wrong next offset, and a damaged page there must be
found now and not by the first event. What it cannot judge, it raises as damage.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgpack
import msgspec

from eventd.event import Encoding

from .pages import Value
from .record import DamagedRow, from_row
from .schema import APPEND

__all__ = ["bounds", "check_numbers", "next_offset", "try_append"]

#: Text as bytes: damaged text must be judged by its checksum and not be an error of its own.
LAST = """
SELECT first, count, received, encoding, crc, CAST(types AS BLOB), CAST(origin AS BLOB), body
FROM blocks ORDER BY first DESC
"""
#: An offset so far behind the last whole row is not one that was given: nobody sends so much at once.
FAR = 1 << 40
#: The largest number of a row.
MOST = (1 << 63) - 1

_JSON = msgspec.json.Decoder(list[msgspec.Raw]).decode


def next_offset(connection: sqlite3.Connection, top: int) -> int:
    """The offset behind all that were given: by the last whole row, damaged rows behind it, and the consumers' ``top``.

    After a rescue, ``meta`` may know more: see mending.py.

    :raises sqlite3.DatabaseError: when the table's end is so damaged that it must be written anew.
    """
    whole = beyond = 0
    rows = connection.execute(LAST)
    try:
        for row in rows:
            try:
                whole = from_row(row).end
                break
            except DamagedRow:
                beyond = max(beyond, row[0] + _likely_count(*row[1:]))
    finally:
        rows.close()
    given = connection.execute("SELECT value FROM meta WHERE key = 'end'").fetchone()
    end = max([whole, int(given[0]) if given else 0, top])
    if beyond > end + FAR:
        raise sqlite3.DatabaseError("the last row's offset is damaged")
    return max(end, beyond)


def _likely_count(count: Value, _received: Value, encoding: Value, *rest: Value) -> int:
    """How many events a damaged row had: as many as its body has; else what it says; at worst too many."""
    body = rest[-1]
    if not isinstance(body, bytes):
        return 1
    try:
        return max(1, len(_JSON(b"[%b]" % body)) if encoding == Encoding.JSON else _objects(body))
    except (ValueError, msgspec.DecodeError, msgpack.exceptions.UnpackException):
        # No event is shorter than a byte.
        return count if isinstance(count, int) and 1 <= count <= len(body) else max(1, len(body))


def _objects(body: bytes) -> int:
    """How many objects of msgpack lie one behind the other."""
    unpacker = msgpack.Unpacker(max_buffer_size=len(body) + 1)
    unpacker.feed(body)
    count = 0
    while unpacker.tell() < len(body):
        unpacker.skip()
        count += 1
    return count


def check_numbers(numbers: Iterable[object]) -> None:
    """Whether what must be numbers are numbers: a damaged byte can make text of them.

    :raises sqlite3.DatabaseError: when one is not.
    """
    wrong = [number for number in numbers if not isinstance(number, int)]
    if wrong:
        raise sqlite3.DatabaseError(f"{wrong[0]!r:.50} should be a number")


def try_append(connection: sqlite3.Connection, end: int) -> None:
    """Append a row and take it back: does the table take more?

    :raises sqlite3.DatabaseError: when it does not, because its pages are damaged.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(APPEND, (min(end, MOST), 1, 0, 1, 0, "", "", b""))
    except sqlite3.OperationalError:
        # A full or read-only disk is no damage, and the first commit tells of it.
        pass
    finally:
        connection.rollback()


def bounds(connection: sqlite3.Connection) -> tuple[int, int]:
    """The first offset that is kept and the end behind the last, for who only reads."""
    end = next_offset(connection, 0)
    row = connection.execute("SELECT first FROM blocks ORDER BY first LIMIT 1").fetchone()
    return (int(row[0]) if row else end), end
