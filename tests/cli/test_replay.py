"""eventd replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result


def told(**changed: Any) -> dict[str, Any]:
    return {
        "handler": "handler:archive", "state": "done", "first": 100, "end": 1100, "offset": 1100, "events": 900,
        "settled": 900, "dead": 0, "resumed": False, "seconds": 0.5, "rate": 1800.0, "error": None, **changed,
    }  # fmt: skip


def answer(daemon: Any, *documents: dict[str, Any]) -> None:
    daemon.answers["/api/v1/replay"] = (200, [json.dumps(document).encode() + b"\n" for document in documents])


def test_a_replay_tells_how_it_went(daemon: Any, eventd: Callable[..., Result]) -> None:
    answer(daemon, told(state="running", offset=600), told())

    result = eventd("replay", "archive", "--from", "100", "--types", "a.>", "--types", "b")

    assert result.exit_code == 0
    assert result.output == (
        "900 events of offsets 100 to 1,099 were replayed through handler:archive in 0.5 s, 1,800 a second.\n"
    )
    order = {"handler": "archive", "from": "100", "to": "now", "types": ["a.>", "b"], "dry_run": False}
    assert json.loads(daemon.calls[0].body) == order


def test_json_is_the_outcome(daemon: Any, eventd: Callable[..., Result]) -> None:
    answer(daemon, told(state="running"), told())

    assert json.loads(eventd("replay", "archive", "--json").output) == told()


def test_a_dry_run_counts(daemon: Any, eventd: Callable[..., Result]) -> None:
    answer(daemon, told())

    output = eventd("replay", "archive", "--dry-run").output

    assert output == "900 events of offsets 100 to 1,099 would be replayed through handler:archive.\n"
    assert json.loads(daemon.calls[0].body)["dry_run"] is True


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (told(dead=2), "2 of them failed: eventd dead list --handler handler:archive"),
        (told(state="stopped", error="the daemon is stopping"), "It did not end: the daemon is stopping"),
    ],
)
def test_a_replay_that_is_not_all_settled_fails(
    daemon: Any, eventd: Callable[..., Result], last: dict[str, Any], text: str
) -> None:
    answer(daemon, last)

    result = eventd("replay", "archive")

    assert result.exit_code == 1
    assert text in result.output


def test_one_that_went_on_says_so(daemon: Any, eventd: Callable[..., Result]) -> None:
    answer(daemon, told(resumed=True, first=0, end=0))

    output = eventd("replay", "archive").output

    assert "of no offset" in output
    assert "It went on from where it had been broken off." in output


def test_a_daemon_that_breaks_off(daemon: Any, eventd: Callable[..., Result]) -> None:
    answer(daemon, told(state="running"))
    daemon.breaks_off = True

    result = eventd("replay", "archive")

    assert result.exit_code == 1
    assert "broke off" in result.output
