"""CloudEvents JSON: R7, R8, R9, R12 and R13, and what is filled in."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import UNSET, Draft, Encoding
from eventd.formats import json_events, rules
from eventd.formats.json_events import Fill
from tests.support.cloudevents import attributes, json_data, plain, raw


class Reading(msgspec.Struct):
    celsius: float
    sensor: str


SCHEMAS: dict[str, type] = {"com.example.reading": Reading}


def read(body: bytes, schemas: dict[str, type] | None = None, fill: Fill | None = None) -> Draft:
    return json_events.read_event(body, schemas or {}, fill=fill)


def refused(body: bytes, schemas: dict[str, type] | None = None) -> str:
    with pytest.raises(InvalidEvent) as caught:
        read(body, schemas)
    return caught.value.attribute


def test_a_plain_event_is_kept_as_it_came():
    assert read(raw()) == Draft(Encoding.JSON, 1, ("com.example.reading",), raw())


@given(attributes(), json_data, st.sampled_from([None, 2]), st.booleans())
def test_any_valid_event_is_kept_as_it_came(found: dict[str, Any], data: Any, indent: int | None, ascii: bool):
    body = json.dumps({"specversion": "1.0", **found, "data": data}, indent=indent, ensure_ascii=ascii).encode()
    draft = read(b" \n" + body + b"\r\n")
    assert draft.body == body
    assert draft.types == (found["type"],)


@given(attributes(), json_data)
def test_the_fast_way_and_the_careful_way_agree(found: dict[str, Any], data: Any):
    body = msgspec.json.encode({"specversion": "1.0", **found, "data": data})
    assert json_events._read_plain(body, {}) in (None, json_events._read_carefully(body, {}))


@given(st.binary(max_size=8), st.integers(0, 400), st.integers(0, 8))
def test_damage_is_refused_or_makes_another_event_that_can_be_read(wrong: bytes, at: int, cut: int):
    body = raw(subject='ä\\n"', ext=5)
    damaged = body[:at] + wrong + body[at + cut :]
    try:
        draft = read(damaged)
    except (InvalidEvent, MalformedInput):
        return
    assert len(json_events.decode_body(draft.body)) == 1


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'"x"', b"null", b"{", b"{}}", b"\xff", b'{"a":NaN}', b'{"a":1e999}', b'{"a":"\xff"}']
)
def test_what_is_no_json_object_is_malformed(body: bytes):
    with pytest.raises(MalformedInput):
        read(body)


@pytest.mark.parametrize("data", [b'"\xff"', b"1e999", b'"\\ud800"', b"[1,]"])
def test_a_payload_that_could_not_be_read_again_is_refused(data: bytes):
    with pytest.raises((MalformedInput, InvalidEvent)):
        read(raw(data=None).replace(b"null", data))


def test_r7_an_attribute_that_is_null_is_unset():
    read(raw(subject=None, ext=None, datacontenttype=None))
    assert refused(raw(id=None)) == "id"


def test_r7_a_null_payload_is_a_payload():
    read(raw(data=None))
    assert refused(raw(data=None, data_base64="aGk=")) == "data_base64"


def test_r8_data_and_data_base64_exclude_each_other():
    assert refused(raw(data_base64="aGk=")) == "data_base64"
    read(raw(data=UNSET, data_base64="aGk="))
    read(raw(data_base64=None))


@pytest.mark.parametrize("value", ["a", "aGk", "aG k=", "!!!!", "aGk=\n", 5, [], "aGk==="])
def test_r8_data_base64_is_base64(value: Any):
    assert refused(raw(data=UNSET, data_base64=value)) == "data_base64"


def test_r9_a_batch_keeps_each_event_as_it_came():
    one, two = raw(id="1"), raw(id="2", type="other")
    draft = json_events.read_batch(b"[ %b ,\n%b ]" % (one, two), {})
    assert draft == Draft(Encoding.JSON, 2, ("com.example.reading", "other"), one + b"," + two)


def test_r9_an_empty_batch_is_a_draft_of_none():
    assert json_events.read_batch(b"[]", {}).count == 0


@pytest.mark.parametrize("wrong", [raw(id=""), raw(specversion="0.3"), b"5", b"{}"])
def test_r9_one_wrong_event_refuses_the_batch_and_is_named(wrong: bytes):
    with pytest.raises(InvalidEvent) as caught:
        json_events.read_batch(b"[%b,%b,%b]" % (raw(), wrong, raw()), {})
    assert caught.value.index == 1


@pytest.mark.parametrize("body", [raw(), b"", b"[", b"[1", b"5"])
def test_r9_a_batch_is_an_array(body: bytes):
    with pytest.raises(MalformedInput):
        json_events.read_batch(body, {})


def test_r12_large_events_and_unknown_extensions_go_through_untouched():
    body = raw(data="x" * 70_000, **{f"ext{number}": "y" * 100 for number in range(50)})
    assert read(body).body == body


def twice(name: str, value: bytes, separator: bytes = b",") -> bytes:
    return raw(ext="x")[:-1] + separator + b'"%b":%b}' % (name.encode(), value)


@pytest.mark.parametrize(
    "name, value", [("id", b'"a1"'), ("time", b"null"), ("data", b"{}"), ("data", b"1"), ("ext", b"5")]
)
@pytest.mark.parametrize("separator", [b",", b" , ", b",\n"])
def test_r13_no_member_comes_twice(name: str, value: bytes, separator: bytes):
    assert refused(twice(name, value, separator)) == name


def test_r13_a_name_cannot_hide_behind_escapes():
    assert refused(twice("\\u0069d", b'"a1"')) == "id"
    assert refused(twice("\\u0064ata", b"1")) == "data"


@given(json_data, st.booleans())
def test_r13_members_of_the_payload_are_its_own_business(data: Any, ascii: bool):
    inner = json.dumps({"id": "1", "data": data, "q": 'a"b\\'}, ensure_ascii=ascii)
    body = raw(data=None).replace(b'"data":null', b'"data":{"id":1,"id":2,"x":%b}' % inner.encode())
    read(body)
    assert refused(body[:-1] + b',"data":{}}') == "data"


def test_a_payload_is_held_against_its_type():
    read(raw(), SCHEMAS)
    assert refused(raw(data={"celsius": "warm", "sensor": "s1"}), SCHEMAS) == "data.celsius"
    assert refused(raw(data={"celsius": 1}), SCHEMAS) == "data"
    assert refused(raw(data=UNSET), SCHEMAS) == "data"
    assert refused(raw(data=UNSET, data_base64="aGk="), SCHEMAS) == "data"
    assert refused(raw(data={"celsius": "warm", "sensor": "s1"}, ext="careful"), SCHEMAS) == "data.celsius"


def test_unknown_members_of_a_typed_payload_must_be_readable_too():
    body = raw(data={"celsius": 1, "sensor": "s", "more": 5}).replace(b"5}", b"1e999}")
    with pytest.raises(MalformedInput):
        read(body, SCHEMAS)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"k":', b"}")])
@pytest.mark.parametrize("levels", [rules.DEEPEST + 1, 600, 100_000])
def test_nesting_without_end_is_refused(opening: bytes, closing: bytes, levels: int):
    body = raw(data=None).replace(b"null", opening * levels + b"1" + closing * levels)
    with pytest.raises((InvalidEvent, MalformedInput)):
        read(body)


def test_nesting_up_to_the_limit_is_accepted():
    body = raw(data=None).replace(b"null", b"[" * rules.DEEPEST + b"]" * rules.DEEPEST)
    assert read(body).body == body


def test_integers_of_thousands_of_digits_do_no_harm():
    body = raw(data=None).replace(b"null", b"1" * 5000)
    try:
        assert json_events.decode_body(read(body).body)
    except MalformedInput:
        pass
    with pytest.raises((InvalidEvent, MalformedInput)):
        read(twice("id", b"1" * 5000))


def test_what_is_absent_is_set_in_front_of_what_came():
    draft = read(b'{ "type":"a.b","data":{"x": 1} }', fill=Fill("/here", "n-"))
    [event] = json_events.decode_body(draft.body)
    assert draft.body.endswith(b',"type":"a.b","data":{"x": 1} }')
    assert event.items() >= {"specversion": "1.0", "id": "n-1", "source": "/here", "type": "a.b"}.items()
    assert event["time"].endswith("Z")


def test_what_is_there_is_not_set():
    assert read(raw(), fill=Fill("/here")).body == raw()


def test_what_is_null_is_set_in_its_place():
    draft = read(raw(id=None, subject=None), fill=Fill("/here", "n-"))
    [event] = json_events.decode_body(draft.body)
    assert event == plain(id="n-1", subject=None)


def test_filling_in_does_not_hide_a_member_that_comes_twice():
    with pytest.raises(InvalidEvent):
        read(b'{"type":"a.b","id":null,"type":"c"}', fill=Fill("/here"))


def test_a_type_is_never_made_up():
    for body in (b"{}", b'{"data":1}', b'{"type":null}'):
        with pytest.raises(InvalidEvent) as caught:
            read(body, fill=Fill("/here"))
        assert caught.value.attribute == "type"


def test_base64_of_any_bytes_is_accepted():
    read(raw(data=UNSET, data_base64=base64.b64encode(bytes(range(256))).decode()))
