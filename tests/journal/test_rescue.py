"""What is readable is rescued: the tests are named for the damage and what should happen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventd.event import Block
from eventd.journal.rescue import rescue
from tests.journal.damage import filled, garble, pages_of, root_of
from tests.journal.support import InlineJournal, draft

LEAF = 0x0D


@pytest.fixture
def whole(tmp_path: Path) -> list[Block]:
    return filled(tmp_path)


def rescued(directory: Path) -> InlineJournal:
    journal = InlineJournal(directory)
    assert len(list(directory.glob("*.sqlite.broken-*"))) == 1
    return journal


def leaves(path: Path) -> list[int]:
    return pages_of(path, lambda page: page[0] == LEAF and b'00"' not in page[:8] and b"xxxxxx" in page)


def test_without_damage_all_is_copied(tmp_path: Path, whole: list[Block]) -> None:
    found = rescue(str(tmp_path / "journal.sqlite"), str(tmp_path / "fresh"), "north")

    assert (found.events, found.lost) == (4000, 0)


def test_the_root_of_the_blocks_costs_no_event(tmp_path: Path, whole: list[Block]) -> None:
    path = tmp_path / "journal.sqlite"
    garble(path, root_of(path, "blocks"))

    journal = rescued(tmp_path)

    assert journal.blocks() == whole
    assert journal.opened.cursors == {"handler:h": 7}
    assert journal.opened.dead == {"handler:h": 1}
    assert journal.append(draft()).firsts == [4000]
    journal.close()


def test_a_broken_first_page_costs_no_event(tmp_path: Path, whole: list[Block]) -> None:
    garble(tmp_path / "journal.sqlite", 1)

    journal = rescued(tmp_path)

    assert journal.blocks() == whole
    assert journal.opened.cursors == {"handler:h": 7}
    assert journal.opened.dead == {"handler:h": 1}
    assert journal.sql("SELECT * FROM state") == [("handler:h", "k", b"v")]
    assert journal.append(draft()).firsts == [4000]
    journal.close()


def test_the_leaf_at_the_right_edge_costs_its_rows_only(tmp_path: Path, whole: list[Block]) -> None:
    path = tmp_path / "journal.sqlite"
    (edge,) = pages_of(path, lambda page: page[0] == LEAF and b'"000399' in page)
    garble(path, edge)

    journal = rescued(tmp_path)

    found = journal.blocks()
    assert 300 < len(found) < 400
    assert found == whole[: len(found)]
    assert journal.append(draft()).error is None
    journal.reopen()
    assert journal.append(draft()).error is None
    journal.close()


def test_a_root_and_a_leaf_together_cost_the_leaf(tmp_path: Path, whole: list[Block]) -> None:
    path = tmp_path / "journal.sqlite"
    lost = leaves(path)[3]
    garble(path, root_of(path, "blocks"), lost)

    journal = rescued(tmp_path)

    found = {block.first for block in journal.blocks()}
    assert 300 < len(found) < 400
    gaps = json.loads(str(journal.sql("SELECT value FROM meta WHERE key = 'gaps'")[0][0]))
    assert journal.opened.lost == 4000 - 10 * len(found) == sum(end - first for first, end in gaps)
    journal.close()


@pytest.mark.parametrize("table", ["cursors", "dead_letters", "state", "books", "meta"])
def test_the_first_page_of_any_other_table_costs_no_event(tmp_path: Path, whole: list[Block], table: str) -> None:
    path = tmp_path / "journal.sqlite"
    garble(path, root_of(path, table))

    journal = InlineJournal(tmp_path)

    assert journal.blocks() == whole
    assert journal.append(draft()).firsts == [4000]
    journal.close()


def test_events_in_the_wal_of_a_broken_database_are_rescued_too(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    for number in range(50):
        journal.append(draft(10, body=b"[%d]" % number))
    blocks = journal.blocks()
    copy = journal.copy_to(tmp_path / "copy")
    journal.close()
    # The database itself has nothing but its head yet.
    (copy / "journal.sqlite").write_bytes(b"\xff" * 16384)

    again = InlineJournal(copy)

    assert again.blocks() == blocks
    again.close()


def test_a_random_page_never_keeps_it_from_starting_and_taking_events(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    filled(tmp_path / "whole", 120)
    raw = (tmp_path / "whole" / "journal.sqlite").read_bytes()
    for number in range(1, len(raw) // 16384 + 1):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "journal.sqlite").write_bytes(raw)
        garble(directory / "journal.sqlite", number)

        journal = InlineJournal(directory)

        assert journal.append(draft()).error is None, f"page {number}"
        assert len(journal.blocks()) > 60, f"page {number}"
        journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE cursors SET offset = 'x'",
        "UPDATE cursors SET since = x'00'",
        "INSERT INTO books VALUES ('heard', 'x')",
    ],
)
def test_a_number_that_is_none_any_more_costs_its_row(tmp_path: Path, whole: list[Block], damage: str) -> None:
    journal = InlineJournal(tmp_path)
    journal.close()
    journal.sql(damage)

    again = rescued(tmp_path)

    assert again.blocks() == whole
    assert again.opened.dead == {"handler:h": 1}
    assert again.append(draft()).firsts == [4000]
    again.close()
