"""eventd handlers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
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


@pytest.mark.parametrize(
    ("order", "changed", "told"),
    [
        ("pause", True, "is paused"),
        ("pause", False, "was paused already"),
        ("resume", True, "goes on"),
        ("resume", False, "was not paused"),
    ],
)
def test_one_is_paused_and_resumed(
    daemon: Any, eventd: Callable[..., Result], order: str, changed: bool, told: str
) -> None:
    answer = {"name": "handler:archive", "paused": order == "pause", "changed": changed}
    daemon.answer(f"/api/v1/handlers/{order}", answer)
    daemon.answer("/api/v1/handlers", [ROW])

    result = eventd(f"handlers {order}", "archive")

    assert (result.exit_code, result.output) == (0, f"handler:archive {told}\n")
    assert json.loads(daemon.calls[0].body) == {"name": "archive"}


@pytest.mark.parametrize(("changed", "told"), [(True, "is paused no more"), (False, "was not paused")])
def test_one_that_is_disabled_does_not_go_on(
    daemon: Any, eventd: Callable[..., Result], changed: bool, told: str
) -> None:
    daemon.answer("/api/v1/handlers/resume", {"name": "handler:archive", "paused": False, "changed": changed})
    daemon.answer("/api/v1/handlers", [{**ROW, "state": "disabled"}])

    output = eventd("handlers resume", "archive").output

    assert output.startswith(f"handler:archive {told}\nIt stays disabled")
    assert "restart the daemon" in output


def test_a_durable_subscription_is_forgotten(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/handlers/forget", {"forgotten": "subscription:work"})

    assert eventd("handlers forget", "subscription:work").output == "subscription:work is forgotten\n"
    assert json.loads(daemon.calls[0].body) == {"name": "subscription:work"}


def test_one_that_cannot_be_forgotten_is_told(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/handlers/forget", {"errors": [{"message": "work has 2 members"}]}, status=400)

    result = eventd("handlers forget", "work")

    assert (result.exit_code, result.output) == (1, "eventd: the daemon refused: work has 2 members\n")
