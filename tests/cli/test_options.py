"""-c and -o."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.cli import options
from eventd.cli.options import Settings
from eventd.errors import ConfigurationError


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the place of /etc/eventd."""
    monkeypatch.setattr(options, "OWN", tmp_path / "none")
    monkeypatch.setattr(options, "SYSTEM", tmp_path)
    return tmp_path


def test_without_c_the_systems_files_are_read(system: Path) -> None:
    (system / "eventd.ini").write_text("[eventd]\nnode = a\nrun_dir = /a\n")
    (system / "conf.d").mkdir()
    (system / "conf.d/x.ini").write_text("[eventd]\nnode = b\n")

    eventd = Settings.of((), ("eventd.log_level=error",)).load().eventd

    assert (eventd.node, eventd.run_dir, eventd.log_level) == ("b", "/a", "error")


def test_where_there_are_none_the_defaults_hold(system: Path) -> None:
    assert Settings.of((), ()).load().eventd.run_dir == "/run/eventd"


def test_a_virtual_environment_may_have_its_own(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = system / "venv/etc/eventd"
    monkeypatch.setattr(options, "OWN", own)
    (system / "eventd.ini").write_text("[eventd]\nnode = system\nrun_dir = /system\n")
    assert Settings.of((), ()).load().eventd.run_dir == "/system"

    (own / "conf.d").mkdir(parents=True)
    (own / "conf.d/run.ini").write_text("[eventd]\nrun_dir = /own\n")
    settings = Settings.of((), ())

    assert settings.load().eventd.run_dir == "/own"
    assert settings.load().eventd.node != "system"


def test_with_c_only_those_files_are_read(system: Path) -> None:
    (system / "eventd.ini").write_text("nonsense")
    file = system / "mine.ini"
    file.write_text("[eventd]\nnode = mine\n")

    assert Settings.of((str(file),), ()).load().eventd.node == "mine"


def test_a_file_that_was_named_must_be_there(system: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Settings.of((str(system / "none"),), ()).load()
