"""Forward entries back to events."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from eventd.event import Block, Encoding, Event
from eventd.formats import json_events, rules
from eventd.formats.forward_blocks import decode_forward
from eventd.formats.forward_entries import read_entries

RECEIVED = 1_767_225_600_000_000_000


def block(*entries: bytes) -> Block:
    return Block(100, len(entries), Encoding.FORWARD, ("app.log",), RECEIVED, b"".join(entries), "forward://h/l")


def only(time: Any, record: Any = None) -> Event:
    [event] = decode_forward(block(msgpack.packb([time, record or {}])), {})
    return event


def test_an_entry_becomes_an_event():
    event = only(msgpack.ExtType(0, bytes.fromhex("6500000000000001")), {"log": "x"})
    assert event.data == {"log": "x"}
    assert event.offset == 100
    assert event.attributes == {
        "id": f"{RECEIVED:x}-100",
        "source": "forward://h/l",
        "type": "app.log",
        "time": "2023-09-12T06:06:56.000000001Z",
        "datacontenttype": "application/json",
    }


@pytest.mark.parametrize(
    "time, text",
    [
        (1, "1970-01-01T00:00:01Z"),
        (1.5, "1970-01-01T00:00:01.500000000Z"),
        (msgpack.ExtType(0, b"\0\0\0\1\0\0\0\2"), "1970-01-01T00:00:01.000000002Z"),
        ([1, {}], "1970-01-01T00:00:01Z"),
        (2**63, "9999-12-31T23:59:59Z"),
    ],
)
def test_times_of_all_clients_are_understood(time: Any, text: str):
    assert only(time).time == text


@pytest.mark.parametrize(
    "time",
    [0, None, 0.0, [None, {}], float("nan"), float("inf"), msgpack.ExtType(5, b"12345678"), msgpack.ExtType(0, b"1")],
)
def test_without_a_time_it_is_when_it_came(time: Any):
    assert only(time).time == "2026-01-01T00:00:00Z"


def test_metadata_that_can_be_an_attribute_is_one():
    attributes = only([1, {"trace": "x", "Bad": 1, "id": "mine", 5: 6, "nested": {}, "none": None, "n": 5}]).attributes
    assert attributes["trace"] == "x"
    assert attributes["n"] == 5
    assert attributes["id"] == f"{RECEIVED:x}-100"
    assert not {"Bad", "nested", "none", 5} & set(attributes)


def test_ids_are_stable_and_differ():
    made = block(b"\x92\x01\x80", b"\x92\x01\x80")
    ids = [event.id for event in decode_forward(made, {})]
    assert ids == [event.id for event in decode_forward(made, {})]
    assert len(set(ids)) == 2


class Line(Event):
    type = "app.log"

    class Data(msgspec.Struct):
        log: str


def test_a_declared_type_gets_its_payload():
    [event] = decode_forward(block(msgpack.packb([1, {"log": "x"}])), {"app.log": Line})
    assert isinstance(event, Line)
    assert event.data == Line.Data("x")


def test_a_payload_that_is_not_of_its_type_any_more_stays_as_it_is():
    entries = [msgpack.packb([1, {"log": "x"}]), msgpack.packb([1, {"log": 5}])]
    events = decode_forward(block(*entries), {"app.log": Line})
    assert [event.data for event in events] == [Line.Data("x"), {"log": 5}]


def test_damaged_text_is_mended_and_its_neighbours_are_not_touched():
    events = decode_forward(block(b"\x92\x01\x81\xa3log\xa2a\xff", msgpack.packb([1, {"log": "grün"}])), {})
    assert [event.data for event in events] == [{"log": "a\ufffd"}, {"log": "grün"}]
    [mended] = decode_forward(block(b"\x92\x01\x81\xa3log\xa2a\xff"), {"app.log": Line})
    assert mended.data == Line.Data("a\ufffd")


def test_what_cannot_be_decoded_at_all_stays_bytes():
    deep = b"\x92\x01\x81\xa1a" + b"\x91" * 900 + b"\xa1\xff"
    [event] = decode_forward(block(deep), {})
    assert event.data is not None
    assert event.time


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(),
            st.dictionaries(
                st.text() | st.binary() | st.integers(0, 9),
                st.none() | st.binary() | st.floats() | st.text(),
                max_size=3,
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_is_accepted_is_decoded_valid_and_can_be_written(entries: list[Any]):
    draft, _ = read_entries("app.log", msgpack.packb(entries), origin="forward://h/l", schemas={})
    if draft is None:
        return
    made = Block(5, draft.count, draft.encoding, draft.types, RECEIVED, draft.body, draft.origin)
    for event in decode_forward(made, {}):
        rules.check({"specversion": "1.0", **event.attributes})
        assert json_events.read_event(json_events.write(event), {}).count == 1


def test_ext_values_in_records_do_no_harm():
    event = only(1, {"x": msgpack.ExtType(7, b"hi")})
    assert isinstance(event.data["x"], Ext)
    assert json_events.write(event)
