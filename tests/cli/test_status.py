"""eventd status."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from click.testing import Result

STATUS = {
    "version": "0.1.0", "node": "n1", "uptime": 93784.2, "ready": False, "reasons": ["the disk is full"],
    "listeners": [{"name": "http", "protocol": "http", "address": "0.0.0.0:8080", "connections": 3, "received": 12345}],
    "journal": {"first": 0, "end": 12345, "bytes": 99, "dead": 1, "pending_bytes": 0, "problem": "disk full",
                "damaged": 17, "dropped": {"handler:jsonl": 18}, "dead_dropped": {"handler:jsonl": 19}},
    "events": {"received": 12346, "accepted": 12345, "pending": 0,
               "rejected": {"malformed": 1}, "faults": {"too_slow": 2}},
    "consumers": [{"name": "jsonl", "kind": "handler", "cursor": 5, "pending": 1, "settled": 5, "dead": 0,
                   "retries": 0, "state": "[running]"}],
    "sources": [{"name": "hostmetrics", "emitted": 7, "restarts": 0, "state": "running"}],
    "plugins_failed": [{"name": "handler:x", "error": "no module y"}],
    "hub": {"lag": 0.0012, "stalls": {}}, "imbalances": [],
}  # fmt: skip


def test_json_is_what_the_daemon_answers(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/status", STATUS)

    assert json.loads(eventd("status", "--json").output) == STATUS


def test_tables_have_all_of_it(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/status", STATUS)

    output = eventd("status").output

    assert output.startswith("eventd 0.1.0 on n1: not ready, up 1d 2h\n  the disk is full\n")
    for text in ("0.0.0.0:8080", "12,345", "rejected: malformed", "fault: too_slow", "[running]"):
        assert text in output
    for text in ("hostmetrics", "no module y", "disk full", "1.2 ms"):
        assert text in output
    assert "\x1b" not in output


def test_whether_the_books_balance(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/status", STATUS)
    assert "\nThe books balance.\n" in eventd("status").output

    daemon.answer("/api/v1/status", {**STATUS, "imbalances": ["handler:x: 3 are missing"]})
    output = eventd("status").output
    assert "The books do NOT balance: handler:x: 3 are missing" in output
    assert "The books balance." not in output


def test_what_was_lost_is_told(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/status", STATUS)

    lines = [line.split() for line in eventd("status").output.splitlines()]

    assert ["journal", "damaged", "17"] in lines
    assert ["dropped", "unsettled:", "handler:jsonl", "18"] in lines
    assert ["dead", "letters", "dropped:", "handler:jsonl", "19"] in lines


def test_an_older_daemon_that_tells_less(daemon: Any, eventd: Callable[..., Result]) -> None:
    daemon.answer("/api/v1/status", {"version": "0", "node": "n", "ready": True})

    result = eventd("status")

    assert result.exit_code == 0
    assert result.output.startswith("eventd 0 on n: ready, up 0s\n")


def test_volatile_events_have_a_table_of_their_own(daemon: Any, eventd: Callable[..., Result]) -> None:
    row = {"came": 10, "settled": 4, "dead": 3, "dropped": 2, "pending": 1}
    consumers = [{**STATUS["consumers"][0], "volatile": told} for told in (row, None)]
    daemon.answer("/api/v1/status", {**STATUS, "consumers": consumers})

    output = eventd("status").output

    assert "Volatile events" in output
    assert ["jsonl", *["10", "4", "3", "2", "1"]] in [line.split() for line in output.splitlines()]
