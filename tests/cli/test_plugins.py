"""eventd plugins."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from importlib.metadata import EntryPoint

import msgspec
import pytest
from click.testing import Result

from eventd import Batch, Emitter, Handler, Source
from eventd.plugin import registry

Eventd = Callable[..., Result]


class Archive(Handler):
    """Keeps events.

    For good.
    """

    types = ("a.>",)

    class Config(msgspec.Struct):
        directory: str = "/d"
        sizes: list[int] = msgspec.field(default_factory=list)

    def handle(self, batch: Batch) -> None: ...


class Clock(Source):
    """Ticks."""

    def run(self, emit: Emitter) -> None: ...


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("cli_test_plugin")
    module.Archive = Archive  # type: ignore[attr-defined]  # what a package would have
    module.Clock = Clock  # type: ignore[attr-defined]  # the same
    monkeypatch.setitem(sys.modules, "cli_test_plugin", module)
    entries = [
        EntryPoint("archive", "cli_test_plugin:Archive", "eventd.handlers"),
        EntryPoint("broken", "cli_test_plugin:Missing", "eventd.handlers"),
        EntryPoint("clock", "cli_test_plugin:Clock", "eventd.sources"),
        EntryPoint("off", "cli_test_plugin:Archive", "eventd.handlers"),
    ]
    monkeypatch.setattr(registry, "_installed", lambda: entries)


def test_list(eventd: Eventd) -> None:
    result = eventd("plugins list", "--json", "-o", "handler:off.enabled=no")

    assert result.exit_code == 0
    assert [(row["kind"], row["name"], row["state"]) for row in json.loads(result.output)] == [
        ("handler", "archive", "enabled"),
        ("source", "clock", "enabled"),
        ("handler", "off", "disabled"),
        ("handler", "broken", "failed"),
    ]


def test_list_as_a_table(eventd: Eventd) -> None:
    output = eventd("plugins list").output

    assert "Keeps events." in output
    assert "Missing" in output


def test_an_empty_list(eventd: Eventd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_installed", list)

    assert eventd("plugins list").output == "No plugin is installed.\n"
    assert eventd("plugins list", "--json").output == "[]\n"


@pytest.mark.parametrize("name", ["archive", "handler:archive"])
def test_show(eventd: Eventd, name: str) -> None:
    output = eventd("plugins show", name).output

    assert output.startswith("handler:archive\n  entry: cli_test_plugin:Archive\n")
    assert "types: a.>" in output
    assert "  Keeps events.\n\n  For good.\n" in output
    assert "  Own keys of [handler:archive]:\n    directory (text): default /d\n    sizes (list): default" in output


def test_show_has_what_is_in_force(eventd: Eventd) -> None:
    options = ("-o", "handler:archive.run=thread", "-o", "handler:archive.timeout=5s")
    output = eventd("plugins show", "archive", *options).output

    assert "\n\n  In force of [handler:archive]:\n    enabled: yes\n    run: thread\n    workers: 1\n" in output
    assert "\n    timeout: 5s\n" in output
    assert "\n    order_by: not set\n" in output


@pytest.mark.parametrize(("name", "run"), [("archive", "process"), ("clock", "thread")])
def test_show_has_where_it_runs_that_its_author_chose(
    eventd: Eventd, monkeypatch: pytest.MonkeyPatch, name: str, run: str
) -> None:
    monkeypatch.setattr(Archive, "run", "process", raising=False)

    (details,) = json.loads(eventd("plugins show", name, "--json").output)

    assert details["options"]["run"] == run


def test_show_as_json(eventd: Eventd) -> None:
    (details,) = json.loads(eventd("plugins show", "archive", "--json").output)

    assert details["settings"][0] == {"key": "directory", "type": "text", "default": "/d"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("archiv", "no plugin is called archiv; did you mean archive?"),
        ("off", "the plugin off is disabled"),
        ("broken", "Missing"),
    ],
)
def test_show_of_one_that_is_not_there(eventd: Eventd, name: str, message: str) -> None:
    result = eventd("plugins show", name, "-o", "handler:off.enabled=no")

    assert result.exit_code == 1
    assert message in result.output
