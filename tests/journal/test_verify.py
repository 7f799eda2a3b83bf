"""What is damaged is told, and what is whole is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.journal.verify import verify
from tests.journal.damage import filled, garble, pages_of, root_of
from tests.journal.support import InlineJournal, draft


@pytest.fixture
def path(tmp_path: Path) -> Path:
    filled(tmp_path, 100)
    return tmp_path / "journal.sqlite"


def sql(path: Path, statement: str) -> None:
    made = InlineJournal.__new__(InlineJournal)
    made.path = path
    made.sql(statement)


def kinds(path: Path) -> set[str]:
    return {problem.kind for problem in verify(str(path)).problems}


def test_a_whole_journal_is_whole(path: Path) -> None:
    steps: list[tuple[str, int, int]] = []

    found = verify(str(path), progress=lambda *step: steps.append(step))

    assert found.whole
    assert (found.rows, found.events, found.first, found.end) == (100, 1000, 0, 1000)
    assert steps[-1][1] > 0


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    InlineJournal(tmp_path).close()

    assert verify(str(tmp_path / "journal.sqlite")).whole


def test_a_flipped_bit_in_a_row_is_told_with_its_offsets(path: Path) -> None:
    sql(path, "UPDATE blocks SET crc = crc + 1 WHERE first = 500")

    (problem,) = verify(str(path)).problems

    assert (problem.kind, problem.first, problem.end) == ("rows", 500, 510)


def test_a_gap_is_told(path: Path) -> None:
    sql(path, "DELETE FROM blocks WHERE first IN (500, 510)")

    (problem,) = verify(str(path)).problems

    assert (problem.kind, problem.first, problem.end) == ("gap", 500, 520)


def test_an_overlap_is_told(path: Path) -> None:
    journal = InlineJournal(path.parent)
    journal.writer._end = 995
    journal.append(draft(10))
    journal.close()

    assert kinds(path) == {"overlap"}


def test_a_consumer_beyond_the_end_is_told(path: Path) -> None:
    sql(path, "UPDATE cursors SET offset = 5000")

    assert kinds(path) == {"consumer"}


def test_a_dead_letter_that_cannot_be_read_is_told(path: Path) -> None:
    sql(path, "UPDATE dead_letters SET event = x'00'")

    assert kinds(path) == {"dead_letter"}


def test_a_page_that_is_garbage_is_told(path: Path) -> None:
    leaf = pages_of(path, lambda page: page[0] == 0x0D and b'"000050' in page)[0]
    garble(path, leaf)

    assert kinds(path) >= {"rows", "structure"}


@pytest.mark.parametrize("table", ["blocks", "cursors", "meta", "state"])
def test_a_broken_table_is_told(path: Path, table: str) -> None:
    garble(path, root_of(path, table))

    assert not verify(str(path)).whole


def test_a_file_that_is_no_database_is_told(path: Path) -> None:
    garble(path, 1)

    assert kinds(path) == {"database"}


def test_what_a_rescue_did_not_find_is_known_and_no_damage(path: Path) -> None:
    leaf = pages_of(path, lambda page: page[0] == 0x0D and b'"000050' in page)[0]
    garble(path, leaf, root_of(path, "blocks"))
    InlineJournal(path.parent).close()

    found = verify(str(path))

    assert found.whole
    assert found.lost == 1000 - found.events > 0


def test_what_retention_drops_meanwhile_is_no_gap(path: Path) -> None:
    journal = InlineJournal(path.parent)

    def drop(what: str, done: int, total: int) -> None:
        journal.sql("DELETE FROM blocks WHERE first < 900")

    assert verify(str(path), progress=drop).whole
    journal.close()
