"""Looks into SQLite's WAL for what SQLite does not tell: commits behind a damaged frame.

SQLite ends at the first frame whose checksum is wrong, and says nothing: right for a
writer that died in the middle of one, wrong for a bit that flipped in an earlier one. It
only reads, and only headers.
"""

from __future__ import annotations

import logging
import os
import shutil
import struct
import time
from typing import BinaryIO, NamedTuple

from .connection import PAGE_SIZE

__all__ = ["commits_behind", "committed_frames", "tell_lost"]

log = logging.getLogger(__name__)

#: magic, version, page size, sequence, two salts, two checksums; see SQLite's file format, section 4.1.
HEADER = struct.Struct(">8I")
#: page number, size of the database after a commit (else 0), two salts, two checksums.
FRAME = struct.Struct(">6I")

#: Of the WAL's index, in the machine's byte order: the number of valid frames, after four other words.
INDEX = struct.Struct("=16xI")

#: The magic number's last bit tells the byte order of the words that the checksums are over.
MAGICS = {0x377F0682: "<", 0x377F0683: ">"}


class _Header(NamedTuple):
    page_size: int
    salts: tuple[int, int] | None


def commits_behind(path: str) -> int:
    """How many whole commits the WAL of ``path`` seems to have behind the last one that SQLite took.

    To be asked while a connection is open that has read, and before anything is written.

    At most one after a power cut: it was not acknowledged, since its fsync had not
    returned. More, or one after a mere crash, are damage.
    """
    try:
        with open(path + "-wal", "rb") as wal:
            return _count(wal, _taken(path))
    except FileNotFoundError:
        return 0


def tell_lost(path: str) -> bool:
    """Look for commits behind a damaged frame; where there are any, keep the WAL for who wants to look closer."""
    lost = commits_behind(path)
    if lost:
        kept = f"{path}-wal.broken-{time.time_ns()}"
        log.error("the WAL is damaged: %d commits behind the damage are lost; it is kept as %s", lost, kept)
        try:
            shutil.copyfile(f"{path}-wal", kept)
        except OSError as error:
            log.error("it could not be kept: %s", error)
    return lost > 0


def committed_frames(wal: BinaryIO) -> dict[int, int]:
    """Page → where the newest frame of it that was committed has it. Checksums of frames are not looked at."""
    raw = wal.read(HEADER.size)
    if len(raw) < HEADER.size:
        return {}
    page_size, salts = _header(raw)
    frames: dict[int, int] = {}
    waiting: dict[int, int] = {}
    step = FRAME.size + page_size
    for start in range(HEADER.size, os.fstat(wal.fileno()).st_size - step + 1, step):
        wal.seek(start)
        page, size, *found, _, _ = FRAME.unpack(wal.read(FRAME.size))
        salts = salts or (found[0], found[1])
        if tuple(found) != salts:
            break
        waiting[page] = start + FRAME.size
        if size:
            frames.update(waiting)
            waiting.clear()
    return frames


def _taken(path: str) -> int:
    """The frames that SQLite took; asking by a checkpoint would need room on the disk."""
    return int(INDEX.unpack(os.pread(_index_of(path), INDEX.size, 0))[0])


#: Descriptors of WAL indexes. While its file is there, none is closed: with it would go all locks that this process
#: has on the file, SQLite's among them, and the next program that opens the journal would take itself for the only
#: one and cut the index off under our feet (SIGBUS).
_indexes: list[int] = []


def _index_of(path: str) -> int:
    """A descriptor of the WAL index, the same one for the same file."""
    there = os.stat(path + "-shm")
    for handle in list(_indexes):
        known = os.fstat(handle)
        if (known.st_dev, known.st_ino) == (there.st_dev, there.st_ino):
            return handle
        if not known.st_nlink:
            _indexes.remove(handle)
            os.close(handle)
    _indexes.append(os.open(path + "-shm", os.O_RDONLY | os.O_CLOEXEC))
    return _indexes[-1]


def _count(wal: BinaryIO, frames: int) -> int:
    raw = wal.read(HEADER.size)
    if len(raw) < HEADER.size:
        return 0
    page_size, salts = _header(raw)
    step = FRAME.size + page_size
    first = HEADER.size + frames * step
    commits = 0
    last, last_commits = first, False
    for start in range(first, os.fstat(wal.fileno()).st_size - step + 1, step):
        wal.seek(start)
        _, size, *found, _, _ = FRAME.unpack(wal.read(FRAME.size))
        salts = salts or (found[0], found[1])
        # Other salts: left from before the WAL was used from its start again.
        if tuple(found) != salts:
            break
        last, last_commits = start, size > 0
        commits += last_commits
    if commits == 1 and last_commits and _whole(wal, raw, frames, last, step):
        return 0
    return commits


def _whole(wal: BinaryIO, header: bytes, frames: int, end: int, step: int) -> bool:
    """Whether all frames behind those that SQLite took, up to the one at ``end``, are sound.

    Then that last one is torn and not damaged: SQLite writes a frame's header first, and
    where the WAL is used again an old page follows it when the writer dies in between.
    """
    magic, *_, one, two = HEADER.unpack(header)
    sums = one, two
    start = HEADER.size + frames * step
    if frames:
        wal.seek(start - step)
        *_, one, two = FRAME.unpack(wal.read(FRAME.size))
        sums = one, two
    while start < end:
        wal.seek(start)
        frame = wal.read(step)
        *_, one, two = FRAME.unpack(frame[: FRAME.size])
        sums = _checksum(frame[:8] + frame[FRAME.size :], MAGICS.get(magic, "<"), sums)
        if sums != (one, two):
            return False
        start += step
    return True


def _header(raw: bytes) -> _Header:
    """Page size and salts; no salts where the header is damaged, and the first frame has to tell."""
    magic, _, page_size, _, salt1, salt2, sum1, sum2 = HEADER.unpack(raw)
    order = MAGICS.get(magic, "<")
    if magic in MAGICS and _checksum(raw[:24], order) == (sum1, sum2):
        return _Header(page_size, (salt1, salt2))
    from_size = page_size if 512 <= page_size <= 65536 and page_size.bit_count() == 1 else PAGE_SIZE
    return _Header(from_size, None)


def _checksum(raw: bytes, order: str, before: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """SQLite's checksum over pairs of words, going on from what came before them."""
    words = struct.unpack(f"{order}{len(raw) // 4}I", raw)
    one, two = before
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = one + even + two & 0xFFFFFFFF
        two = two + odd + one & 0xFFFFFFFF
    return one, two
