"""An event that came before is acknowledged again and stored once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from eventd import duplicates
from eventd.duplicates import Duplicates
from eventd.errors import EventdError, JournalUnavailable
from eventd.event import Block, Draft, Encoding
from eventd.formats import json_events
from eventd.observe.books import Books


def events(*ids: str, type: str = "a.b") -> Draft:
    raws = [json.dumps({"specversion": "1.0", "id": id, "source": "/s", "type": type}).encode() for id in ids]
    return json_events.read_events(raws, {})


class World:
    """Ingest as a list, a hub that runs when told, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, window: float = 10, most: int = 100) -> None:
        self.now = 1_000_000_000
        monkeypatch.setattr(duplicates.time, "time_ns", lambda: self.now)
        self.soon: list[Callable[[], None]] = []
        self.submitted: list[tuple[list[Draft], Callable[[int, EventdError | None], None]]] = []
        self.answers: dict[str, tuple[int, EventdError | None]] = {}
        self.books = Books()
        self.duplicates = Duplicates(
            lambda drafts, count, done: self.submitted.append((drafts, done)),
            self.soon.append,
            self.books,
            window,
            most,
        )

    def publish(self, name: str, *drafts: Draft) -> None:
        count = sum(draft.count for draft in drafts)
        self.duplicates.submit_all(
            list(drafts), count, lambda first, error: self.answers.__setitem__(name, (first, error))
        )

    def turn(self) -> None:
        calls, self.soon[:] = list(self.soon), []
        for call in calls:
            call()

    def commit(self, first: int = -1, error: EventdError | None = None) -> list[str]:
        drafts, done = self.submitted.pop(0)
        done(first, error)
        return [event["id"] for draft in drafts for event in json_events.decode_body(draft.body)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_second_copy_is_acknowledged_with_the_first_ones_offset(world: World) -> None:
    world.publish("one", events("1"))
    assert world.commit(first=7) == ["1"]
    world.publish("again", events("1"))
    world.turn()
    assert world.answers == {"one": (7, None), "again": (7, None)}
    assert world.submitted == []
    assert world.books.duplicates == 1


def test_a_copy_of_an_event_under_way_waits_for_it(world: World) -> None:
    world.publish("one", events("1"))
    world.publish("again", events("1"))
    world.turn()
    assert world.answers == {}
    world.commit(first=7)
    assert world.answers == {"one": (7, None), "again": (7, None)}


def test_only_what_is_new_of_a_batch_is_stored(world: World) -> None:
    world.publish("one", events("1", "2"))
    world.commit(first=0)
    world.publish("batch", events("2", "3", "1", "4"))
    assert world.commit(first=10) == ["3", "4"]
    world.turn()
    assert world.answers["batch"] == (0, None)
    world.publish("later", events("4"))
    world.turn()
    assert world.answers["later"] == (11, None)


def test_a_copy_within_one_batch_is_stored_once(world: World) -> None:
    world.publish("twice", events("1", "1"))
    assert world.commit(first=3) == ["1"]
    assert world.answers["twice"] == (3, None)


def test_what_was_refused_may_come_again(world: World) -> None:
    full = JournalUnavailable("no space left")
    world.publish("one", events("1"))
    world.publish("again", events("1"))
    world.commit(error=full)
    assert world.answers == {"one": (-1, full), "again": (-1, full)}
    world.publish("third", events("1"))
    assert world.commit(first=5) == ["1"]


def test_after_the_window_it_is_a_new_event(world: World) -> None:
    world.publish("one", events("1"))
    world.commit(first=0)
    world.now += 11_000_000_000
    world.publish("later", events("1"))
    assert world.commit(first=1) == ["1"]


def test_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, most=2)
    for number in range(5):
        world.publish(str(number), events(str(number)))
        world.commit(first=number)
    world.publish("newest", events("4"))
    world.turn()
    assert world.answers["newest"] == (4, None)
    world.publish("oldest", events("0"))
    assert world.commit(first=9) == ["0"]


def test_after_a_start_the_journals_events_are_known(world: World) -> None:
    draft = events("1", "2")
    world.duplicates.learn([Block(40, 2, draft.encoding, draft.types, world.now, draft.body)])
    world.publish("again", events("2"))
    world.turn()
    assert world.answers == {"again": (41, None)}


def test_forward_entries_pass_and_offsets_behind_them_are_right(world: World) -> None:
    entries = Draft(Encoding.FORWARD, 2, ("t",), b"".join(map(msgspec.msgpack.encode, [[1, {}], [2, {}]])), "/f")
    world.publish("mixed", entries, events("1"))
    world.submitted.pop(0)[1](20, None)
    world.publish("again", events("1"))
    world.turn()
    assert world.answers == {"mixed": (20, None), "again": (22, None)}
    world.publish("entries", entries)
    assert len(world.submitted) == 1


def test_the_same_id_of_another_source_is_another_event(world: World) -> None:
    other: Any = json.dumps({"specversion": "1.0", "id": "1", "source": "/other", "type": "a.b"}).encode()
    world.publish("one", events("1"))
    world.publish("other", json_events.read_event(other, {}))
    assert len(world.submitted) == 2


def test_an_event_forgotten_while_under_way_does_not_take_its_later_copy_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, most=1)
    world.publish("one", events("1"))
    world.publish("other", events("2"))
    world.publish("third", events("3"))
    world.publish("copy", events("1"))
    full = JournalUnavailable("no space left")
    world.commit(error=full)
    for first in (4, 5, 6):
        world.commit(first=first)

    world.publish("again", events("1"))
    world.turn()
    assert (world.answers["one"], world.answers["again"]) == ((-1, full), (6, None))


def test_of_an_event_that_is_stored_twice_the_newer_copy_counts(world: World) -> None:
    draft, second = events("1", "2"), events("1")
    old, new = world.now, world.now + 8_000_000_000
    world.now = new
    world.duplicates.learn([
        Block(0, 2, draft.encoding, draft.types, old, draft.body),
        Block(2, 1, second.encoding, second.types, new, second.body),
    ])  # fmt: skip
    world.now += 3_000_000_000
    world.publish("too late", events("2"))
    assert world.commit(first=3) == ["2"]
    world.publish("in time", events("1"))
    world.turn()
    assert world.answers["in time"] == (2, None)
