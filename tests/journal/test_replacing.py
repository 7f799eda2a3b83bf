"""Two journals change places; killed between any two steps, the next start finishes or begins anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventd.journal import replacing
from eventd.journal.replacing import RESCUED, finish, replace
from tests.journal.damage import filled
from tests.journal.support import InlineJournal


def test_the_old_files_are_kept_under_another_name(tmp_path: Path) -> None:
    whole = filled(tmp_path, 50)
    before = (tmp_path / "journal.sqlite").read_bytes()
    released: list[bool] = []

    replace(str(tmp_path / "journal.sqlite"), "north", release=lambda: released.append(True))

    (broken,) = tmp_path.glob("*.broken-*[0-9]")
    assert broken.read_bytes() == before
    assert released == [True]
    journal = InlineJournal(tmp_path)
    assert journal.blocks() == whole
    journal.close()


def test_two_within_a_second_do_not_overwrite_each_other(tmp_path: Path) -> None:
    filled(tmp_path, 50)

    for _ in range(3):
        replace(str(tmp_path / "journal.sqlite"), "north")

    assert len([path for path in tmp_path.glob("*.broken-*") if path.name[-4:] not in ("-wal", "-shm")]) == 3


@pytest.mark.parametrize("step", range(4))
def test_a_kill_between_two_renames_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    journal = InlineJournal(tmp_path)
    journal.close()
    whole = filled(tmp_path, 50)
    (tmp_path / "journal.sqlite-wal").touch()
    steps = iter(range(9))
    rename = os.rename

    def killed(old: str, new: str) -> None:
        if next(steps) == step:
            raise KeyboardInterrupt
        rename(old, new)

    monkeypatch.setattr(replacing.os, "rename", killed)
    try:
        replace(str(tmp_path / "journal.sqlite"), "north")
    except KeyboardInterrupt:
        pass
    monkeypatch.undo()

    journal.open()
    assert journal.blocks() == whole
    journal.close()


def test_a_rescue_that_was_not_finished_goes(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()
    Path(f"{path}{RESCUED}").touch()

    finish(str(path))

    assert [each.name for each in tmp_path.iterdir()] == ["journal.sqlite"]
