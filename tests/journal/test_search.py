"""A search finds the block of an offset, and its way around damage: the tests are named for what should happen."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from eventd.journal.connection import PAGE_SIZE, connect
from eventd.journal.reader import Reader
from eventd.journal.search import Hole
from tests.journal.support import InlineJournal, draft

#: Larger than a page: the body lies in overflow pages.
LARGE = 3 * PAGE_SIZE


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = InlineJournal(tmp_path)
    for number in range(10):
        made.append(draft(2, body=b"%d" % number * 10))
    yield made
    made.close()


def damage_page(path: Path, containing: bytes) -> None:
    """Overwrite each page of the database that has these bytes."""
    raw = bytearray(path.read_bytes())
    hits = 0
    for start in range(0, len(raw), PAGE_SIZE):
        if containing in raw[start : start + PAGE_SIZE]:
            raw[start : start + PAGE_SIZE] = b"\xa5" * PAGE_SIZE
            hits += 1
    assert hits
    path.write_bytes(raw)


def test_an_offset_within_a_block_gives_the_whole_block(journal: InlineJournal) -> None:
    assert [block.first for block in journal.scan(5).blocks] == [4, 6, 8, 10, 12, 14, 16, 18]
    assert [block.first for block in journal.scan(18).blocks] == [18]
    assert journal.scan(19).blocks[0].first == 18


def test_the_end_of_the_scan_is_respected(journal: InlineJournal) -> None:
    scan = journal.scan(0, end=4)

    assert [block.first for block in scan.blocks] == [0, 2]
    assert scan.upto == 4


def test_beyond_the_end_there_is_nothing(journal: InlineJournal) -> None:
    scan = journal.scan(20, end=20)

    assert (scan.blocks, scan.holes, scan.upto) == ([], [], 20)


def test_a_limit_ends_the_scan_but_gives_at_least_one(journal: InlineJournal) -> None:
    scan = journal.scan(0, limit=1)

    assert len(scan.blocks) == 1
    assert scan.upto == 2


def test_a_flipped_bit_is_a_hole_and_the_rest_is_read(journal: InlineJournal) -> None:
    journal.sql("UPDATE blocks SET body = '33333333X3' WHERE first = 6")

    scan = journal.scan()

    assert [block.first for block in scan.blocks] == [0, 2, 4, 8, 10, 12, 14, 16, 18]
    assert scan.holes == [Hole(6, 8, "its checksum differs")]


def test_damaged_neighbours_are_one_hole(journal: InlineJournal) -> None:
    journal.sql("UPDATE blocks SET crc = crc + 1 WHERE first IN (4, 6, 8)")

    scan = journal.scan()

    assert [(hole.first, hole.end) for hole in scan.holes] == [(4, 10)]


def test_a_damaged_last_row_is_a_hole_up_to_the_end(journal: InlineJournal) -> None:
    journal.sql("UPDATE blocks SET crc = crc + 1 WHERE first = 18")

    scan = journal.scan(18, end=20)

    assert scan.blocks == []
    assert [(hole.first, hole.end) for hole in scan.holes] == [(18, 20)]
    assert scan.upto == 20


def test_text_that_is_no_utf8_is_a_hole(journal: InlineJournal) -> None:
    journal.sql("UPDATE blocks SET origin = CAST(x'ff' AS TEXT) WHERE first = 2")

    assert [(hole.first, hole.end) for hole in journal.scan().holes] == [(2, 4)]


def test_a_damaged_count_does_not_lose_what_follows(journal: InlineJournal) -> None:
    journal.sql("UPDATE blocks SET count = 1000000 WHERE first = 4")

    assert [block.first for block in journal.scan().blocks] == [0, 2, 6, 8, 10, 12, 14, 16, 18]


def test_a_retained_away_offset_gives_what_is_left(journal: InlineJournal) -> None:
    journal.sql("DELETE FROM blocks WHERE first < 7")

    scan = journal.scan(1)

    assert scan.blocks[0].first == 8
    assert scan.holes == []


def test_a_damaged_overflow_page_costs_one_row(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    for number in range(6):
        journal.append(draft(10, body=b"%d" % number * LARGE))
    journal.close()
    damage_page(journal.path, b"3" * 5000)
    journal.open()

    scan = journal.scan(end=60)

    assert [block.first for block in scan.blocks] == [0, 10, 20, 40, 50]
    assert [(hole.first, hole.end) for hole in scan.holes] == [(30, 40)]
    journal.close()


def test_a_damaged_leaf_costs_its_rows_and_no_others(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    for number in range(200):
        journal.append(draft(10, body=b"%04d;" % number * 200))
    journal.close()
    damage_page(journal.path, b"0100;" * 200)
    journal.open()

    scan = journal.scan(end=2000)

    firsts = [block.first for block in scan.blocks]
    (hole,) = scan.holes
    assert hole.first <= 1000 < hole.end
    assert 10 < len(firsts) + (hole.end - hole.first) // 10 == 200
    assert firsts == [*range(0, hole.first, 10), *range(hole.end, 2000, 10)]
    assert journal.scan(1000, end=2000).blocks[0].first == hole.end
    journal.writer.close()
    journal.reader.close()
    journal.unlock()


def test_a_scan_leaves_no_statement_open(journal: InlineJournal) -> None:
    """An open statement would keep the WAL from ever being used again."""
    journal.scan(limit=1)
    other = connect(str(journal.path))

    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()


def test_damage_does_not_widen_the_limit(journal: InlineJournal) -> None:
    journal.sql("UPDATE blocks SET crc = crc + 1 WHERE first IN (2, 6, 10)")

    assert len(journal.scan(limit=3 * 260).blocks) == 3


def test_a_file_cut_anywhere_gives_each_row_once_and_in_order(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    for number in range(50):
        journal.append(draft(10, body=b"%03d," % number * 5000))
    journal.close()
    whole = journal.path.read_bytes()
    for pages in range(2, len(whole) // PAGE_SIZE):
        # SQLite takes what is missing for zeros, and may read the row 0 out of them again and again.
        journal.path.write_bytes(whole[: pages * PAGE_SIZE + PAGE_SIZE // 2])
        reader = Reader(partial(connect, str(journal.path), writable=False, forgiving=True))
        firsts = [block.first for block in reader.scan(0, 1 << 62, 1 << 30).blocks]
        reader.close()
        assert firsts == sorted(set(firsts))
