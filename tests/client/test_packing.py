"""What programs publish, as bytes."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd import Event
from eventd.client.failures import Nacked
from eventd.client.packing import Packed, Packer, default_source
from eventd.event import UNSET, Block, Draft
from eventd.formats import blocks, json_events, msgpack_events

COMPLETE = b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{"n":1}}'


class Reading(Event):
    type = "com.example.reading"

    class Data(msgspec.Struct):
        celsius: float

    data: Data


@dataclasses.dataclass
class Point:
    x: int


def draft_of(packed: Packed, *, json: bool) -> Draft:
    """What the daemon makes of it."""
    if json:
        return json_events.read_batch(b"[%b]" % packed.body, {})
    decoder = msgspec.msgpack.Decoder(msgspec.Raw)
    header = b"\xdd" + packed.events.to_bytes(4, "big")
    assert decoder.decode(header + packed.body)
    return msgpack_events.read_batch(header + packed.body, {})


def events(packed: Packed, *, json: bool) -> list[Event]:
    draft = draft_of(packed, json=json)
    return blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body))


@pytest.fixture(params=[True, False], ids=["json", "msgpack"])
def json(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_an_event_gets_what_it_lacks_and_stays_as_it_is(json):
    event = Event("a.b", {"n": 1}, subject="s", tenant="x")

    [packed] = events(Packer(json=json, source="/here").pack(event), json=json)

    assert (packed.type, packed.data, packed.subject, packed.source) == ("a.b", {"n": 1}, "s", "/here")
    assert packed.attributes["tenant"] == "x"
    assert packed.id and packed.time
    assert event.attributes == {"type": "a.b", "subject": "s", "tenant": "x"}


def test_what_an_event_has_is_kept(json):
    given = {"id": "7", "source": "/mine", "time": "2026-01-31T12:00:00Z", "type": "a"}

    [packed] = events(Packer(json=json).pack(Event(**given)), json=json)

    assert packed.attributes == given
    assert packed.data is UNSET


def test_no_two_events_get_the_same_id(json):
    packer = Packer(json=json)
    ids = [event.id for _ in range(50) for event in events(packer.pack([Event("a"), Event("a")]), json=json)]

    assert len(set(ids)) == 100
    assert not set(ids) & {event.id for event in events(Packer(json=json).pack(Event("a")), json=json)}


def test_the_source_is_this_host_and_process(json):
    [packed] = events(Packer(json=json).pack(Event("a")), json=json)

    assert packed.source == default_source()
    assert str(os.getpid()) in default_source()


@pytest.mark.parametrize(
    ("data", "read"),
    [
        (b"\0\1", b"\0\1"),
        ("text", "text"),
        (None, None),
        ({"a": [1, 2.5, True]}, {"a": [1, 2.5, True]}),
        (Reading.Data(21.5), {"celsius": 21.5}),
        (Point(3), {"x": 3}),
    ],
)
def test_payloads_are_written_as_what_they_are(json, data, read):
    [packed] = events(Packer(json=json).pack(Event("a", data)), json=json)

    assert packed.data == read


def test_an_instance_of_an_event_type_has_its_type(json):
    [packed] = events(Packer(json=json).pack(Reading(data=Reading.Data(21.5))), json=json)

    assert (packed.type, packed.data) == ("com.example.reading", {"celsius": 21.5})


def test_maps_are_events_too(json):
    one = {"specversion": "1.0", "type": "a", "data": 1, "subject": "s"}
    two = {"type": "a", "data_base64": "AAE="}

    packed = events(Packer(json=json).pack([one, two, Event("b")]), json=json)

    assert [(event.type, event.data) for event in packed] == [("a", 1), ("a", b"\0\1"), ("b", UNSET)]
    assert one == {"specversion": "1.0", "type": "a", "data": 1, "subject": "s"}


def test_a_received_event_can_be_published_again(json):
    block = Block(5, 1, json_events.Encoding.JSON, ("a.b",), 0, COMPLETE)
    [event] = blocks.decode(block)

    [packed] = events(Packer(json=json).pack(event), json=json)

    assert (packed.id, packed.data) == ("1", {"n": 1})


def test_complete_json_goes_as_it_is():
    packed = Packer(json=True).pack([COMPLETE, msgspec.Raw(COMPLETE)])

    assert packed == Packed(2, COMPLETE + b"," + COMPLETE)
    with pytest.raises(TypeError, match="format='json'"):
        Packer(json=False).pack(COMPLETE)


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b"1", b"{}{}", b'{"a":1},', b"\xff"])
def test_bytes_that_would_break_the_message_are_refused_with_their_index(broken):
    with pytest.raises(Nacked) as caught:
        Packer(json=True).pack([COMPLETE, broken])

    assert caught.value.errors[0].index == 1


@pytest.mark.parametrize(
    ("wrong", "attribute"),
    [
        ({"type": "a", "data_base64": "A"}, "data_base64"),
        ({"type": "a", "data_base64": 5}, "data_base64"),
        ({"type": "a", "data_base64": "AAE=", "data": 1}, "data_base64"),
        (Event("a", subject="\ud800"), ""),
    ],
)
def test_an_event_that_cannot_be_written_is_refused_with_its_index(wrong, attribute):
    with pytest.raises(Nacked) as caught:
        Packer(json=True).pack([Event("a"), wrong])

    [error] = caught.value.errors
    assert (error.index, error.attribute) == (1, attribute)


def test_what_msgpack_cannot_say_is_refused():
    with pytest.raises(Nacked):
        Packer(json=False).pack(Event("a", 2**70))
    with pytest.raises(Nacked):
        Packer(json=False).pack(Event("a", object()))


@pytest.mark.parametrize("wrong", [5, None, ["text"], [None], object()])
def test_what_is_no_event_is_a_type_error(json, wrong):
    with pytest.raises(TypeError):
        Packer(json=json).pack(wrong)


def test_nothing_is_not_published(json):
    with pytest.raises(ValueError):
        Packer(json=json).pack([])


payloads = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(payloads, st.booleans())
def test_any_payload_comes_out_as_it_went_in(payload: Any, json: bool):
    [packed] = events(Packer(json=json).pack(Event("a", payload)), json=json)

    assert packed.data == payload
