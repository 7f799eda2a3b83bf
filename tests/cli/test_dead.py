"""eventd dead."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

LETTER = {
    "id": 12, "consumer": "handler:archive", "type": "a.b", "offset": 12345, "attempts": 5,
    "first_time": "2026-01-31T12:00:00Z", "last_time": "2026-01-31T12:00:15Z", "reason": "ValueError: no\x1b[2J",
}  # fmt: skip
WHOLE = {**LETTER, "event": {"id": "1", "data": "\x1b]0;x"}, "traceback": 'Traceback:\n  File "x"\nValueError: no\n'}


def told(**changed: Any) -> dict[str, Any]:
    return {"chosen": 3, "settled": 3, "failed": 0, "skipped": 0, "done": True, **changed}


def lines(*documents: dict[str, Any]) -> tuple[int, list[bytes]]:
    return 200, [json.dumps(document).encode() + b"\n" for document in documents]


def test_a_list_for_people_steers_no_terminal(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead", [LETTER, {**LETTER, "id": 13, "reason": "x" * 500}])

    output = eventd("dead list", "--handler", "archive", "--after", "2026-01-31T00:00:00Z").output

    for text in ("12345", "handler:archive", "2026-01-31T12:00:15Z", "ValueError: no\\u001b[2J", "x" * 80 + "…"):
        assert text in output
    assert "\x1b" not in output
    assert "x" * 81 not in output
    assert dict(daemon.calls[0].query) == {
        "consumer": "archive", "since": "2026-01-31T00:00:00Z", "after": "0", "limit": "101",
    }  # fmt: skip


def test_json_has_all(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead", [LETTER])

    assert json.loads(eventd("dead list", "--json").output) == [LETTER]


def test_more_than_is_asked_for_is_told(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead", [LETTER, LETTER])

    assert "There are more" in eventd("dead list", "-n", "1").output


def test_a_long_list_comes_page_by_page(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead", [{**LETTER, "id": number} for number in range(1, 1001)])

    eventd("dead list", "-n", "1500", "--json")

    assert [dict(call.query) for call in daemon.calls] == [
        {"after": "0", "limit": "1000"}, {"after": "1000", "limit": "501"},
    ]  # fmt: skip


def test_none(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead", [])

    assert eventd("dead list").output == "There are no dead letters.\n"


def test_one_is_shown_with_its_event_and_traceback(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead/12", WHOLE)

    output = eventd("dead show", "12").output

    assert output.startswith("Dead letter 12 of handler:archive\n  event: a.b at offset 12345\n")
    assert output.endswith('Traceback:\n  File "x"\nValueError: no\n')
    assert "\x1b" not in output
    assert json.loads(eventd("dead show", "12", "--json").output) == WHOLE


def test_one_that_is_gone(daemon: Any, eventd: Callable[..., Result]) -> None:
    told = {"errors": [{"message": "there is no dead letter '9'"}], "hint": "GET /api/v1/dead lists them"}
    daemon.answer("/api/v1/dead/9", told, status=404)

    result = eventd("dead show", "9")

    assert result.exit_code == 1
    assert "there is no dead letter '9'\n  hint: eventd dead list\n" in result.output


def test_a_retry_tells_how_it_went(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answers["/api/v1/dead/retry"] = lines(told(settled=1, done=False), told())

    result = eventd("dead retry", "12", "13", "--handler", "archive")

    assert result.exit_code == 0
    assert result.output == "3 of 3 dead letters are settled now, 0 failed again.\n"
    assert json.loads(daemon.calls[0].body) == {"ids": [12, 13], "consumer": "archive"}


def test_a_retry_says_once_that_its_handler_is_paused(daemon: Any, eventd: Callable[..., Result]) -> None:
    waits = told(settled=0, done=False, paused=["handler:archive"])
    daemon.answers["/api/v1/dead/retry"] = lines(waits, waits, told(paused=[]))

    result = eventd("dead retry", "12", "--json")

    assert result.exit_code == 0
    assert result.stderr == (
        "handler:archive is paused, its dead letters wait: eventd handlers resume handler:archive\n"
    )
    assert json.loads(result.stdout)["settled"] == 3


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (told(settled=2, failed=1), "1 failed again."),
        (told(settled=2, skipped=1, error="handler:x does not run"), "1 were skipped"),
        (told(settled=1, done=False), "1 of 3 dead letters"),
    ],
)
def test_a_retry_that_does_not_settle_all_fails(
    daemon: Any, eventd: Callable[..., Result], last: dict[str, Any], text: str
) -> None:
    daemon.answers["/api/v1/dead/retry"] = lines(last)

    result = eventd("dead retry", "--all")

    assert result.exit_code == 1
    assert text in result.output
    assert json.loads(daemon.calls[0].body) == {"all": True}


def test_a_retry_without_an_answer_fails(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answers["/api/v1/dead/retry"] = lines()

    assert eventd("dead retry", "--all").exit_code == 1


def test_drop(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/dead/drop", {"dropped": 1234})

    output = eventd("dead drop", "--type", "a.b", "--before", "2026-01-01T00:00:00Z").output

    assert output == "1,234 dead letters were dropped.\n"
    assert json.loads(daemon.calls[0].body) == {"type": "a.b", "before": "2026-01-01T00:00:00Z"}
    assert json.loads(eventd("dead drop", "5", "--json").output) == {"dropped": 1234}


@pytest.mark.parametrize("name", ["dead drop", "dead retry"])
@pytest.mark.parametrize("arguments", [[], ["--all", "5"], ["--all", "--type", "a.b"]])
def test_nothing_is_touched_by_mistake(eventd: Callable[..., Result], name: str, arguments: list[str]) -> None:
    result = eventd(name, *arguments)

    assert result.exit_code == 2
    assert "say which" in result.output
