"""Where the journal is, and what time is meant."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from eventd.cli.options import Settings
from eventd.cli.place import journal_file, nanoseconds
from eventd.errors import NotFound


def test_it_is_in_the_state_directory(tmp_path: Path) -> None:
    settings = Settings((), None, (f"eventd.state_dir={tmp_path}",))
    with pytest.raises(NotFound, match="there is no journal"):
        journal_file(settings)

    (tmp_path / "journal.sqlite").touch()

    assert journal_file(settings) == str(tmp_path / "journal.sqlite")
    (tmp_path / "other").touch()
    assert journal_file(settings, str(tmp_path / "other")) == str(tmp_path / "other")


def test_times_need_an_offset_from_utc() -> None:
    assert nanoseconds("1970-01-01T00:00:01.5Z") == 1_500_000_000
    for wrong in ("yesterday", "2026-01-31T12:00:00"):
        with pytest.raises(click.BadParameter):
            nanoseconds(wrong)
