"""The status is one picture of all parts, and its books balance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from eventd import __version__, green
from eventd.doors import CONTROL
from eventd.errors import InvalidEvent, MalformedInput, PluginError
from eventd.event import Draft, Encoding
from eventd.ingest import Done, Ingest
from eventd.observe.books import Books
from eventd.observe.health import Health
from eventd.report import Report
from tests.listen.world import on_hub


def plain(**members: Any) -> Any:
    return SimpleNamespace(**members)


class Parts:
    """What a report asks; real where it counts, plain objects where it only copies."""

    def __init__(self) -> None:
        self.books, self.health = Books(), Health()
        self.appended: list[Done] = []
        self.ingest = Ingest(
            lambda drafts, done: self.appended.append(done), lambda fn: fn(), lambda pressed: None, 1_000_000
        )
        consumer = plain(
            name="handler:jsonl", kind="handler", cursor=7, pending=3, settled=6, dead=1, retries=2, state="running"
        )
        source = plain(name="source:host", emitted=5, restarts=1, state="running")
        plugin = plain(kind="handler", name="jsonl", package="eventd-jsonl", version="1", summary="Keeps.")
        self.dispatcher = plain(
            status=lambda: [consumer], sources=plain(status=lambda: [source])
        )
        self.registry = plain(loaded=[plugin], failed=[("handler:bad", PluginError("cannot load"))])
        self.journal = plain(
            first=1, end=10, bytes=4096, dead_count=1, pending_bytes=99, problem=None
        )
        self.report = Report(
            "node-1", green.hub(), self.books, self.health, self.journal, self.ingest, self.dispatcher, self.registry
        )

    def submit(self, count: int) -> None:
        self.books.receive("http", count)
        self.ingest.submit(Draft(Encoding.JSON, count, ("a.b",), b"x"), lambda first, error: None)


def listener(name: str) -> Any:
    return plain(
        door=plain(name=name), protocol="http", bound="127.0.0.1:1", connections={1, 2}
    )


@on_hub
def test_received_is_accepted_and_rejected_and_pending_at_every_instant() -> None:
    parts = Parts()
    parts.submit(5)
    parts.submit(3)
    parts.books.reject("http", InvalidEvent.reason, 2)
    parts.appended.pop(0)(1, None)
    events = parts.report.status().events
    assert (events.received, events.accepted, events.pending) == (10, 5, 3)
    assert events.rejected == {"invalid_event": 2}

    parts.appended.pop(0)(-1, MalformedInput("no"))
    events = parts.report.status().events
    assert events.received == events.accepted + events.pending + sum(events.rejected.values())
    assert events.rejected == {"invalid_event": 2, "malformed": 3}


@on_hub
def test_the_status_tells_of_each_part() -> None:
    parts = Parts()
    parts.report.stalls["handler:slow"] += 2
    parts.books.fault(MalformedInput("no"))
    status = parts.report.status()
    assert (status.version, status.node, status.ready, status.reasons) == (__version__, "node-1", True, [])
    assert status.uptime >= 0
    assert (status.journal.first, status.journal.end, status.journal.dead) == (1, 10, 1)
    assert [(consumer.name, consumer.pending) for consumer in status.consumers] == [("handler:jsonl", 3)]
    assert [(source.name, source.emitted) for source in status.sources] == [("source:host", 5)]
    assert [(failed.name, failed.error) for failed in status.plugins_failed] == [("handler:bad", "cannot load")]
    assert status.hub.stalls == {"handler:slow": 2}
    assert status.events.faults == {"malformed": 1}


@on_hub
def test_the_status_can_be_sent_as_json() -> None:
    parts = Parts()
    told = msgspec.json.decode(msgspec.json.encode(parts.report.status()))
    assert told["listeners"] == []
    assert told["events"]["received"] == 0


@on_hub
def test_a_daemon_that_is_not_ready_says_why() -> None:
    parts = Parts()
    parts.health.add(lambda: "the disk is full")
    status = parts.report.status()
    assert (status.ready, status.reasons) == (False, ["the disk is full"])


@on_hub
def test_listeners_tell_who_is_there_and_the_control_socket_only_what_came_through_it() -> None:
    parts = Parts()
    doors = plain(listeners=[listener("http"), listener(CONTROL)])
    parts.report.doors = doors
    parts.submit(4)
    rows = [(row.name, row.connections, row.received) for row in parts.report.status().listeners]
    assert rows == [("http", 2, 4)]
    parts.books.receive(CONTROL, 1)
    assert [row.name for row in parts.report.status().listeners] == ["http", CONTROL]


@on_hub
def test_plugins_are_told_by_package_and_version() -> None:
    assert Parts().report.plugins() == [
        {"kind": "handler", "name": "jsonl", "package": "eventd-jsonl", "version": "1", "summary": "Keeps."}
    ]
