"""WebSocket messages that are events, with and without a subprotocol."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import ClientError, InvalidEvent, TooLarge, UnsupportedFormat
from eventd.formats import json_events
from eventd.protocol.plain import CLOUDEVENTS_JSON, read
from eventd.protocol.websocket import Message

EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":{"x":[1, 2]}}'


def event(message: bytes, text: bool = True, subprotocol: str | None = None) -> dict[str, Any]:
    draft = read(Message(text, message), subprotocol, {}, "ws://h/x")
    assert draft.count == 1
    [written] = json_events.decode_body(draft.body)
    assert draft.types == (written["type"],)
    return written


@pytest.mark.parametrize("text", [True, False])
def test_an_object_with_a_type_is_an_event_and_the_rest_is_filled_in(text: bool) -> None:
    written = event(b'{"type":"a.b","temperature":5,"data":null}', text)
    assert (written["type"], written["temperature"], written["data"]) == ("a.b", 5, None)
    assert (written["specversion"], written["source"]) == ("1.0", "ws://h/x")
    assert written["time"]
    assert written["id"] != event(b'{"type":"a.b"}')["id"]


@pytest.mark.parametrize("subprotocol", [None, CLOUDEVENTS_JSON])
def test_a_whole_event_stays_as_it_is(subprotocol: str | None) -> None:
    written = event(EVENT, subprotocol=subprotocol)
    assert (written["id"], written["source"], written["data"]) == ("1", "/s", {"x": [1, 2]})


@pytest.mark.parametrize(
    "message", [b"5", b"null", b'"hi"', b" [1, {}]\n", b"{}", b'{"type":5}', b'{"type":""}', b'{"x":{"type":"a"}}']
)
def test_other_json_is_the_data_of_a_message(message: bytes) -> None:
    written = event(message)
    assert written["type"] == "eventd.message"
    assert written["data"] == msgspec.json.decode(message)
    assert "datacontenttype" not in written


@given(st.text())
def test_other_text_is_the_data_of_a_message(text: str) -> None:
    written = event(b"!" + text.encode())
    assert written["type"] == "eventd.message"
    assert (written["datacontenttype"], written["data"]) == ("text/plain", "!" + text)


@given(st.binary())
def test_other_bytes_are_the_data_of_a_message(data: bytes) -> None:
    written = event(b"\xff" + data, text=False)
    assert written["type"] == "eventd.message"
    assert written["datacontenttype"] == "application/octet-stream"
    assert b64decode(written["data_base64"]) == b"\xff" + data


@pytest.mark.parametrize("message", [b'{"type":"a.b","x":{}}', b'{"type":"a.b","id":""}', b'{"type":"a.b","type":"c"}'])
def test_what_says_that_it_is_an_event_must_be_one(message: bytes) -> None:
    with pytest.raises(InvalidEvent):
        event(message)


@pytest.mark.parametrize("message", [b"[" + EVENT + b"]", b"{}", b"5", b"hi", b'{"type":"a.b"}', b""])
def test_the_cloudevents_binding_takes_one_whole_event_and_nothing_else(message: bytes) -> None:
    with pytest.raises(ClientError):
        event(message, subprotocol=CLOUDEVENTS_JSON)


def test_the_cloudevents_binding_is_text() -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        event(EVENT, text=False, subprotocol=CLOUDEVENTS_JSON)
    assert caught.value.close_code == 1003


@pytest.mark.parametrize("depth", [5000, 100_000])
def test_nesting_without_end_is_refused(depth: int) -> None:
    for message in (b"[" * depth + b"]" * depth, b'{"type":"a.b","data":' + b"[" * depth + b"]" * depth + b"}"):
        with pytest.raises((TooLarge, InvalidEvent)):
            event(message)


@given(st.binary(max_size=100), st.booleans())
def test_any_message_is_an_event_or_an_error(data: bytes, text: bool) -> None:
    if text:
        data = data.decode("utf-8", "replace").encode()
    try:
        event(data, text)
    except ClientError:
        pass
