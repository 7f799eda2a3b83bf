from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from eventd.app import place
from eventd.app.place import Limits, Place, Private


def test_a_named_journal_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = Place("events.sqlite", Limits(retention_size=1000))
    found.file.touch()
    found.close()

    assert found.file == tmp_path / "events.sqlite"
    assert found.file.exists()
    assert (found.directory, found.passing) == (tmp_path, False)
    assert (found.options.fsync, found.options.retention_size) == (True, 1000)


def test_a_private_one_goes_and_nobody_else_reads_it(tmp_path: Path) -> None:
    found = Private(tmp_path)
    found.file.touch()
    assert found.directory.parent == tmp_path
    assert found.directory.stat().st_mode & 0o777 == 0o700
    assert found.passing
    assert not found.options.fsync
    found.close()

    assert list(tmp_path.iterdir()) == []


def test_it_is_in_memory_where_there_is_enough_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(place, "LEAST_FREE", 1)
    assert place._base() == tmp_path

    monkeypatch.setattr(place, "LEAST_FREE", 1 << 62)
    assert place._base() == Path(tempfile.gettempdir())

    monkeypatch.setattr(place, "SHARED_MEMORY", tmp_path / "no such thing")
    assert place._base() == Path(tempfile.gettempdir())


def test_what_a_killed_program_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = tmp_path / "eventd-left"
    young = tmp_path / "eventd-young"
    other = tmp_path / "other"
    for directory in (left, young, other):
        directory.mkdir()
        (directory / "file").touch()
    alive = Private(tmp_path)
    (tmp_path / "eventd-link").symlink_to(other)
    old = time.time() - 1000
    for directory in (left, other, alive.directory):
        os.utime(directory, (old, old))

    Private(tmp_path).close()

    assert {path.name for path in tmp_path.iterdir()} == {"eventd-young", "eventd-link", "other", alive.directory.name}
    assert (other / "file").exists()
    alive.close()
