"""CloudEvents in msgpack, the same rules as in JSON."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import UNSET, Block, Draft, Encoding, Event
from eventd.formats import blocks, msgpack_events, rules
from eventd.formats.payloads import Fill
from tests.support.cloudevents import attributes, json_data, plain

encode = msgspec.msgpack.encode


class Reading(msgspec.Struct):
    celsius: float
    sensor: str


SCHEMAS: dict[str, type] = {"com.example.reading": Reading}


def read(body: bytes, schemas: dict[str, type] | None = None, fill: Fill | None = None) -> Draft:
    return msgpack_events.read_event(body, schemas or {}, fill=fill)


def refused(members: dict[str, Any], schemas: dict[str, type] | None = None) -> str:
    with pytest.raises(InvalidEvent) as caught:
        read(encode(members), schemas)
    return caught.value.attribute


small = json_data.filter(lambda data: _fits(data))


def _fits(data: Any) -> bool:
    try:
        encode(data)
    except OverflowError:
        return False
    return True


@given(attributes(), small | st.binary())
def test_any_valid_event_is_kept_as_it_came_and_comes_back(found: dict[str, Any], data: Any):
    body = encode({"specversion": "1.0", **found, "data": data})
    draft = read(body)
    assert draft == Draft(Encoding.MSGPACK, 1, (found["type"],), body)
    [event] = blocks.decode(Block(0, 1, draft.encoding, draft.types, 0, draft.body))
    assert event == Event(data=data, **found)


def test_the_long_forms_of_maps_are_maps_too():
    short = encode(plain())
    for header in (b"\xde\x00\x07", b"\xdf\x00\x00\x00\x07"):
        assert read(header + short[1:]).body == header + short[1:]
        assert read(header + short[1:], {}).count == 1


@given(st.binary(max_size=4), st.integers(0, 200), st.integers(0, 4))
def test_damage_is_refused_or_makes_another_event_that_can_be_read(wrong: bytes, at: int, cut: int):
    body = encode(plain(ext=5))
    try:
        draft = read(body[:at] + wrong + body[at + cut :])
    except (InvalidEvent, MalformedInput):
        return
    assert len(blocks.decode(Block(0, 1, draft.encoding, draft.types, 0, draft.body))) == 1


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x90", b"\x05", encode({1: 2}), encode(plain())[:-1], encode(plain()) + b"\0"]
)
def test_what_is_no_map_of_strings_is_malformed(body: bytes):
    with pytest.raises(MalformedInput):
        read(body)


def test_rules_are_those_of_json():
    assert refused(plain(id="")) == "id"
    assert refused(plain(ext=1.5)) == "ext"
    assert refused(plain(Ext="x")) == "Ext"
    assert refused(plain(data=UNSET, data_base64="aGk=")) == "data_base64"
    assert refused(plain(celsius="x", data={"celsius": "x"}), SCHEMAS) == "data.celsius"
    assert refused(plain(data=UNSET), SCHEMAS) == "data"


def test_nil_is_unset_and_bytes_are_allowed():
    read(encode(plain(subject=None, bin=b"\0\xff")))
    assert refused(plain(id=None)) == "id"


def test_no_member_comes_twice():
    members = [encode(part) for pair in plain().items() for part in pair]
    for name in ("id", "data"):
        body = b"\x88" + b"".join(members) + encode(name) + encode("x")
        with pytest.raises(InvalidEvent, match="twice"):
            read(body)


@pytest.mark.parametrize("microsecond, text", [(0, "2026-01-31T12:00:00Z"), (5, "2026-01-31T12:00:00.000005Z")])
def test_a_timestamp_becomes_text(microsecond: int, text: str):
    moment = dt.datetime(2026, 1, 31, 12, 0, 0, microsecond, dt.UTC)
    draft = read(msgpack.packb(plain(time=moment), datetime=True))
    assert msgspec.msgpack.decode(draft.body) == plain(time=text)


def test_what_is_absent_is_set():
    draft = read(encode({"type": "a.b", "id": None, "data": b"x"}), fill=Fill("/here", "n-"))
    event = msgspec.msgpack.decode(draft.body)
    assert event.items() >= {"specversion": "1.0", "id": "n-1", "source": "/here", "data": b"x"}.items()


def test_a_batch_names_the_wrong_event():
    draft = msgpack_events.read_batch(encode([plain(id="1"), plain(id="2")]), {})
    assert (draft.count, draft.body) == (2, encode(plain(id="1")) + encode(plain(id="2")))
    for wrong in (plain(id=""), 5):
        with pytest.raises(InvalidEvent) as caught:
            msgpack_events.read_batch(encode([plain(), wrong]), {})
        assert caught.value.index == 1
    with pytest.raises(MalformedInput):
        msgpack_events.read_batch(encode(plain()), {})


@pytest.mark.parametrize("levels", [rules.DEEPEST + 1, 600, 100_000])
def test_nesting_without_end_is_refused(levels: int):
    body = encode(plain(data=None))[:-1] + b"\x91" * levels + b"\x01"
    with pytest.raises((InvalidEvent, MalformedInput)):
        read(body)


def test_a_payload_that_could_not_be_read_again_is_refused():
    for data in (b"\xa1\xff", b"\xd4\xff\0", b"\x81\x80\x01"):
        with pytest.raises((InvalidEvent, MalformedInput)):
            read(encode(plain(data=None))[:-1] + data)


@pytest.mark.parametrize("data", [object(), "\ud800", 2**70])
def test_what_msgpack_cannot_say_is_not_written(data: Any):
    with pytest.raises(InvalidEvent) as caught:
        msgpack_events.write(Event("a", data))
    assert caught.value.attribute == "data"


def test_a_time_is_filled_in_where_all_else_is_there():
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a"}
    draft = msgpack_events.read_event(msgspec.msgpack.encode(event), {}, fill=msgpack_events.Fill("/me"))

    assert msgspec.msgpack.decode(draft.body)["time"].endswith("Z")
