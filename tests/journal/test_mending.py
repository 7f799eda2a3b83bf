"""Damage that a commit meets is mended while the daemon runs, and nobody is refused for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd import green
from eventd.journal import Unit
from eventd.journal.connection import PAGE_SIZE
from eventd.journal.mending import is_damage
from tests.journal.damage import filled, garble
from tests.journal.support import InlineJournal, draft, on_hub, opened
from tests.support.wait import until

#: Needs pages of the list of free ones.
LARGE = b"[1]" + b" " * (5 * PAGE_SIZE)


def damage_free_pages(directory: Path) -> Path:
    """Make a journal that opens as if all was well, and whose free pages are damaged."""
    filled(directory)
    path = directory / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM blocks WHERE first < 2000")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    garble(path, int.from_bytes(path.read_bytes()[32:36], "big"))
    return path


def test_a_commit_that_meets_damage_succeeds_after_mending(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage_free_pages(tmp_path)
    journal = InlineJournal(tmp_path)
    epoch, before = journal.opened.identity.epoch, journal.blocks()

    outcome = journal.append(draft(1, body=LARGE))

    assert outcome.error is None
    assert outcome.firsts == [4000]
    journal.reader.close()
    assert [block.first for block in journal.blocks()] == [*(block.first for block in before), 4000]
    assert len(list(tmp_path.glob("*.sqlite.broken-*[0-9]"))) == 1
    assert "2000 events were rescued" in caplog.text
    journal.reopen()
    assert journal.opened.identity.epoch == epoch
    assert journal.opened.end == 4001
    assert journal.opened.cursors == {"handler:h": 7}
    assert journal.opened.dead == {"handler:h": 1}
    journal.close()


def test_what_the_writer_knows_is_kept_though_its_page_is_lost(tmp_path: Path) -> None:
    path = damage_free_pages(tmp_path)
    journal = InlineJournal(tmp_path)
    journal.commit(Unit(cursors={"handler:h": 3000}, books={"heard": 5}))
    journal.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    (root,) = journal.sql("SELECT rootpage FROM sqlite_schema WHERE name = 'cursors'")[0]
    garble(path, int(str(root)))

    assert journal.append(draft(1, body=LARGE)).error is None

    assert journal.sql("SELECT consumer, offset FROM cursors") == [("handler:h", 3000)]
    assert journal.sql("SELECT name, count FROM books") == [("heard", 5)]
    journal.close()


def test_offsets_of_lost_rows_are_not_given_again_after_a_restart(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    journal.append(draft(10))
    journal.close()
    journal.sql("DELETE FROM blocks")
    journal.sql("INSERT INTO meta VALUES ('end', 10)")

    journal.open()

    assert journal.opened.end == 10
    journal.close()


def test_readers_and_waiters_go_on_in_the_mended_journal(tmp_path: Path) -> None:
    path = damage_free_pages(tmp_path)

    def main() -> None:
        with opened(tmp_path, memory=0) as journal:
            answers: list[object] = []
            assert journal.read(2000)[0].first == 2000
            journal.submit(Unit(drafts=[draft(1, body=LARGE)]), answers.append)
            journal.submit(Unit(drafts=[draft(2)]), answers.append)
            until(lambda: len(answers) == 2, what="both answers", pause=green.sleep)
            assert [getattr(answer, "first", answer) for answer in answers] == [4000, 4001]
            assert [block.first for block in journal.read(4000)] == [4000, 4001]
            assert journal.problem is None
            assert journal.end == 4003

    # Somebody else looks into the old file all the time, and closes it last.
    other = sqlite3.connect(path)
    other.execute("SELECT count(*) FROM blocks").fetchone()
    on_hub(main)
    other.close()

    with sqlite3.connect(path) as after:
        assert after.execute("SELECT max(first) FROM blocks").fetchone() == (4001,)
    after.close()


def test_a_second_damage_soon_after_is_refused_and_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_free_pages(tmp_path)
    journal = InlineJournal(tmp_path)
    monkeypatch.setattr(journal.writer._mender, "_not_before", 1e12)

    assert isinstance(journal.append(draft(1, body=LARGE)).error, sqlite3.DatabaseError)

    monkeypatch.setattr(journal.writer._mender, "_not_before", 0.0)
    assert journal.append(draft(1, body=LARGE)).error is None
    journal.close()


def test_a_mended_journal_that_cannot_be_opened_yet_refuses_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage_free_pages(tmp_path)
    journal = InlineJournal(tmp_path)
    monkeypatch.setattr(journal.writer, "_read", _full)

    assert journal.append(draft(1, body=LARGE)).error is not None
    assert journal.append(draft()).error is not None

    monkeypatch.undo()
    assert journal.append(draft()).firsts == [4000]
    journal.close()


def _full(connection: sqlite3.Connection) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def test_a_full_disk_or_a_wrong_value_is_no_damage() -> None:
    assert is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    assert not is_damage(sqlite3.OperationalError("database or disk is full"))
    assert not is_damage(sqlite3.IntegrityError("NOT NULL constraint failed"))
    assert not is_damage(ValueError())
