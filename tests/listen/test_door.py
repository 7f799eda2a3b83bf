"""A door counts what goes in and what is refused, and can be shut."""

from __future__ import annotations

import pytest

from eventd.errors import InvalidEvent, JournalUnavailable, MalformedInput
from eventd.event import Draft, Encoding
from tests.listen.world import World, on_hub, wait


def draft(count: int) -> Draft:
    return Draft(Encoding.JSON, count, ("a.b",), b"x")


@on_hub
def test_events_are_counted_before_they_are_handed_on() -> None:
    with World() as world:
        world.door.submit(draft(2), lambda first, error: None)
        assert world.books.received == {"test": 2}
        assert world.ingest.pending == 2
        wait(lambda: world.count == 2)


@on_hub
def test_several_drafts_have_one_answer_and_offsets_in_a_row() -> None:
    with World() as world:
        firsts: list[int] = []
        world.door.submit_all([draft(2), draft(3)], 5, lambda first, error: firsts.append(first))
        world.door.submit(draft(1), lambda first, error: firsts.append(first))
        wait(lambda: len(firsts) == 2)
        assert firsts == [1, 6]
        assert [each.count for each in world.kept] == [2, 3, 1]


@on_hub
def test_a_refused_event_is_rejected_and_other_input_of_the_sender_a_fault() -> None:
    with World() as world:
        invalid = InvalidEvent("is missing", attribute="id")
        invalid.events = 3
        world.door.refuse(invalid, "10.0.0.1:1")
        world.door.refuse(MalformedInput("no"), "10.0.0.1:1")
        assert world.books.rejected == {"invalid_event": 3}
        assert world.books.received == {"test": 3}
        assert world.books.faults == {"malformed": 1}


@on_hub
def test_what_is_our_fault_is_not_counted_as_the_senders(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with World() as world:
        world.door.refuse(JournalUnavailable("no space left"), "10.0.0.1:1")
        assert world.books.faults == {}
        assert "refused input of 10.0.0.1:1: journal_unavailable: no space left" in caplog.text


@on_hub
def test_pressure_shuts_the_door_unless_it_is_closing_for_good() -> None:
    with World() as world:
        door = world.door
        assert door.open.is_set()
        door.pressure(True)
        assert not door.open.is_set()
        door.pressure(False)
        assert door.open.is_set()
        door.stopping = True
        door.pressure(True)
        assert door.open.is_set()
