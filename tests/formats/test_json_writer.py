"""Events as JSON, whatever they hold."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec.msgpack import Ext

from eventd.event import Event
from eventd.formats import json_events
from eventd.formats.json_writer import encode, write
from tests.support.cloudevents import attributes, json_data


@given(attributes(), json_data)
def test_what_is_written_is_read(found: dict[str, Any], data: Any):
    body = write(Event(data=data, **found))
    assert json_events.read_event(body, {}).types == (found["type"],)
    assert msgspec.json.decode(body) == {"specversion": "1.0", **found, "data": data}


def test_bytes_become_data_base64():
    assert msgspec.json.decode(write(Event("a", b"hi")))["data_base64"] == "aGk="
    assert b'"data"' not in write(Event("a", b"hi"))


def test_no_payload_is_no_member_and_null_is_null():
    assert b"data" not in write(Event("a"))
    assert write(Event("a", None)).endswith(b'"data":null}')


def test_attributes_that_are_none_are_left_away_and_bytes_are_base64():
    assert write(Event("a", subject=None, bin=b"hi")) == b'{"specversion":"1.0","type":"a","bin":"aGk="}'


def test_declared_payloads_are_written():
    class Data(msgspec.Struct):
        at: dt.datetime

    assert b'"at":"2026-01-01T00:00:00Z"' in write(Event("a", Data(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))))


@pytest.mark.parametrize(
    "data, written",
    [
        ({1: 2, b"k": 3}, {"1": 2, "aw==": 3}),
        ({(1, 2): 3, None: 4, True: 5}, {"[1, 2]": 3, "None": 4, "True": 5}),
        ({"a": Ext(5, b"hi")}, {"a": "aGk="}),
        ({"a": "x\ud800"}, {"a": "x?"}),
        ([b"hi", (1, 2)], ["aGk=", [1, 2]]),
        (float("nan"), None),
    ],
)
def test_what_json_cannot_say_is_told_as_near_as_can_be(data: Any, written: Any):
    assert msgspec.json.decode(write(Event("a", data)))["data"] == written


def test_a_payload_is_spliced_in_as_it_is():
    assert encode({"id": "1"}, b'{"a": 1}') == b'{"id":"1","data":{"a": 1}}'
    assert encode({"id": "1"}, b"\0", binary=True) == b'{"id":"1","data_base64":"AA=="}'
    assert encode({"id": "1"}) == b'{"id":"1"}'
