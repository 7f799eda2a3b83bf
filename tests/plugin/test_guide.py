"""The examples of docs/writing-plugins.md are plugins that pass every check and do what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import eventd
from eventd.event import Batch, Event
from eventd.plugin.build import build
from eventd.plugin.contract import Reject, Request
from eventd.plugin.registry import Registry
from tests.plugin.support import configuration

KINDS = {
    "Units": "service",
    "Reading": "event_type",
    "Archive": "handler",
    "Averages": "handler",
    "Forward": "handler",
    "Upload": "handler",
    "Clock": "source",
    "Deploys": "source",
}

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "writing-plugins.md").read_text()
[UPLOAD] = re.findall(r"```ini\n(\[handler:upload\].*?)```", PAGE, re.DOTALL)


@pytest.fixture
def classes() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "guide"}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        # As in a file of its own, which need not postpone its annotations as this one does.
        exec(compile(block, "guide", "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def registry(classes: dict[str, Any], tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "secret").write_text("s3cret\n")
    upload = UPLOAD.replace("handler:upload", "handler:Upload").replace("credential:upload", f"file:{tmp_path}/secret")
    found = Registry(configuration(tmp_path, f"[handler:Archive]\ndirectory = {tmp_path}\n{upload}"))
    for name, kind in KINDS.items():
        found.add(kind, name, classes[name])
    yield found
    found.injector.close()


def test_each_example_passes_the_checks(registry: Registry) -> None:
    assert registry.failed == []
    assert len(registry.loaded) == len(KINDS)


def test_the_archive_writes_down_what_came(registry: Registry, tmp_path: Path) -> None:
    archive = build(registry.handlers["Archive"], registry.injector, registry.configuration, {})
    archive.start()
    archive.handle(Batch.of([Event("com.example.x", 1, time="2026-01-01T00:00:00Z")]))
    archive.stop()

    assert (tmp_path / "archive.txt").read_text() == "2026-01-01T00:00:00Z com.example.x 1\n"


def test_the_forwarder_rejects_what_has_no_data(registry: Registry) -> None:
    batch = Batch.of([Event("a", 1), Event("a", None)])
    registry.handlers["Forward"].subject().handle(batch)

    assert [type(error) for error in batch.failures.values()] == [Reject]


def test_the_webhook_takes_text_only(registry: Registry) -> None:
    emitted: list[Any] = []
    hook = registry.webhooks["Deploys"].subject()
    request = Request(method="POST", path="/", target="/", headers=[("content-type", "text/plain")], body=b"v2")

    assert hook.receive(request, lambda *event: emitted.append(event)) is None
    assert emitted == [("com.example.deploy", "v2")]
    with pytest.raises(Reject):
        hook.receive(Request(method="POST", path="/", target="/"), emitted.append)


def test_each_kind_of_field_is_what_the_file_says(registry: Registry) -> None:
    config = registry.handlers["Upload"].config

    assert msgspec.structs.astuple(config) == ("events", "s3cret", 16 << 20, 60.0, ("eu", "us"), False)


def test_a_service_is_injected(registry: Registry, classes: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    averages = build(registry.handlers["Averages"], registry.injector, registry.configuration, {})
    reading = classes["Reading"]
    averages.handle(Batch.of([reading(data=reading.Data(celsius=celsius, sensor="a")) for celsius in (10.0, 30.0)]))

    assert "2 readings, 68.0 °F on average" in caplog.text


#: What is for programs of one's own: docs/embedding.md.
PROGRAMS = {"Callback", "EventManager", "WebSocket"}


@pytest.mark.parametrize("name", sorted(set(eventd.__all__) - PROGRAMS - {"UNSET", "__version__"}))
def test_all_that_plugin_authors_import_is_on_the_page(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)
