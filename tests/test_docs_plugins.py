"""docs/plugins.md: the package that it makes works as it stands there."""

from __future__ import annotations

import importlib
import logging
import re
import sys
from pathlib import Path

import pytest

import eventd
from eventd import Batch, Event, Request
from eventd.config.reader import load
from eventd.plugin.registry import Registry
from tests.support.plugins import KeepingEmitter, entry_points_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "plugins.md").read_text()


def block(language: str, begin: str) -> str:
    found = [text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if text.startswith(begin)]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The page's package, in a directory that is imported from."""
    (tmp_path / "weather.py").write_text(block("python", "# weather.py"))
    (tmp_path / "setup.cfg").write_text(block("ini", "# setup.cfg"))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("weather", None)


@pytest.fixture
def registry(package):
    (package / "eventd.ini").write_text(f"[eventd]\nstate_dir = {package}\n" + block("ini", "[handler:averages]"))
    return Registry.load(load([package / "eventd.ini"], None, []), entry_points_of(package / "setup.cfg"))


def test_all_plugins_of_the_page_can_be_registered(registry):
    assert registry.failed == []
    assert [loaded.full_name for loaded in registry.loaded] == [
        "service:units",
        "event_type:reading",
        "handler:averages",
        "webhook:station",
    ]
    assert registry.disabled == ["source:clock"]
    assert registry.handlers["averages"].config.digits == 2


def test_they_do_what_the_page_says(package, caplog):
    weather, emit = importlib.import_module("weather"), KeepingEmitter()
    caplog.set_level("INFO")
    hot = weather.Reading(data=weather.Reading.Data(celsius=40.0, sensor="roof"))
    hot.execute(emit, weather.Units())
    request = Request(method="POST", path="/hooks/station", target="", query={"sensor": ["yard"]}, body=b"12.5")
    weather.Station().receive(request, emit)
    weather.Averages(weather.Averages.Config(), logging.getLogger()).handle(Batch.of([hot]))

    assert emit.events == [
        Event("com.example.weather.alarm", {"fahrenheit": 104.0}, subject="roof"),
        Event("com.example.weather.reading", {"celsius": 12.5, "sensor": "yard"}),
    ]
    assert "1 readings, 40.0 °C on average" in caplog.text


@pytest.mark.parametrize("name", sorted(set(eventd.__all__) - {"UNSET", "__version__"}))
def test_everything_that_plugin_authors_import_is_on_the_page(name):
    assert re.search(rf"\b{name}\b", PAGE)
