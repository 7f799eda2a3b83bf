"""eventd handlers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from click.testing import Result

ROW = {
    "name": "handler:archive", "kind": "handler", "state": "idle", "types": ["a.>", "b.*", "c", "d", "e"], "cursor": 99,
    "pending": 3, "settled": 95, "dead": 1, "passed": 0, "dead_letters": 1, "retries": 4,
}  # fmt: skip


def test_a_table_for_people(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/handlers", [ROW])

    output = eventd("handlers list").output

    for text in ("handler:archive", "idle", "a.>, b.*, c and 2 more", "95"):
        assert text in output


def test_json_has_all(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/handlers", [ROW])

    assert json.loads(eventd("handlers list", "--json").output) == [ROW]


def test_none(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/handlers", [])

    assert eventd("handlers list").output == "No handler runs.\n"
