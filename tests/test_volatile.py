"""Volatile events skip the journal; with durable ones beside them, all are taken or none."""

from __future__ import annotations

import json
from collections.abc import Callable

from eventd.errors import EventdError, JournalUnavailable
from eventd.event import Draft, Encoding
from eventd.formats import json_events
from eventd.observe.books import Books
from eventd.volatile import Volatile


def events(*types: str) -> Draft:
    raws = [json.dumps({"specversion": "1.0", "id": "1", "source": "/s", "type": type}).encode() for type in types]
    return json_events.read_events(raws, {})


class World:
    """Ingest as a list, a hub that runs when told."""

    def __init__(self, *types: str) -> None:
        self.soon: list[Callable[[], None]] = []
        self.submitted: list[tuple[list[Draft], int, Callable[[int, EventdError | None], None]]] = []
        self.delivered: list[str] = []
        self.answers: list[tuple[int, EventdError | None]] = []
        self.books = Books()
        self.volatile = Volatile(frozenset(types), self.deliver, self.soon.append, self.books)
        self.submit = self.volatile.before(self.journal)

    def journal(self, drafts: list[Draft], count: int, done: Callable[[int, EventdError | None], None]) -> None:
        self.submitted.append((drafts, count, done))

    def deliver(self, drafts: list[Draft]) -> None:
        for draft in drafts:
            self.delivered += [event["type"] for event in json_events.decode_body(draft.body)]

    def publish(self, *drafts: Draft) -> None:
        count = sum(draft.count for draft in drafts)
        self.submit(list(drafts), count, lambda first, error: self.answers.append((first, error)))

    def turn(self) -> None:
        calls, self.soon[:] = list(self.soon), []
        for call in calls:
            call()


def test_without_volatile_types_nothing_stands_before_ingest() -> None:
    world = World()
    assert world.submit == world.journal


def test_durable_events_go_on_as_they_came() -> None:
    world = World("v")
    draft = events("a", "b")
    world.publish(draft)
    assert [(drafts, count) for drafts, count, _ in world.submitted] == [([draft], 2)]
    assert (world.delivered, world.books.volatile) == ([], 0)


def test_volatile_events_alone_are_delivered_and_answered_behind_the_hubs_pass() -> None:
    world = World("v", "w")
    world.publish(events("v", "w"), events("v"))
    assert (world.delivered, world.answers) == (["v", "w", "v"], [])
    world.turn()
    assert world.answers == [(-1, None)]
    assert (world.books.volatile, world.books.held, world.submitted) == (3, 0, [])


def test_those_with_durable_ones_wait_for_them() -> None:
    world = World("v")
    world.publish(events("a", "v", "b", "v"))
    drafts, count, done = world.submitted.pop()
    assert [event["type"] for event in json_events.decode_body(drafts[0].body)] == ["a", "b"]
    assert (count, drafts[0].count, world.delivered) == (2, 2, [])
    assert (world.books.held, world.books.volatile) == (2, 0)
    done(7, None)
    assert (world.delivered, world.answers) == (["v", "v"], [(7, None)])
    assert (world.books.held, world.books.volatile) == (0, 2)


def test_they_are_refused_with_them() -> None:
    world = World("v")
    world.publish(events("a", "v"))
    error = JournalUnavailable("full")
    world.submitted.pop()[2](-1, error)
    assert (world.delivered, world.answers) == ([], [(-1, error)])
    assert (world.books.held, world.books.volatile, world.books.refused) == (0, 0, {error.reason: 1})


def test_when_the_daemon_stops_they_are_refused() -> None:
    world = World("v")
    world.volatile.stop()
    world.publish(events("v"))
    world.turn()
    ((first, error),) = world.answers
    assert error is not None
    assert (first, error.reason, world.delivered) == (-1, "stopping", [])
    assert world.books.refused == {"stopping": 1}


def test_it_says_how_many_of_a_draft_get_no_offset() -> None:
    world = World("v")
    many = Draft(Encoding.JSON, 3, (), events("a", "v", "v").body)
    drafts = (events("a"), events("v", "v"), events("a", "v"), many)
    assert [world.volatile.count(draft) for draft in drafts] == [0, 2, 1, 2]
