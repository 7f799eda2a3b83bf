"""The status is one picture of all parts, and its books balance."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from eventd import __version__, green
from eventd.backlog import Backlog
from eventd.dispatch.commits import MOST_BYTES
from eventd.dispatch.progress import VolatileStatus
from eventd.doors import CONTROL
from eventd.errors import InvalidEvent, MalformedInput, PluginError
from eventd.event import Draft, Encoding
from eventd.ingest import DRAFT_BYTES, Done, Ingest
from eventd.observe.books import Books
from eventd.observe.health import Health
from eventd.report import Report
from tests.listen.world import on_hub


def plain(**members: Any) -> Any:
    return SimpleNamespace(**members)


class Groups(list[Any]):
    """Durable subscriptions: one, where a report asks for terms, and none that commits."""

    def terms(self) -> dict[str, tuple[str, ...]]:
        return {"subscription:work": ("a.>",)}


class Parts:
    """What a report asks; real where it counts, plain objects where it only copies."""

    def __init__(self) -> None:
        self.books, self.health = Books(), Health()
        self.appended: list[Done] = []
        self.ingest = Ingest(
            lambda drafts, done: self.appended.append(done), lambda fn: fn(), lambda pressed: None, 1_000_000
        )
        consumer = plain(
            name="handler:jsonl", kind="handler", cursor=7, pending=2, settled=5, dead=1, retries=2, state="running",
            passed=1, since=1, workers=2, restarts=1, run="thread", moved=True,
            volatile=VolatileStatus(came=9, settled=4, dead=1, dropped=2, pending=2),
        )  # fmt: skip
        source = plain(name="source:host", emitted=5, restarts=1, state="running")
        plugin = plain(
            kind="handler", name="jsonl", package="eventd-jsonl", version="1", summary="Keeps.",
            full_name="handler:jsonl", types=("a.>",),
        )  # fmt: skip
        self.dispatcher = plain(
            status=lambda: [consumer], sources=plain(status=lambda: [source]), paused={"handler:jsonl"},
            consumers=[consumer], post=plain(size=5, most=6),
        )
        self.registry = plain(loaded=[plugin], failed=[("handler:bad", PluginError("cannot load"))])
        self.journal = plain(
            first=1, end=10, bytes=4096, tail=plain(size=7, limit=8), dead_count=3, pending_bytes=99, problem=None,
            damaged=2,
            dropped={"handler:jsonl": 4}, dead={"handler:jsonl": 1, "replay:handler:jsonl": 2},
            books={"dead_dropped:handler:jsonl": 5, "dead_raised:handler:jsonl": 6, "emitted:handler:jsonl": 7},
        )  # fmt: skip
        self.subscriptions: Any = SimpleNamespace(
            status=list, count={"live": 2, "durable": 1}, dropped={"missing": 3},
            groups=Groups(),
        )  # fmt: skip
        self.report = Report(
            "node-1", green.hub(), self.books, self.health, self.journal, self.ingest, self.dispatcher, self.registry,
            self.subscriptions, Backlog(lambda pressed: None, 2_000_000),
        )  # fmt: skip

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
    assert (status.journal.first, status.journal.end, status.journal.dead) == (1, 10, 3)
    assert [(c.name, c.pending, c.paused) for c in status.consumers] == [("handler:jsonl", 2, True)]
    assert [(source.name, source.emitted) for source in status.sources] == [("source:host", 5)]
    assert [(failed.name, failed.error) for failed in status.plugins_failed] == [("handler:bad", "cannot load")]
    assert status.hub.stalls == {"handler:slow": 2}
    assert status.events.faults == {"malformed": 1}


@on_hub
def test_the_status_tells_what_was_lost_and_emitted_by_consumer() -> None:
    status = Parts().report.status()
    journal = status.journal
    assert (journal.damaged, journal.dropped) == (2, {"handler:jsonl": 4})
    assert (journal.dead_dropped, journal.dead_settled) == ({"handler:jsonl": 5}, {"handler:jsonl": 6})
    assert status.events.emitted == {"handler:jsonl": 7}
    # Those of its replays among them.
    assert [consumer.dead_letters for consumer in status.consumers] == [3]


@on_hub
def test_each_queue_is_told_with_its_bound() -> None:
    parts = Parts()
    parts.submit(5)
    parts.report.doors = plain(listeners=[], queues=lambda: [("unfinished", 3, 4)])
    assert {queue.name: (queue.bytes, queue.limit) for queue in parts.report.status().queues} == {
        "ingest": (1 + DRAFT_BYTES, 1_000_000),
        "backlog": (0, 2_000_000),
        "journal_writer": (99, 1_000_000 + MOST_BYTES),
        "journal_memory": (7, 8),
        "volatile": (5, 6),
        "unfinished": (3, 4),
    }


@on_hub
def test_the_status_says_whether_the_books_balance() -> None:
    parts = Parts()
    parts.submit(2)
    assert parts.report.status().imbalances == []
    parts.books.duplicates += 1
    assert ["1 too many" in line for line in parts.report.status().imbalances] == [True]


@on_hub
def test_stalls_are_counted_by_name_but_those_of_subscriptions_together() -> None:
    parts = Parts()
    for label in ("handler:jsonl", "handler:jsonl", "subscription:one", "subscription:two", "http connection"):
        parts.report.stalled(label)

    status = parts.report.status()
    assert status.hub.stalls == {"handler:jsonl": 2, "subscriptions": 2, "http connection": 1}
    (row,) = status.consumers
    assert (row.run, row.moved, row.stalls) == ("thread", True, 2)


@on_hub
def test_handlers_are_told_with_what_they_want() -> None:
    assert [(row["name"], row["types"], row["pending"]) for row in Parts().report.handlers()] == [
        ("handler:jsonl", ["a.>"], 2)
    ]


@on_hub
def test_what_came_through_no_socket_has_a_door_of_its_own() -> None:
    parts = Parts()
    parts.report.doors = plain(listeners=[listener("http")], queues=list)
    parts.books.receive("sources", 3)
    assert parts.report.status().events.doors == {"http": 0, "sources": 3}


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
    doors = plain(listeners=[listener("http"), listener(CONTROL)], queues=list)
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


@on_hub
def test_volatile_events_have_a_column_of_their_own_and_wait_with_those_that_came_with_them() -> None:
    parts = Parts()
    parts.books.receive("http", 5)
    parts.books.volatile, parts.books.held = 3, 2
    status = parts.report.status()
    assert (status.events.volatile, status.events.pending, status.imbalances) == (3, 2, [])
    assert [consumer.volatile for consumer in status.consumers] == [status.consumers[0].volatile]
    assert msgspec.structs.astuple(status.consumers[0].volatile) == (9, 4, 1, 2, 2)
