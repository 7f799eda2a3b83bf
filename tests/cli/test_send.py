"""eventd send."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Eventd = Callable[..., Result]


def sent(daemon: Any) -> dict[str, Any]:
    (call,) = daemon.calls
    assert (call.method, call.path) == ("POST", "/events")
    assert call.headers["Content-Type"] == "application/cloudevents-batch+json"
    (event,) = json.loads(call.body)
    assert isinstance(event, dict)
    return event


def test_what_is_not_given_is_filled_in(daemon: Any, eventd: Eventd) -> None:
    daemon.answers["/events"] = (204, [])

    result = eventd("send", "com.example.a")

    event = sent(daemon)
    assert result.exit_code == 0
    assert result.output == event["id"] + "\n"
    assert event["specversion"] == "1.0"
    assert event["type"] == "com.example.a"
    assert event["source"].startswith("eventd://")
    assert event["time"].endswith("Z")
    assert "data" not in event


def test_all_attributes(daemon: Any, eventd: Eventd) -> None:
    daemon.answers["/events"] = (204, [])

    eventd("send", "t", "--id", "1", "--source", "/s", "--subject", "j", "--time", "2026-01-01T00:00:00Z",
           "--dataschema", "urn:x", "--extension", "a=b=c", "--data", "null")  # fmt: skip

    assert sent(daemon) == {
        "specversion": "1.0", "type": "t", "id": "1", "source": "/s", "subject": "j", "time": "2026-01-01T00:00:00Z",
        "dataschema": "urn:x", "a": "b=c", "data": None,
    }  # fmt: skip


def test_json_goes_as_it_was_written(daemon: Any, eventd: Eventd) -> None:
    daemon.answers["/events"] = (204, [])

    eventd("send", "t", "--data", "-", input=b'{"n": 1.10, "big": 123456789012345678901234567890}\n')

    assert b'{"n": 1.10, "big": 123456789012345678901234567890}' in daemon.calls[0].body


def test_text_and_bytes_by_media_type(daemon: Any, eventd: Eventd, tmp_path: Path) -> None:
    daemon.answers["/events"] = (204, [])
    (tmp_path / "photo").write_bytes(b"\xff\xd8")

    eventd("send", "t", "--data", f"@{tmp_path}/photo", "--datacontenttype", "image/jpeg")
    eventd("send", "t", "--data", "hello", "--datacontenttype", "text/plain")
    eventd("send", "t", "--data", "[1]", "--datacontenttype", "application/vnd.x+json; charset=utf-8")

    events = [json.loads(call.body)[0] for call in daemon.calls]
    assert base64.b64decode(events[0]["data_base64"]) == b"\xff\xd8"
    assert [events[1]["data"], events[2]["data"]] == ["hello", [1]]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "Missing argument 'TYPE'"),
        (["t", "--data", "hello"], "--datacontenttype text/plain"),
        (["t", "--data", ""], "it is not JSON"),
        (["t", "--data", "@/no/such"], "/no/such: No such file or directory"),
        (["t", "--extension", "x"], "is not NAME=VALUE"),
        (["t", "--extension", "id=x"], "is not NAME=VALUE"),
        (["t", "--dat", "x"], "Did you mean one of: '--data'"),
    ],
)
def test_wrong_usage(eventd: Eventd, args: list[str], message: str) -> None:
    result = eventd("send", *args)

    assert result.exit_code == 2
    assert message in result.output


def test_no_daemon(eventd: Eventd) -> None:
    result = eventd("send", "t")

    assert result.exit_code == 1
    assert result.output.startswith("eventd: no daemon runs here")
    assert "\n  hint: start it" in result.output


def test_what_the_daemon_refuses(daemon: Any, eventd: Eventd) -> None:
    daemon.answer("/events", {"errors": [{"index": 0, "attribute": "type", "message": "it is empty"}]}, status=400)

    result = eventd("send", "")

    assert (result.exit_code, result.output) == (1, "eventd: the daemon refused: type: it is empty\n")
