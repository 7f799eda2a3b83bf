"""Events, and the ways they stand together."""

from __future__ import annotations

import pytest

from eventd.event import UNSET, AttributeValue, Batch, Block, Encoding, Event


class Reading(Event):
    type = "com.example.reading"


class Made:
    """An origin that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def attributes(self, offset: int) -> dict[str, AttributeValue]:
        self.asked += 1
        return {"type": "a.b", "id": str(offset)}


def test_an_event_has_its_attributes_as_properties():
    event = Event("a.b", {"x": 1}, id="1", source="/s", subject="x", time="2026-01-01T00:00:00Z", dataschema="a:b")
    assert (event.type, event.id, event.source, event.subject) == ("a.b", "1", "/s", "x")
    assert (event.time, event.dataschema, event.datacontenttype) == ("2026-01-01T00:00:00Z", "a:b", None)
    assert event.data == {"x": 1}
    assert event.name == event.type


def test_a_new_event_has_no_data_and_no_offset():
    event = Event("a.b")
    assert event.data is UNSET
    assert event.offset == -1


def test_extensions_are_among_the_attributes():
    assert Event("a.b", flag=True).attributes == {"type": "a.b", "flag": True}


def test_an_event_type_names_its_type_once():
    assert Reading().attributes == {"type": "com.example.reading"}
    assert Reading().type == "com.example.reading"
    assert Reading().name == "com.example.reading"


def test_a_type_that_is_given_wins_over_the_declared_one():
    assert Reading("other").attributes["type"] == "other"


def test_lazy_attributes_are_built_once_and_only_when_asked():
    origin = Made()
    event = Event._lazy(origin, {"x": 1}, 7)
    assert (event.data, event.offset, origin.asked) == ({"x": 1}, 7, 0)
    assert (event.id, event.type) == ("7", "a.b")
    assert origin.asked == 1


def test_an_attribute_of_another_kind_than_text_is_no_property():
    assert Event("a.b", id=5).id is None  # the rules refuse it; until then nothing else breaks


def test_events_are_equal_by_what_they_say_not_by_their_place():
    one, other = Event("a.b", {"x": 1}, id="1"), Event("a.b", {"x": 1}, id="1")
    other.offset = 5
    assert one == other
    assert one != Event("a.b", {"x": 2}, id="1")
    assert one != Event("a.b", {"x": 1}, id="2")
    assert one != "a.b"


def test_events_are_mutable_and_not_for_sets():
    with pytest.raises(TypeError):
        hash(Event("a.b"))


def test_an_event_shows_what_it_is():
    assert repr(Reading(id="1")) == "<Reading com.example.reading id='1' offset=-1>"


def test_a_block_ends_behind_its_last_event():
    assert Block(10, 3, Encoding.JSON, ("a",), 0, b"").end == 13


def test_encodings_keep_their_numbers_since_journals_hold_them():
    assert {encoding.name: encoding.value for encoding in Encoding} == {"JSON": 1, "MSGPACK": 2, "FORWARD": 3}


def test_a_batch_is_decoded_once_and_only_when_looked_at():
    calls = []

    def load() -> list[Event]:
        calls.append(1)
        return [Event("a"), Event("b")]

    batch = Batch(2, load)
    assert len(batch) == 2
    assert calls == []
    assert [event.type for event in batch] == ["a", "b"]
    assert batch.events is batch.events
    assert calls == [1]


def test_an_event_of_a_batch_can_fail_alone():
    batch = Batch.of([Event("a"), Event("b")])
    batch.fail(1, "no room")
    error = ValueError("bad")
    batch.fail(0, error)
    assert str(batch.failures[1]) == "no room"
    assert batch.failures[0] is error


@pytest.mark.parametrize("index", [-1, 2])
def test_an_event_that_a_batch_does_not_have_cannot_fail(index: int):
    with pytest.raises(IndexError):
        Batch.of([Event("a"), Event("b")]).fail(index, "x")
