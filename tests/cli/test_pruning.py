"""Without a daemon: what root makes in the state directory stays the daemon's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventd.cli.options import Settings
from eventd.cli.pruning import prune_journal
from tests.journal.support import InlineJournal, draft


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_the_lock_belongs_to_the_journals_owner(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    journal.append(draft(), draft())
    journal.close()
    os.unlink(tmp_path / "journal.sqlite.lock")
    for path in tmp_path.iterdir():
        os.chown(path, 65534, 65534)
    settings = Settings((), None, (f"eventd.state_dir={tmp_path}", f"eventd.run_dir={tmp_path}"))

    assert prune_journal(settings, "1", None, False)["events"] == 1

    assert {os.stat(path).st_uid for path in tmp_path.iterdir()} == {65534}
