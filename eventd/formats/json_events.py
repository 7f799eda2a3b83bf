"""CloudEvents JSON: ``application/cloudevents+json`` and its batch.

The readers check and keep the bytes as they came. A payload is decoded whole to be
sure that it can be read again, then forgotten. The rules that belong to this format:

    R7   an attribute that is null is unset
    R8   data or data_base64, not both, and the latter is base64
    R9   a batch is an array of events, each of them valid
    R13  no member comes twice
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import AttributeValue, Draft, Encoding, Event
from eventd.formats import rules
from eventd.formats.payloads import Fill, check_depth, check_payload, distinct
from eventd.formats.rules import Schemas

__all__ = ["Fill", "decode_body", "encode", "read_batch", "read_event", "read_events", "write"]

#: What a JSON decoder raises on bytes that are not JSON, or not JSON that can be held:
#: msgspec's own error, bad UTF-8, integers of thousands of digits, nesting without end.
NOT_JSON = (msgspec.DecodeError, ValueError, RecursionError)

WHITESPACE = b" \t\r\n"


class _Payload(msgspec.Struct, gc=False):
    """The members whose bytes may hold quotes of their own."""

    data: Raw = Raw()


_decode = msgspec.json.Decoder().decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_decode_payload = msgspec.json.Decoder(_Payload).decode


def read_event(raw: bytes | Raw, schemas: Schemas, *, fill: Fill | None = None) -> Draft:
    """Read one event.

    :raises MalformedInput: when it is no JSON object.
    :raises InvalidEvent: when it breaks a rule or its payload is not of its type.
    """
    body, type = _read(bytes(raw).strip(WHITESPACE), schemas, fill)
    return Draft(Encoding.JSON, 1, (type,), body)


def read_events(raws: Sequence[Raw | bytes], schemas: Schemas, fill: Fill | None = None) -> Draft:
    """Read events that stand or fall together; the error has the index of the wrong one."""
    bodies, types = [], []
    for index, raw in enumerate(raws):
        try:
            body, type = _read(bytes(raw), schemas, fill)
        except InvalidEvent as error:
            error.index = index
            raise
        except MalformedInput as error:
            raise InvalidEvent(error.message, index=index) from None
        bodies.append(body)
        types.append(type)
    return Draft(Encoding.JSON, len(bodies), distinct(types), b",".join(bodies))


def read_batch(body: bytes | Raw, schemas: Schemas, fill: Fill | None = None) -> Draft:
    """Read an array of events; an empty one makes a draft of none."""
    try:
        raws = _decode_array(body)
    except NOT_JSON as error:
        raise MalformedInput(f"not a JSON array: {error}") from None
    return read_events(raws, schemas, fill)


def encode(attributes: dict[str, Any], data: bytes | None = None, *, binary: bool = False) -> bytes:
    """Write an event of checked attributes and a payload that is bytes.

    :param data: JSON text, spliced in as it is; with ``binary``, anything.
    """
    body = msgspec.json.encode(attributes)
    if data is None:
        return body
    if binary:
        return b'%b,"data_base64":"%b"}' % (body[:-1], base64.b64encode(data))
    return b'%b,"data":%b}' % (body[:-1], data)


def write(event: Event) -> bytes:
    """Write an event as one JSON object; bytes become ``data_base64``."""
    attributes: dict[str, Any] = {"specversion": rules.SPECVERSION}
    attributes.update((name, value) for name, value in event.attributes.items() if value is not None)
    data = event.data
    if data is UNSET:
        return encode(attributes)
    if isinstance(data, bytes | bytearray | memoryview):
        return encode(attributes, bytes(data), binary=True)
    return encode(attributes, _encode_payload(data))


def decode_body(body: bytes) -> list[dict[str, Any]]:
    """The events of a draft's or block's body as they were written, members and all."""
    events: list[dict[str, Any]] = _decode(b"[%b]" % body)
    return events


def _read(raw: bytes, schemas: Schemas, fill: Fill | None) -> tuple[bytes, str]:
    event = _object(raw)
    if raw.count(b"[") + raw.count(b"{") > rules.DEEPEST:
        check_depth(event.get("data"))
    _check_members(raw, event)
    if None in event.values():
        event = {name: value for name, value in event.items() if value is not None or name == "data"}
    data = _take_data(event)
    if fill is not None:
        raw = _filled(raw, event, fill)
    rules.check(event)
    type: str = event["type"]
    if type in schemas:
        check_payload(data, schemas[type], json=True)
    return raw, type


def _object(raw: bytes) -> dict[str, Any]:
    try:
        event = _decode(raw)
    except NOT_JSON as error:
        raise MalformedInput(f"not JSON: {error}") from None
    if event.__class__ is not dict:
        raise MalformedInput("an event must be a JSON object")
    return event


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


def _filled(raw: bytes, event: dict[str, Any], fill: Fill) -> bytes:
    """Set what is absent, in front of what came; a null in its place would then come twice."""
    absent = fill.absent(event)
    if not absent:
        return raw
    event.update(absent)
    whole = _decode(raw)
    if any(name in whole for name in absent):
        return msgspec.json.encode(absent | {name: value for name, value in whole.items() if name not in absent})
    rest = raw[1:].lstrip(WHITESPACE)
    return msgspec.json.encode(absent)[:-1] + (rest if rest == b"}" else b"," + rest)


def _encode_payload(data: object) -> bytes:
    try:
        return msgspec.json.encode(data)
    except (TypeError, ValueError):
        return msgspec.json.encode(_plain(data))


def _plain(data: object) -> object:
    """A payload with what JSON cannot say (keys that are no strings, ext types) as text."""
    if isinstance(data, dict):
        return {_plain_key(key): _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, msgspec.msgpack.Ext):
        return data.data
    try:
        return msgspec.to_builtins(data)
    except (TypeError, ValueError):
        return str(data)


def _plain_key(key: object) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else str(plain)
