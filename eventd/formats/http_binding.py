"""The CloudEvents HTTP binding, reading side: one request to a draft.

    batch        Content-Type application/cloudevents-batch+json or +msgpack
    structured   Content-Type application/cloudevents+json or +msgpack
    binary       attributes in ce- headers, the body is the payload as it is

Answers, methods and routes belong to the listener. R10: header values are percent-encoded
UTF-8, ``ce-datacontenttype`` is refused, and so is a header that comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import unquote_to_bytes

import msgspec

from eventd.errors import InvalidEvent, TooLarge, UnsupportedFormat
from eventd.event import Draft, Encoding
from eventd.formats import json_events, msgpack_events, rules
from eventd.formats.breath import Breathe, hold
from eventd.formats.parts import check_json_parts
from eventd.formats.payloads import check_depth, check_payload
from eventd.formats.rules import Schemas
from eventd.formats.syntax import is_json

__all__ = ["BATCH", "STRUCTURED", "EventLimits", "read"]

STRUCTURED, BATCH = "application/cloudevents", "application/cloudevents-batch"

PREFIX = "ce-"

HINT = "send application/cloudevents+json, application/cloudevents-batch+json, or any type with ce- headers"

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)

_decode = msgspec.json.Decoder().decode


class EventLimits(Protocol):
    """The limits that are met here; 0 is no limit."""

    @property
    def batch_events(self) -> int:
        """The most events in one batch."""


def read(
    content_type: str | None,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    schemas: Schemas,
    limits: EventLimits,
    breathe: Breathe = hold,
) -> Draft:
    """Read a request's events. An empty batch makes a draft of none.

    :param breathe: called now and then while a batch is read.
    :raises UnsupportedFormat: when it is no CloudEvent in any mode and format that eventd speaks.
    :raises MalformedInput: when the body is not what ``content_type`` says.
    :raises InvalidEvent: when an event breaks a rule.
    :raises TooLarge: when a batch has too many events.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type.startswith(BATCH):
        return _limited(_reader(media_type[len(BATCH) :]).read_batch(body, schemas, breathe=breathe), limits)
    if media_type.startswith(STRUCTURED):
        return _reader(media_type[len(STRUCTURED) :]).read_event(body, schemas)
    return _read_binary(content_type, headers, body, schemas)


def _reader(suffix: str) -> type[_Json] | type[_Msgpack]:
    # The JSON format is what is meant when none is named.
    if suffix in ("", "+json"):
        return _Json
    if suffix == "+msgpack":
        return _Msgpack
    raise UnsupportedFormat(f"events in the format {suffix} are not understood", hint=HINT)


class _Json:
    read_event = staticmethod(json_events.read_event)
    read_batch = staticmethod(json_events.read_batch)


class _Msgpack:
    read_event = staticmethod(msgpack_events.read_event)
    read_batch = staticmethod(msgpack_events.read_batch)


def _limited(draft: Draft, limits: EventLimits) -> Draft:
    if limits.batch_events and draft.count > limits.batch_events:
        raise TooLarge(f"a batch of {draft.count} events: {limits.batch_events} are the most")
    return draft


def _read_binary(content_type: str | None, headers: Iterable[tuple[str, str]], body: bytes, schemas: Schemas) -> Draft:
    attributes = _attributes(headers)
    if not attributes:
        raise UnsupportedFormat("no CloudEvent: neither its media type nor ce- headers", hint=HINT)
    if content_type:
        attributes["datacontenttype"] = content_type.strip()
    rules.check(attributes)
    event, data = _event(attributes, body)
    type = attributes["type"]
    if type in schemas:
        check_payload(data, schemas[type], json=True)
    return Draft(Encoding.JSON, 1, (type,), event)


def _attributes(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for header, value in headers:
        name = header.lower()
        if name.startswith(PREFIX):
            name = name[len(PREFIX) :]
            if name == "datacontenttype":
                raise InvalidEvent("is the Content-Type header, not a ce- header", attribute=name)
            if name in attributes:
                raise InvalidEvent("is there twice", attribute=name)
            attributes[name] = _value(name, value)
    return attributes


def _value(name: str, value: str) -> str:
    """A header's value: out of its quotes, then one round of percent-decoding."""
    quoted = QUOTED.fullmatch(value)
    if quoted:
        value = ESCAPED.sub(r"\1", quoted[1])
    if value.isascii() and "%" not in value:
        return value
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except ValueError:
        raise InvalidEvent("is not UTF-8 when percent-decoded", attribute=name) from None


def _event(attributes: dict[str, str], body: bytes) -> tuple[bytes, object]:
    """The event as JSON, and its payload."""
    media_type = attributes.get("datacontenttype", "")
    if not body:
        return json_events.encode(attributes), msgspec.UNSET
    if is_json(media_type):
        return json_events.encode(attributes, body), _json(body)
    if media_type.lower().startswith("text/"):
        try:
            text = body.decode()
            return json_events.encode(attributes, msgspec.json.encode(text)), text
        except UnicodeDecodeError:
            pass  # another charset: kept as bytes, which say nothing about it
    return json_events.encode(attributes, body, binary=True), body


def _json(body: bytes) -> object:
    check_json_parts(body)
    try:
        data: object = _decode(body)
    except json_events.NOT_JSON as error:
        raise InvalidEvent(f"is not the JSON that its Content-Type says: {error}", attribute="data") from None
    check_depth(data)
    return data
