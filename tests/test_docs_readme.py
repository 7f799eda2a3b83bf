"""README.md and docs/plugins.md: what they show works as it stands there."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventd import Event
from eventd.config.reader import load
from eventd.plugin.registry import Registry
from tests.support.plugins import KeepingEmitter, entry_points_of


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def block(page: Path, language: str, begin: str) -> str:
    [found] = [text for text in blocks(page, language) if text.startswith(begin)]
    return str(found)


@pytest.fixture
def package(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The README's package, in a directory that is imported from."""
    for language, name in (("python", "thermo.py"), ("ini", "setup.cfg"), ("toml", "pyproject.toml")):
        (tmp_path / name).write_text(block(root / "README.md", language, f"# {name}"))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("thermo", None)


def test_the_event_type_of_the_readme_can_be_registered(package: Path) -> None:
    found = Registry.load(load([], None, [f"eventd.state_dir={package}"]), entry_points_of(package / "setup.cfg"))

    assert found.failed == []
    assert [loaded.full_name for loaded in found.loaded] == ["event_type:reading"]


def test_it_does_what_the_readme_says(package: Path) -> None:
    thermo, emit = importlib.import_module("thermo"), KeepingEmitter()
    for celsius in (20.0, 31.5):
        reading = thermo.Reading(data=thermo.Reading.Data(celsius=celsius, sensor="roof"), subject="roof")
        reading.execute(emit, logging.getLogger("thermo"))

    assert emit.events == [Event("com.example.sensor.alarm", {"sensor": "roof"}, subject="roof")]


def test_pip_can_build_its_package(package: Path) -> None:
    build = tomllib.loads((package / "pyproject.toml").read_text())["build-system"]

    assert build == {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}


def test_the_settings_shown_for_the_shipped_plugins_are_theirs(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    [text] = blocks(root / "docs" / "plugins.md", "ini")
    file = tmp_path / "mine.ini"
    file.write_text(re.sub(r"file:\S+", f"file:{tmp_path}/secret", text))
    entries = [
        entry
        for name in ("hostmetrics", "jsonl", "github")
        for entry in entry_points_of(root / "plugins" / name / "setup.cfg")
    ]
    found = Registry.load(load([file], None, [f"eventd.state_dir={tmp_path}"]), entries)

    assert found.failed == []
    assert found.handlers["jsonl"].config.types == ("com.example.>", "com.github.>")  # type: ignore[attr-defined]  # the plugin's own
