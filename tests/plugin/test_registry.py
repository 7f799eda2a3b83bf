"""Which plugins are found, and what is told of those that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eventd.event import Batch
from eventd.plugin.contract import Handler
from eventd.plugin.registry import Registry
from tests.plugin import samples
from tests.plugin.support import configuration, entry, registry

PACKAGE = '''
from eventd.event import Batch
from eventd.plugin.contract import Handler

class Sink(Handler):
    """Swallows everything."""
    types = (">",)
    def handle(self, batch: Batch) -> None: ...
'''


def only_failure(found: Registry) -> str:
    assert len(found.failed) == 1, found.failed
    assert found.loaded == []
    return str(found.failed[0][1])


def test_an_installed_package_is_found_by_its_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "eventd_sink-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: eventd-sink\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[eventd.handlers]\nsink = eventd_sink_sample:Sink\n")
    (tmp_path / "eventd_sink_sample.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))

    found = Registry.load(configuration(tmp_path))

    sink = found.handlers["sink"]
    assert (sink.package, sink.version, sink.value) == ("eventd-sink", "1.2", "eventd_sink_sample:Sink")
    assert (sink.full_name, sink.summary, sink.types) == ("handler:sink", "Swallows everything.", (">",))
    del sys.modules["eventd_sink_sample"]


def test_each_kind_is_kept_under_its_name(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        entry("sources", "ticker", "Ticker"),
        entry("sources", "hook", "Hook"),
        entry("handlers", "archive", "Archive"),
        entry("event_types", "reading", "Reading"),
        entry("services", "clock", "Clock"),
    )

    assert found.failed == []
    assert [one.full_name for one in found.loaded] == [
        "service:clock", "event_type:reading", "handler:archive", "source:ticker", "webhook:hook"
    ]  # fmt: skip
    assert found.types == {"com.example.reading": samples.Reading}
    assert found.schemas == {"com.example.reading": samples.Reading.Data}


def test_a_disabled_plugin_is_not_imported(tmp_path: Path) -> None:
    found = registry(
        tmp_path, entry("handlers", "gone", "Sink", module="eventd_no_such"), text="[handler:gone]\nenabled = no\n"
    )

    assert (found.failed, found.loaded, found.disabled) == ([], [], ["handler:gone"])


def test_one_that_cannot_be_imported_is_told_and_the_rest_is_loaded(tmp_path: Path) -> None:
    found = registry(
        tmp_path, entry("handlers", "gone", "Sink", module="eventd_no_such"), entry("handlers", "archive", "Archive")
    )

    assert list(found.handlers) == ["archive"]
    assert [name for name, _ in found.failed] == ["handler:gone"]
    assert str(found.failed[0][1]) == "handler:gone: ModuleNotFoundError: No module named 'eventd_no_such'"


def test_a_module_that_exits_when_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eventd_exits.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    told = only_failure(registry(tmp_path, entry("handlers", "bad", "X", module="eventd_exits")))
    assert f"SystemExit: 3 ({tmp_path}/eventd_exits.py:1)" in told


def test_several_event_types_of_one_entry_are_checked_one_by_one(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("event_types", "several", "SEVERAL"))

    assert list(found.event_types) == ["several/com.example.silent"]
    assert len(found.failed) == 2


def test_a_type_is_declared_once(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("event_types", "a", "Silent"), entry("event_types", "b", "Silent"))

    assert list(found.event_types) == ["a"]
    assert "declared by Silent already" in str(found.failed[0][1])


def test_a_name_is_registered_once(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("handlers", "a", "Archive"), entry("handlers", "a", "Coroutine"))

    assert found.handlers["a"].subject is samples.Archive
    assert "a second time" in str(found.failed[0][1])


def test_a_path_has_one_webhook(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("sources", "a", "Hook"), entry("sources", "b", "OtherHook"))

    assert list(found.webhooks) == ["a"]
    assert "/hooks/example is taken by a" in str(found.failed[0][1])


def test_a_section_without_a_plugin_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    found = registry(tmp_path, entry("handlers", "archive", "Archive"), text="[handler:archiv]\nattempts = 2\n")

    assert "no installed package registers it; did you mean archive?" in str(found.failed[0][1])
    assert "eventd.ini:5" in str(found.failed[0][1])


def test_a_plugin_gets_the_keys_of_its_section(tmp_path: Path) -> None:
    found = registry(
        tmp_path, entry("handlers", "archive", "Archive"), text="[handler:archive]\nkeep = 7\nattempts = 2\n"
    )

    archive = found.handlers["archive"]
    assert archive.config == samples.Archive.Config(keep=7)
    assert archive.options.attempts == 2


def test_keys_that_do_not_fit_are_told_with_their_line(tmp_path: Path) -> None:
    found = registry(
        tmp_path, entry("handlers", "archive", "Archive"), text="[handler:archive]\nkeep = many\nkeap = 1\n"
    )

    told = only_failure(found)
    assert "eventd.ini:6: keep" in told
    assert "did you mean keep?" in told


@pytest.mark.parametrize(
    ("group", "attribute", "told"),
    [
        ("event_types", "Nameless", "Nameless has no type"),
        ("event_types", "Loose", "Loose.Data is not a msgspec.Struct"),
        ("event_types", "Archive", "Archive is not a subclass of eventd.Event"),
        ("event_types", "Greedy", "the parameter 'state' of Greedy.execute wants dict"),
        ("handlers", "Idle", "Idle has no handle"),
        ("handlers", "Everything", "Everything.types is no tuple of patterns"),
        ("handlers", "BadPattern", "'a..b', which is not a pattern"),
        ("handlers", "Untyped", "the parameter 'config' of Untyped.__init__ has no annotation"),
        ("handlers", "Misspelt", "annotation that cannot be read: name 'Loger' is not defined"),
        ("handlers", "Coroutine", "Coroutine.handle is a coroutine"),
        ("handlers", "Short", "Short.handle cannot be called with 1 arguments"),
        ("handlers", "Elsewhere", "Elsewhere.run is 'moon'"),
        ("handlers", "BadConfig", "BadConfig.Config is not a msgspec.Struct"),
        ("handlers", "Shadowing", "Shadowing.Config has a field timeout, which is a setting of every handler"),
        ("handlers", "Ticker", "Ticker is not a subclass of eventd.Handler"),
        ("sources", "Archive", "Archive is not a subclass of eventd.Source"),
        ("sources", "Pathless", "Pathless.path is ''"),
        ("services", "SEVERAL", "neither a class nor a function"),
        ("services", "make_nothing", "make_nothing does not say what it makes"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_told(tmp_path: Path, group: str, attribute: str, told: str) -> None:
    failure = only_failure(registry(tmp_path, entry(group, "it", attribute)))

    assert told in failure
    assert failure.startswith(f"{group.removesuffix('s')}:it: ")


class Importable(Handler):
    types = ("a",)
    run = "process"

    def handle(self, batch: Batch) -> None: ...


def test_a_worker_needs_a_plugin_that_it_can_import(tmp_path: Path) -> None:
    class Local(Importable):
        pass

    registry = Registry(configuration(tmp_path))
    registry.add("handler", "here", Importable)
    registry.add("handler", "nowhere", Local)

    assert registry.handlers["here"].value == f"{__name__}:Importable"
    assert registry.handlers["here"].run == "process"
    [(name, error)] = registry.failed
    assert name == "handler:nowhere"
    assert "has to import it" in error.message
