"""The examples of docs/writing-plugins.md are plugins that pass every check and do what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from eventd.event import Batch, Event
from eventd.plugin.build import build
from eventd.plugin.contract import Reject, Request
from eventd.plugin.registry import Registry
from tests.plugin.support import configuration

KINDS = {"Reading": "event_type", "Archive": "handler", "Forward": "handler", "Clock": "source", "Deploys": "source"}


@pytest.fixture
def classes(root: Path) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "guide"}
    for block in re.findall(r"```python\n(.*?)```", (root / "docs" / "writing-plugins.md").read_text(), re.DOTALL):
        exec(block, names)
    return names


@pytest.fixture
def registry(classes: dict[str, Any], tmp_path: Path) -> Registry:
    found = Registry(configuration(tmp_path, f"[handler:Archive]\ndirectory = {tmp_path}\n"))
    for name, kind in KINDS.items():
        found.add(kind, name, classes[name])
    return found


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
