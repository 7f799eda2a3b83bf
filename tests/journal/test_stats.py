"""The numbers of a journal are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.event import Block
from eventd.journal import Unit
from eventd.journal.stats import collect
from tests.journal.support import InlineJournal, draft, letter


def types_of(block: Block) -> list[str]:
    return ["mixed.one", *["mixed.two"] * (block.count - 1)]


def test_everything_is_counted(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path, node="north")
    journal.commit(Unit(drafts=[draft(3)], cursors={"handler:h": 2}, dead=[letter("handler:h", 1)]))
    journal.append(draft(5, types=("mixed.one", "mixed.two")), draft(2, types=()))
    steps: list[tuple[int, int]] = []

    found = collect(str(journal.path), types_of, lambda *step: steps.append(step))

    assert (found.rows, found.events, found.first, found.end) == (3, 10, 0, 10)
    assert found.types == {"mixed.two": 5, "a.b": 3, "mixed.one": 2}
    assert found.encodings == {1: 10}
    assert found.recent == {"minute": 10, "hour": 10, "day": 10}
    assert found.oldest <= found.newest
    assert found.consumers["handler:h"].offset == 2
    assert found.dead == {"handler:h": 1}
    assert (found.node, found.epoch) == tuple(journal.opened.identity)
    assert found.body_bytes == sum(len(block.body) for block in journal.blocks())
    assert found.file_bytes + found.wal_bytes > 0
    assert steps == [(9, 8)] or steps[-1][0] >= steps[-1][1]
    journal.close()


def test_an_empty_journal_has_numbers_too(tmp_path: Path) -> None:
    InlineJournal(tmp_path).close()

    assert collect(str(tmp_path / "journal.sqlite"), types_of).events == 0


def test_a_row_that_cannot_be_read_is_counted_as_damaged(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    journal.append(draft(3), draft(4, types=()))
    journal.sql("UPDATE blocks SET crc = 1 WHERE first = 3")

    assert collect(str(journal.path), types_of).damaged == 4
    journal.close()


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"something else" * 999)

    with pytest.raises(JournalUnavailable):
        collect(str(tmp_path / "other"), types_of)
