"""A torn end of the WAL is nothing; commits behind a damaged frame are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.journal.connection import PAGE_SIZE, connect
from eventd.journal.wal import FRAME, HEADER, commits_behind
from tests.journal.support import InlineJournal, draft

STEP = FRAME.size + PAGE_SIZE


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The files of a daemon that was killed after five commits of one frame each."""
    journal = InlineJournal(tmp_path)
    journal.append(draft())
    journal.reopen()
    for _ in range(5):
        journal.append(draft())
    directory = journal.copy_to(tmp_path / "copy")
    journal.close()
    return directory


def wal_of(directory: Path) -> Path:
    return directory / "journal.sqlite-wal"


def flip(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def reopened(directory: Path) -> InlineJournal:
    return InlineJournal(directory)


def test_a_whole_wal_has_nothing_behind(copied: Path) -> None:
    assert (wal_of(copied).stat().st_size - HEADER.size) // STEP == 5
    connection = connect(str(copied / "journal.sqlite"))
    connection.execute("SELECT count(*) FROM blocks").fetchone()

    assert commits_behind(str(copied / "journal.sqlite")) == 0
    connection.close()


def test_no_wal_is_no_damage(tmp_path: Path) -> None:
    assert commits_behind(str(tmp_path / "journal.sqlite")) == 0


def test_a_torn_frame_at_the_end_is_ignored(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = wal_of(copied)
    path.write_bytes(path.read_bytes()[:-1000])

    journal = reopened(copied)

    assert journal.opened.end == 5
    assert not caplog.records
    journal.close()


def test_a_last_frame_with_an_old_page_behind_its_header_is_torn_and_not_damaged(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = wal_of(copied)
    raw = bytearray(path.read_bytes())
    raw[-PAGE_SIZE:] = b"\x55" * PAGE_SIZE
    path.write_bytes(raw)

    journal = reopened(copied)

    assert journal.opened.end == 5
    assert not caplog.records
    journal.close()


def test_an_empty_wal_is_ignored(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    wal_of(copied).write_bytes(b"")

    journal = reopened(copied)

    assert journal.opened.end == 1
    assert not caplog.records
    journal.close()


def test_a_flipped_bit_in_the_middle_is_told_and_the_wal_kept(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(wal_of(copied), HEADER.size + 2 * STEP + 100)
    damaged = wal_of(copied).read_bytes()

    journal = reopened(copied)

    assert journal.opened.end == 3
    assert "3 commits behind the damage are lost" in caplog.text
    (kept,) = copied.glob("*-wal.broken-*")
    assert kept.read_bytes() == damaged
    journal.close()


def test_a_damaged_header_is_told(copied: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(wal_of(copied), 17)

    journal = reopened(copied)

    assert journal.opened.end == 1
    assert "5 commits behind the damage are lost" in caplog.text
    journal.close()


def test_after_a_loss_the_offsets_have_another_epoch(copied: Path, tmp_path: Path) -> None:
    whole = InlineJournal(tmp_path)
    flip(wal_of(copied), HEADER.size + 100)

    journal = reopened(copied)

    assert journal.opened.identity.epoch != whole.opened.identity.epoch
    assert journal.opened.identity.node == whole.opened.identity.node
    whole.close()
    epoch = journal.opened.identity.epoch
    journal.reopen()
    assert journal.opened.identity.epoch == epoch
    journal.close()


def test_frames_from_before_the_wal_began_anew_are_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = InlineJournal(tmp_path)
    for _ in range(20):
        journal.append(draft())
    journal.sql("PRAGMA wal_checkpoint(PASSIVE)")
    journal.append(draft())

    again = InlineJournal(journal.copy_to(tmp_path / "copy"))

    assert again.opened.end == 21
    assert not caplog.records
    again.close()
    journal.close()
