"""Blocks back to events, events to drafts, and drafts joined."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidEvent, TooLarge
from eventd.event import UNSET, Block, Draft, Encoding, Event
from eventd.formats import json_events
from eventd.formats.blocks import decode, draft_of, merge, split
from eventd.formats.payloads import Fill
from tests.support.cloudevents import attributes, json_data, raw


class Reading(Event):
    type = "com.example.reading"

    class Data(msgspec.Struct):
        celsius: float
        sensor: str


TYPES: dict[str, type[Event]] = {Reading.type: Reading}
SCHEMAS: dict[str, type] = {Reading.type: Reading.Data}


def block(draft: Draft, first: int = 10) -> Block:
    return Block(first, draft.count, draft.encoding, draft.types, 0, draft.body, draft.origin)


def decoded(body: bytes, types: dict[str, type[Event]] | None = None) -> Event:
    [event] = decode(block(json_events.read_event(body, {})), types or {})
    return event


@given(st.lists(st.tuples(attributes(), json_data | st.binary()), min_size=1, max_size=4))
def test_any_events_come_back_from_json(events: list[Any]):
    made = [Event(data=data, **found) for found, data in events]
    draft = json_events.read_events([json_events.write(event) for event in made], {})
    found = decode(block(draft))
    assert found == made
    assert [event.offset for event in found] == list(range(10, 10 + len(made)))


def test_the_members_of_the_format_are_no_attributes():
    assert "specversion" not in decoded(raw()).attributes
    assert "data" not in decoded(raw()).attributes


def test_null_attributes_are_unset_and_a_null_payload_is_none():
    event = decoded(raw(subject=None, data=None))
    assert "subject" not in event.attributes
    assert event.data is None
    assert decoded(raw(data=UNSET)).data is UNSET


def test_base64_is_bytes_again():
    assert decoded(raw(data=UNSET, data_base64="aGk=")).data == b"hi"
    assert decoded(raw(data_base64=None)).data == {"celsius": 21.5, "sensor": "s1"}
    assert decoded(raw(data=UNSET).replace(b'"id"', b'"data\\u005fbase64":"aGk=","id"')).data == b"hi"


def test_a_declared_type_gets_its_class_and_payload():
    event = decoded(raw(), TYPES)
    assert isinstance(event, Reading)
    assert event.data == Reading.Data(21.5, "s1")
    assert decoded(raw(type="other"), TYPES).__class__ is Event


def test_a_payload_that_is_not_of_its_type_any_more_stays_as_it_is():
    event = decoded(raw(data={"fahrenheit": 70}), TYPES)
    assert isinstance(event, Reading)
    assert event.data == {"fahrenheit": 70}


def test_a_type_without_a_declared_payload_gets_the_value():
    class Bare(Event):
        type = "com.example.reading"

    assert decoded(raw(), {Bare.type: Bare}).data == {"celsius": 21.5, "sensor": "s1"}


def test_what_is_emitted_is_written_with_what_it_lacks():
    draft = draft_of([Event("a.b", {"x": 1}), Event("a.c", id="mine", source="/s")], {}, "node1")
    assert (draft.encoding, draft.count, draft.types) == (Encoding.MSGPACK, 2, ("a.b", "a.c"))
    first, second = decode(block(draft))
    assert first.source == "eventd://node1"
    assert first.id
    assert first.time
    assert first.data == {"x": 1}
    assert (second.id, second.source, second.data) == ("mine", "/s", UNSET)


def test_ids_of_one_node_go_on():
    ids = {decode(block(draft_of([Event("a")], {}, "node2")))[0].id for _ in range(3)}
    assert len(ids) == 3


def test_the_emitter_may_say_what_is_filled_in():
    draft = draft_of([Event("a")], {}, "", fill=Fill("eventd://n/handler:x", "p-"))
    [event] = decode(block(draft))
    assert (event.id, event.source) == ("p-1", "eventd://n/handler:x")


def test_a_declared_payload_goes_out_and_comes_back():
    draft = draft_of([Reading(data=Reading.Data(1.5, "s"))], SCHEMAS, "n")
    [event] = decode(block(draft), TYPES)
    assert event.data == Reading.Data(1.5, "s")


@pytest.mark.parametrize(
    "wrong, attribute",
    [
        (Event(), "type"),
        (Event("a", subject=""), "subject"),
        (Event("a", Upper=1), "Upper"),
        (Event("a", object()), "data"),
        (Reading(data=Reading.Data("warm", "s")), "data.celsius"),  # type: ignore[arg-type]  # the mistake on purpose
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_index(wrong: Event, attribute: str):
    with pytest.raises(InvalidEvent) as caught:
        draft_of([Event("a"), wrong], SCHEMAS, "n")
    assert (caught.value.index, caught.value.attribute) == (1, attribute)


def test_what_no_door_would_take_is_not_emitted():
    with pytest.raises(TooLarge, match="500000"):
        draft_of([Event("a", [{}] * 500_001)], {}, "n")


def test_neighbours_that_are_written_alike_are_joined():
    one, two = Draft(Encoding.JSON, 1, ("a",), b"{1}"), Draft(Encoding.JSON, 2, ("b", "a"), b"{2},{3}")
    packed = Draft(Encoding.MSGPACK, 1, ("a",), b"x")
    assert merge([one, two, packed, packed, one]) == [
        Draft(Encoding.JSON, 3, ("a", "b"), b"{1},{2},{3}"),
        Draft(Encoding.MSGPACK, 2, ("a",), b"xx"),
        one,
    ]


def test_forward_entries_are_joined_only_with_their_tag_and_origin():
    def forward(tag: str, origin: str) -> Draft:
        return Draft(Encoding.FORWARD, 1, (tag,), b"e", origin)

    drafts = [forward("a", "x"), forward("a", "x"), forward("b", "x"), forward("b", "y")]
    assert [(draft.count, draft.types, draft.origin) for draft in merge(drafts)] == [
        (2, ("a",), "x"),
        (1, ("b",), "x"),
        (1, ("b",), "y"),
    ]


def test_bodies_are_joined_up_to_a_limit():
    draft = Draft(Encoding.MSGPACK, 1, ("a",), b"x" * 10)
    assert [joined.count for joined in merge([draft] * 7, limit=30)] == [3, 3, 1]
    assert merge([draft], limit=1) == [draft]
    assert merge([]) == []


def test_types_that_are_too_many_to_list_stay_so():
    unlisted = Draft(Encoding.MSGPACK, 1, (), b"x")
    assert merge([unlisted, Draft(Encoding.MSGPACK, 1, ("a",), b"x")])[0].types == ()


@given(st.lists(st.tuples(attributes(), json_data), min_size=1, max_size=5), st.integers(1, 500))
def test_joining_changes_no_event(events: list[Any], limit: int):
    made = [Event(data=data, **found) for found, data in events]
    drafts = [json_events.read_event(json_events.write(event), {}) for event in made]
    assert [event for draft in merge(drafts, limit) for event in decode(block(draft))] == made


@pytest.mark.parametrize("encoding", list(Encoding))
@given(sizes=st.lists(st.integers(0, 200), min_size=1, max_size=30), limit=st.integers(1, 600))
def test_a_draft_that_is_split_has_the_same_events(encoding: Encoding, sizes: list[int], limit: int) -> None:
    records = [{"n": number, "x": "é" * size} for number, size in enumerate(sizes)]
    event = {"specversion": "1.0", "source": "/s", "type": "a"}
    written = {
        Encoding.JSON: b",".join(
            msgspec.json.encode({**event, "id": str(n), "data": data}) for n, data in enumerate(records)
        ),
        Encoding.MSGPACK: b"".join(
            msgspec.msgpack.encode({**event, "id": str(n), "data": data}) for n, data in enumerate(records)
        ),
        Encoding.FORWARD: b"".join(msgspec.msgpack.encode([1_700_000_000, data]) for data in records),
    }
    whole = Draft(encoding, len(sizes), ("a",), written[encoding], "//here")

    parts = split(whole, limit)

    found, first = [], 0
    for part in parts:
        assert (part.encoding, part.types, part.origin) == (encoding, ("a",), "//here")
        found += [event.data for event in decode(Block(first, part.count, encoding, ("a",), 0, part.body, "//here"))]
        first += part.count
    assert found == records
    assert len(parts) > 1 or len(whole.body) < 2 * limit or len(sizes) < 2
