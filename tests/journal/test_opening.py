"""The journal opens, whatever happened to its files; the tests are named for the damage and what should happen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.event import Block
from eventd.journal import Unit
from eventd.journal.connection import PAGE_SIZE
from eventd.journal.replacing import RESCUED
from eventd.journal.schema import VERSION
from tests.journal.support import InlineJournal, draft, letter


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, list[Block]]:
    """The directory of a journal that was closed, and its blocks."""
    journal = InlineJournal(tmp_path, node="north")
    journal.commit(Unit(cursors={"handler:h": 7}, dead=[letter("handler:h", 3)]))
    for number in range(50):
        journal.append(draft(10, body=b"%03d," % number * 5000))
    blocks = journal.blocks()
    journal.close()
    return tmp_path, blocks


def database(directory: Path) -> Path:
    return directory / "journal.sqlite"


def broken(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*broken*"))


def test_a_truncated_database_is_put_aside_and_rescued(
    filled: tuple[Path, list[Block]], caplog: pytest.LogCaptureFixture
) -> None:
    directory, blocks = filled
    size = database(directory).stat().st_size
    os.truncate(database(directory), size // 2)

    journal = InlineJournal(directory)

    rescued = journal.blocks()
    assert 15 < len(rescued) < 50
    assert rescued == blocks[: len(rescued)]
    assert journal.opened.end == rescued[-1].end
    assert journal.opened.cursors == {"handler:h": 7}
    assert journal.opened.dead == {"handler:h": 1}
    assert len(broken(directory)) == 1
    assert f"{len(rescued) * 10} events were rescued" in caplog.text
    assert journal.append(draft()).firsts == [rescued[-1].end]
    journal.close()


def test_a_database_cut_within_a_page_is_rescued(filled: tuple[Path, list[Block]]) -> None:
    directory, blocks = filled
    os.truncate(database(directory), 20 * PAGE_SIZE + 1234)

    journal = InlineJournal(directory)

    rescued = journal.blocks()
    assert rescued
    assert rescued == blocks[: len(rescued)]
    journal.close()


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database(tmp_path).write_bytes(b"not a database " * 5000)

    journal = InlineJournal(tmp_path)

    assert journal.opened.end == 0
    assert journal.append(draft()).firsts == [0]
    assert len(broken(tmp_path)) == 1
    assert "file is not a database" in caplog.text
    journal.close()


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    database(tmp_path).touch()

    journal = InlineJournal(tmp_path)

    assert journal.append(draft()).firsts == [0]
    assert broken(tmp_path) == []
    journal.close()


def test_a_missing_wal_index_is_made_anew(filled: tuple[Path, list[Block]], tmp_path: Path) -> None:
    directory, blocks = filled
    journal = InlineJournal(directory)
    journal.append(draft())
    copy = journal.copy_to(tmp_path / "copy")
    journal.close()

    again = InlineJournal(copy)

    assert len(again.blocks()) == len(blocks) + 1
    again.close()


def test_a_rescue_that_was_killed_begins_anew(filled: tuple[Path, list[Block]]) -> None:
    directory, _ = filled
    Path(f"{database(directory)}{RESCUED}").write_bytes(b"half a database")
    os.truncate(database(directory), 20 * PAGE_SIZE)

    journal = InlineJournal(directory)

    assert journal.blocks()
    assert not Path(f"{database(directory)}{RESCUED}").exists()
    journal.close()


def test_a_rescue_that_was_killed_at_its_last_step_is_finished(filled: tuple[Path, list[Block]]) -> None:
    directory, blocks = filled
    database(directory).rename(f"{database(directory)}{RESCUED}")

    journal = InlineJournal(directory)

    assert journal.blocks() == blocks
    journal.close()


def test_a_journal_in_use_is_refused(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)

    with pytest.raises(JournalUnavailable, match="in use"):
        InlineJournal(tmp_path)
    journal.close()


def test_a_later_version_is_refused_and_left_as_it_is(filled: tuple[Path, list[Block]]) -> None:
    directory, blocks = filled
    journal = InlineJournal(directory)
    journal.close()
    journal.sql("PRAGMA user_version = 99")

    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="format 99"):
            InlineJournal(directory)

    assert broken(directory) == []
    journal.sql(f"PRAGMA user_version = {VERSION}")
    journal.open()
    assert journal.blocks() == blocks
    journal.close()


def test_a_missing_directory_is_told_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="state_dir must exist"):
        InlineJournal(tmp_path / "missing")
