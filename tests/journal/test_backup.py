"""A backup is the journal at one moment, complete or not there at all."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.journal import backup as module
from eventd.journal.backup import backup
from eventd.journal.verify import verify
from tests.journal.damage import filled
from tests.journal.support import InlineJournal, draft


def test_a_backup_while_commits_go_on_is_consistent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP_PAGES", 2)
    blocks = filled(tmp_path, 200)
    journal = InlineJournal(tmp_path)
    steps: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        journal.append(draft(10))

    backup(str(tmp_path / "journal.sqlite"), str(tmp_path / "copy"), progress)

    assert len(steps) > 5
    assert steps[-1][0] == steps[-1][1]
    journal.close()
    found = verify(str(tmp_path / "copy"))
    assert found.whole
    assert found.end == blocks[-1].end


def test_a_backup_can_be_gone_on_from(tmp_path: Path) -> None:
    blocks = filled(tmp_path, 50)
    (tmp_path / "new").mkdir()

    backup(str(tmp_path / "journal.sqlite"), str(tmp_path / "new" / "journal.sqlite"))

    again, old = InlineJournal(tmp_path / "new"), InlineJournal(tmp_path)
    assert again.blocks() == blocks
    assert again.opened.cursors == {"handler:h": 7}
    assert again.opened.identity.node == old.opened.identity.node
    assert again.opened.identity.epoch != old.opened.identity.epoch
    again.close()
    old.close()


def test_a_backup_is_one_file_that_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    filled(tmp_path, 20)
    (tmp_path / "copies").mkdir()

    backup(str(tmp_path / "journal.sqlite"), str(tmp_path / "copies" / "one"))

    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["one"]
    assert os.stat(tmp_path / "copies" / "one").st_mode & 0o007 == 0
    connection = sqlite3.connect(f"file:{tmp_path}/copies/one?mode=ro&immutable=1", uri=True)
    assert connection.execute("SELECT count(*) FROM blocks").fetchone() == (20,)
    connection.close()


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    filled(tmp_path, 20)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(str(tmp_path / "journal.sqlite"), str(tmp_path / "copy"), interrupt)
    with pytest.raises(JournalUnavailable):
        backup(str(tmp_path / "journal.sqlite"), str(tmp_path / "missing" / "copy"))

    assert not list(tmp_path.glob("copy*"))
