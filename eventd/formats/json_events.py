"""CloudEvents JSON: ``application/cloudevents+json`` and its batch.

The readers check and keep the bytes as they came. A payload is decoded whole to be
sure that it can be read again, then forgotten. The rules that belong to this format:

    R7   an attribute that is null is unset
    R8   data or data_base64, not both, and the latter is base64
    R9   a batch is an array of events, each of them valid
    R13  no member comes twice
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import Draft, Encoding
from eventd.formats import plain, rules
from eventd.formats.breath import Breathe, hold
from eventd.formats.json_writer import encode, write
from eventd.formats.parts import check_json_parts
from eventd.formats.payloads import Fill, check_depth, check_payload, distinct, read_each
from eventd.formats.rules import Schemas

__all__ = ["Fill", "decode_body", "encode", "read_batch", "read_event", "read_events", "read_plain_events", "write"]

#: What a JSON decoder raises on bytes that are not JSON, or not JSON that can be held:
#: msgspec's own error, bad UTF-8, integers of thousands of digits, nesting without end.
NOT_JSON = (msgspec.DecodeError, ValueError, RecursionError)

WHITESPACE = b" \t\r\n"


class _Payload(msgspec.Struct, gc=False):
    """The members whose bytes may hold quotes of their own."""

    data: Raw = Raw()


_decode = msgspec.json.Decoder().decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_encode_plain = msgspec.json.Encoder().encode
_decode_plain = msgspec.json.Decoder(plain.Plain).decode
_decode_payload = msgspec.json.Decoder(_Payload).decode


def read_event(raw: bytes | Raw, schemas: Schemas, *, fill: Fill | None = None) -> Draft:
    """Read one event.

    :raises MalformedInput: when it is no JSON object.
    :raises InvalidEvent: when it breaks a rule or its payload is not of its type.
    :raises TooLarge: when it has too many arrays and objects.
    """
    raw = bytes(raw)
    check_json_parts(raw)
    body, type = _read(raw.strip(WHITESPACE), schemas, fill)
    return Draft(Encoding.JSON, 1, (type,), body)


def read_events(
    raws: Sequence[Raw | bytes], schemas: Schemas, fill: Fill | None = None, breathe: Breathe = hold
) -> Draft:
    """Read events that stand or fall together; the error has the index of the wrong one."""
    bodies, types = read_each(raws, lambda raw: _read(raw, schemas, fill), breathe)
    return Draft(Encoding.JSON, len(bodies), distinct(types), b",".join(bodies))


def read_batch(
    body: bytes | Raw, schemas: Schemas, fill: Fill | None = None, breathe: Breathe = hold
) -> Draft:
    """Read an array of events; an empty one makes a draft of none."""
    body = bytes(body)
    check_json_parts(body)
    breathe()
    try:
        raws = _decode_array(body)
    except NOT_JSON as error:
        raise MalformedInput(f"not a JSON array: {error}") from None
    return read_events(raws, schemas, fill, breathe)


def decode_body(body: bytes) -> list[dict[str, Any]]:
    """The events of a draft's or block's body as they were written, members and all."""
    events: list[dict[str, Any]] = _decode(b"[%b]" % body)
    return events


def _read(raw: bytes, schemas: Schemas, fill: Fill | None) -> tuple[bytes, str]:
    if fill is not None:
        raw = _filled(raw, fill)
    return raw, _read_plain(raw, schemas) or _read_carefully(raw, schemas)


def _filled(raw: bytes, fill: Fill) -> bytes:
    """Set what is absent, in front of what came; a null in its place would then come twice."""
    event = _object(raw)
    absent = fill.absent(event)
    if not absent:
        return raw
    if not absent.keys().isdisjoint(event):
        _check_shape(raw, event)
        return msgspec.json.encode(absent | {name: value for name, value in event.items() if name not in absent})
    members = raw[1:].lstrip(WHITESPACE)
    return msgspec.json.encode(absent)[:-1] + (members if members == b"}" else b"," + members)


def _read_plain(raw: bytes, schemas: Schemas) -> str | None:
    """The type of an event that is certainly valid; none where a closer look is needed."""
    try:
        event = _decode_plain(raw)
        quotes = _plain_quotes(event, schemas)
    except NOT_JSON:
        return None
    certain = quotes == raw.count(b'"') and (b"\\" not in raw or raw.count(b"\\") == bytes(event.data).count(b"\\"))
    return event.type if certain else None


def _plain_quotes(event: plain.Plain, schemas: Schemas) -> int:
    """How many quotes a valid event has; 0 where it is not certainly valid.

    Each member has two quotes round its name and a string two more: with a member that
    comes twice there are more of them (R13).
    """
    quotes = 4 * plain.members(event)
    data = bytes(event.data)
    if data:
        quotes += 2 + data.count(b'"')
        _decode(data)
        if len(data) > rules.DEEPEST and data.count(b"[") + data.count(b"{") > rules.DEEPEST:
            return 0
        if event.type in schemas:
            plain.payload_decoder(msgspec.json, schemas[event.type])(data)
    elif event.type in schemas:
        return 0
    return quotes if plain.accepts(event) else 0


def read_plain_events(events: Sequence[plain.Plain], schemas: Schemas) -> tuple[Draft, int] | None:
    """A draft of events that another decoder has found in a message, and how many quotes they have in all.

    The caller compares that with the message's own: there must be no others, and no
    backslash. None where a closer look is needed.
    """
    quotes = 0
    for event in events:
        found = _plain_quotes(event, schemas)
        if not found:
            return None
        quotes += found
    if len(events) == 1:
        return Draft(Encoding.JSON, 1, (event.type,), _encode_plain(event)), quotes
    body = b",".join([_encode_plain(event) for event in events])
    return Draft(Encoding.JSON, len(events), distinct([event.type for event in events]), body), quotes


def _read_carefully(raw: bytes, schemas: Schemas) -> str:
    event = _object(raw)
    _check_shape(raw, event)
    if None in event.values():
        event = {name: value for name, value in event.items() if value is not None or name == "data"}
    data = _take_data(event)
    rules.check(event)
    type: str = event["type"]
    if type in schemas:
        check_payload(data, schemas[type], json=True)
    return type


def _object(raw: bytes) -> dict[str, Any]:
    try:
        event = _decode(raw)
    except NOT_JSON as error:
        raise MalformedInput(f"not JSON: {error}") from None
    if event.__class__ is not dict:
        raise MalformedInput("an event must be a JSON object")
    return event


def _check_shape(raw: bytes, event: dict[str, Any]) -> None:
    if raw.count(b"[") + raw.count(b"{") > rules.DEEPEST:
        check_depth(event.get("data"))
    _check_members(raw, event)


def _check_members(raw: bytes, event: dict[str, Any]) -> None:
    """Refuse a member that comes twice (R13).

    Each member has two quotes round its name, so that one which was overwritten shows
    as quotes too many. Only where quotes may be escaped outside the payload, or do not
    add up, are the members gone through one by one.
    """
    quotes = 2 * len(event)
    backslashes = raw.count(b"\\")
    for name, value in event.items():
        kind = value.__class__
        if kind is dict or kind is list or (backslashes and name == "data"):
            payload = bytes(_decode_payload(raw).data)
            quotes += payload.count(b'"')
            backslashes -= payload.count(b"\\")
        elif kind is str:
            quotes += 2
    if backslashes or quotes != raw.count(b'"'):
        _check_each_member(raw)


def _check_each_member(raw: bytes) -> None:
    try:
        members = json.loads(raw, object_pairs_hook=list)
    except NOT_JSON as error:
        raise MalformedInput(f"not JSON: {error}") from None
    seen = set()
    for name, _ in members:
        if name in seen:
            raise InvalidEvent("is there twice", attribute=name)
        seen.add(name)


def _take_data(event: dict[str, Any]) -> Any:
    data = event.pop("data", UNSET)
    encoded = event.pop("data_base64", None)
    if encoded is None:
        return data
    if data is not UNSET:
        raise InvalidEvent("cannot be there together with data", attribute="data_base64")
    return from_base64(encoded)


def from_base64(encoded: object) -> bytes:
    """The bytes of ``data_base64``."""
    try:
        if not isinstance(encoded, str):
            raise ValueError
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise InvalidEvent("must be a string in base64", attribute="data_base64") from None
