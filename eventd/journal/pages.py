"""Reads rows out of a database's pages without SQLite: for what SQLite cannot reach any more.

Where a page that leads to others is damaged, those others are still whole. This walks
over all pages of the file and of its WAL, takes each that looks like one with rows, and
gives every record that can be read from it. It knows SQLite's file format (its sections
1.5, 1.6, 2.1 and 4) and nothing of the tables; whoever asks judges what a record is. It
may give rows that were deleted long ago, and rows twice.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, NamedTuple

from .connection import PAGE_SIZE
from .wal import committed_frames

__all__ = ["Found", "Pages", "Value"]

Value = int | float | str | bytes | None

#: The first byte of pages that have rows: an index's inner page, its leaf, a table's leaf.
INDEX_INNER, INDEX_LEAF, TABLE_LEAF = 0x02, 0x0A, 0x0D
#: Before the cells' places: the header of a leaf, and of an inner page; and of the file, on page 1.
LEAF_HEADER, INNER_HEADER, FILE_HEADER = 8, 12, 100
#: A body has at most so many bytes: more is a damaged length.
MOST_BYTES = 1 << 30

COUNT = struct.Struct(">3xH")
PLACE = struct.Struct(">H")
NUMBER = struct.Struct(">I")
REAL = struct.Struct(">d")
#: Serial type → bytes, for whole numbers; 8 and 9 are the numbers 0 and 1 themselves.
INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


class Found(NamedTuple):
    """A record: its row's number (none in an index) and the values of its columns."""

    rowid: int | None
    values: list[Value]


class Pages:
    """All pages of a database file, with what its WAL has of them."""

    def __init__(self, path: str) -> None:
        self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        self.count = os.fstat(self._file.fileno()).st_size // PAGE_SIZE
        #: Page → where it is in the WAL: the newest one that is there.
        self._frames: dict[int, int] = {}
        self._wal: BinaryIO | None = None
        with contextlib.suppress(FileNotFoundError):
            self._wal = open(path + "-wal", "rb")  # noqa: SIM115 - closed by __exit__
            self._frames = committed_frames(self._wal)

    def __enter__(self) -> Pages:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    def records(self) -> Iterator[Found]:
        """Every record that can be read, page by page; what cannot be read is passed over."""
        for number in range(1, max([self.count, *self._frames]) + 1):
            page = self._page(number)
            if page is not None and page[_start(number)] in (INDEX_INNER, INDEX_LEAF, TABLE_LEAF):
                yield from self._cells(page, _start(number))

    def _page(self, number: int) -> bytes | None:
        file, place = self._file, (number - 1) * PAGE_SIZE
        if self._wal is not None and number in self._frames:
            file, place = self._wal, self._frames[number]
        try:
            file.seek(place)
            page = file.read(PAGE_SIZE)
        except (OSError, ValueError):
            # A sector that the disk cannot read, or a number that leads nowhere.
            return None
        return page if len(page) == PAGE_SIZE else None

    def _cells(self, page: bytes, start: int) -> Iterator[Found]:
        kind = page[start]
        places = start + (INNER_HEADER if kind == INDEX_INNER else LEAF_HEADER)
        (count,) = COUNT.unpack_from(page, start)
        for index in range(min(count, (PAGE_SIZE - places) // 2)):
            (place,) = PLACE.unpack_from(page, places + 2 * index)
            try:
                yield self._cell(page, kind, place)
            except (ValueError, IndexError, struct.error):
                continue

    def _cell(self, page: bytes, kind: int, place: int) -> Found:
        if kind == INDEX_INNER:
            place += NUMBER.size
        size, place = _varint(page, place)
        rowid = None
        if kind == TABLE_LEAF:
            rowid, place = _varint(page, place)
        if size > MOST_BYTES:
            raise ValueError("too long for a record")
        return Found(rowid, _record(self._payload(page, place, size, table=kind == TABLE_LEAF)))

    def _payload(self, page: bytes, place: int, size: int, *, table: bool) -> bytes:
        """The bytes of a record: those on its page, and those on the chain of pages behind it."""
        local = _local(size, table=table)
        if local == size:
            return page[place : place + size]
        parts, left = [page[place : place + local]], size - local
        (following,) = NUMBER.unpack_from(page, place + local)
        while left > 0:
            chained = self._page(following) if following else None
            if chained is None:
                raise ValueError("its chain of pages is broken")
            (following,) = NUMBER.unpack_from(chained)
            parts.append(chained[NUMBER.size : NUMBER.size + left])
            left -= PAGE_SIZE - NUMBER.size
        return b"".join(parts)


def _start(number: int) -> int:
    """Where the page's own header is: the first page has the file's before it."""
    return FILE_HEADER if number == 1 else 0


def _local(size: int, *, table: bool) -> int:
    """How much of a record of ``size`` bytes is on the page itself."""
    most = PAGE_SIZE - 35 if table else (PAGE_SIZE - 12) * 64 // 255 - 23
    if size <= most:
        return size
    least = (PAGE_SIZE - 12) * 32 // 255 - 23
    local = least + (size - least) % (PAGE_SIZE - 4)
    return local if local <= most else least


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for index in range(8):
        byte = raw[place + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + index + 1
    value = value << 8 | raw[place + 8]
    return value - (1 << 64 if value >= 1 << 63 else 0), place + 9


def _record(raw: bytes) -> list[Value]:
    """The values of a record: a header of types, then the values one behind the other.

    :raises ValueError: when it is none. :raises IndexError: when it ends too early.
    """
    end, place = _varint(raw, 0)
    kinds = []
    while place < end:
        kind, place = _varint(raw, place)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, place = _value(raw, place, kind)
        values.append(value)
    if place != len(raw):
        raise ValueError("no record")
    return values


def _value(raw: bytes, place: int, kind: int) -> tuple[Value, int]:
    if kind >= 12:
        end = place + (kind - 12) // 2
        return (raw[place:end] if kind % 2 == 0 else raw[place:end].decode()), end
    if kind in INTEGERS:
        end = place + INTEGERS[kind]
        return int.from_bytes(raw[place:end], "big", signed=True), end
    if kind == 7:
        return REAL.unpack_from(raw, place)[0], place + REAL.size
    if kind in (10, 11):
        raise ValueError("no record")
    return {0: None, 8: 0, 9: 1}[kind], place
