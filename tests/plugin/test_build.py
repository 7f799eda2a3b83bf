"""Running things are made of loaded plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.errors import PluginError
from eventd.plugin.build import bind, build, logger_of
from eventd.plugin.contract import Emitter
from tests.plugin import samples
from tests.plugin.support import entry, registry


def test_a_handler_is_built_with_its_config_logger_and_directory(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("handlers", "archive", "Archive"), text="[handler:archive]\nkeep = 7\n")

    archive = build(found.handlers["archive"], found.injector, found.configuration, {})

    assert archive.config.keep == 7
    assert archive.log.name == "eventd.handler.archive"
    assert archive.place == tmp_path / "plugins" / "handler-archive"
    assert archive.place.is_dir()
    assert archive.colour == "red"


def test_execute_is_called_with_what_it_asks_for(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        entry("event_types", "reading", "Reading"),
        entry("services", "clock", "make_clock"),
        text="[event_type:reading]\nlimit = 10\n",
    )
    emitted: list[object] = []
    execute = bind(
        found.event_types["reading"],
        found.injector,
        found.configuration,
        {Emitter: lambda type, data: emitted.append((type, data))},
    )

    execute(samples.Reading(data=samples.Reading.Data(celsius=11)))
    execute(samples.Reading(data=samples.Reading.Data(celsius=9)))

    assert emitted == [("com.example.alarm", 1)]
    found.injector.close()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("handlers", "archive", "Archive"))
    (tmp_path / "plugins").write_text("in the way")

    with pytest.raises(PluginError, match=r"handler:archive: its directory .* cannot be made"):
        build(found.handlers["archive"], found.injector, found.configuration, {})


def test_each_plugin_has_its_own_logger(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("sources", "ticker", "Ticker"))

    assert logger_of(found.sources["ticker"]).name == "eventd.source.ticker"
