"""The HTTP binding: which mode it is, and R10."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidEvent, MalformedInput, TooLarge, UnsupportedFormat
from eventd.event import Draft, Encoding
from eventd.formats import http_binding
from tests.support.cloudevents import plain, raw, text


class Limits(msgspec.Struct):
    batch_events: int = 0


class Reading(msgspec.Struct):
    celsius: float
    sensor: str


HEADERS = [
    ("Host", "h"),
    ("CE-SpecVersion", "1.0"),
    ("ce-id", "1"),
    ("Ce-Source", "/s"),
    ("ce-type", "com.example.reading"),
]


def read(content_type: str | None, body: bytes = b"", *more: tuple[str, str], limits: Limits | None = None) -> Draft:
    return http_binding.read(content_type, [*HEADERS, *more], body, {}, limits or Limits())


def event(content_type: str | None, body: bytes = b"", *more: tuple[str, str]) -> dict[str, Any]:
    draft = read(content_type, body, *more)
    assert (draft.encoding, draft.count, draft.types) == (Encoding.JSON, 1, ("com.example.reading",))
    return msgspec.json.decode(draft.body)


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=utf-8", "application/cloudevents"],
)
def test_structured(content_type: str):
    assert read(content_type, raw()).body == raw()


def test_structured_and_batch_in_msgpack():
    one = msgspec.msgpack.encode(plain())
    assert read("application/cloudevents+msgpack", one) == Draft(Encoding.MSGPACK, 1, ("com.example.reading",), one)
    assert read("application/cloudevents-batch+msgpack", b"\x92" + one + one).body == one + one


def test_batch():
    draft = read("application/cloudevents-batch+json; x=y", b"[%b,%b]" % (raw(), raw()))
    assert draft.count == 2
    assert read("application/cloudevents-batch+json", b"[]").count == 0


def test_a_batch_has_a_limit():
    body = b"[%b,%b]" % (raw(), raw())
    assert read("application/cloudevents-batch+json", body, limits=Limits(2)).count == 2
    with pytest.raises(TooLarge):
        read("application/cloudevents-batch+json", body, limits=Limits(1))


@pytest.mark.parametrize("content_type", ["application/cloudevents+avro", "application/cloudevents-batch+protobuf"])
def test_an_unknown_format_is_unsupported(content_type: str):
    with pytest.raises(UnsupportedFormat):
        read(content_type, raw())


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_what_is_no_cloudevent_is_unsupported_and_says_what_is(content_type: str | None):
    with pytest.raises(UnsupportedFormat, match="ce- headers"):
        http_binding.read(content_type, [("Host", "h")], b"{}", {}, Limits())


def test_a_missing_header_is_named():
    with pytest.raises(InvalidEvent) as caught:
        http_binding.read("text/plain", [("ce-id", "1")], b"", {}, Limits())
    assert caught.value.attribute == "specversion"


def test_binary_json_is_spliced_in_as_it_came():
    draft = read("application/vnd.x+json", b'{"a": 1}')
    assert draft.body.endswith(b',"datacontenttype":"application/vnd.x+json","data":{"a": 1}}')


def test_binary_text_is_a_string_and_anything_else_base64():
    assert event("text/plain; charset=utf-8", "grün\n".encode())["data"] == "grün\n"
    assert event("text/plain", b"\xff")["data_base64"] == "/w=="
    assert event("image/png", b"hi")["data_base64"] == "aGk="
    assert "datacontenttype" not in event(None, b"hi")


def test_binary_without_a_body_has_no_payload():
    found = event("application/json")
    assert "data" not in found
    assert "data_base64" not in found


@pytest.mark.parametrize("body", [b"{", b'{"a":1e999}', b"\xff", b"[" * 500 + b"]" * 500])
def test_json_that_is_none_is_refused(body: bytes):
    with pytest.raises(InvalidEvent) as caught:
        read("application/json", body)
    assert caught.value.attribute == "data"


def test_a_payload_is_held_against_its_type():
    schemas = {"com.example.reading": Reading}
    http_binding.read("application/json", HEADERS, b'{"celsius":1,"sensor":"s"}', schemas, Limits())
    with pytest.raises(InvalidEvent) as caught:
        http_binding.read("application/json", HEADERS, b'{"celsius":"x","sensor":"s"}', schemas, Limits())
    assert caught.value.attribute == "data.celsius"


@pytest.mark.parametrize(
    "header, value",
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41%2525", "A%25"),
        ('"quoted \\"x\\" \\\\"', 'quoted "x" \\'),
        ('"%22"', '"'),
        ("100%", "100%"),
        ("\xe2\x82\xac", "€"),
        ("plain text", "plain text"),
    ],
)
def test_r10_header_values_are_decoded(header: str, value: str):
    assert event(None, b"", ("ce-subject", header))["subject"] == value


@given(text(min_size=1))
def test_r10_any_value_comes_through(value: str):
    sent = "".join(c if "!" <= c <= "~" and c not in '"%' else "".join(f"%{b:02X}" for b in c.encode()) for c in value)
    assert event(None, b"", ("ce-subject", sent))["subject"] == value


@pytest.mark.parametrize("value", ["%C0%A0", "%FF", "%ED%A0%80", "\xff", "%80"])
def test_r10_invalid_utf_8_is_refused(value: str):
    with pytest.raises(InvalidEvent) as caught:
        read(None, b"", ("ce-subject", value))
    assert caught.value.attribute == "subject"


def test_r10_characters_that_no_header_can_have_are_refused():
    with pytest.raises(InvalidEvent):
        read(None, b"", ("ce-subject", "€"))


def test_r10_the_media_type_is_no_ce_header():
    with pytest.raises(InvalidEvent) as caught:
        read("text/plain", b"", ("ce-datacontenttype", "text/plain"))
    assert caught.value.attribute == "datacontenttype"


def test_r10_a_header_that_comes_twice_is_refused():
    with pytest.raises(InvalidEvent) as caught:
        read(None, b"", ("ce-id", "1"))
    assert caught.value.attribute == "id"


def test_r10_names_are_checked():
    for name in ("ce-", "ce-a_b", "ce-data", "ce-data_base64"):
        with pytest.raises(InvalidEvent):
            read(None, b"", (name, "x"))


def test_structured_headers_do_not_count():
    assert read("application/cloudevents+json", raw(id="payload")).body == raw(id="payload")


@given(st.binary(max_size=30))
def test_no_body_breaks_it(body: bytes):
    for media_type in ("application/cloudevents+json", "application/cloudevents-batch+msgpack", "application/json"):
        try:
            assert read(media_type, body).count >= 0
        except (MalformedInput, InvalidEvent):
            pass
