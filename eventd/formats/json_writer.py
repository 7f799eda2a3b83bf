"""Events as CloudEvents JSON, whatever their payload came in.

What JSON cannot say is told as near as it can be: keys that are no strings become
strings, bytes within a payload base64, damaged text is mended. Nothing is checked here.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from msgspec import UNSET

from eventd.event import Event
from eventd.formats.rules import SPECVERSION

__all__ = ["encode", "write"]


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
    attributes: dict[str, Any] = {"specversion": SPECVERSION}
    attributes.update((name, value) for name, value in event.attributes.items() if value is not None)
    data = event.data
    if data is UNSET:
        return encode(attributes)
    if isinstance(data, bytes | bytearray | memoryview):
        return encode(attributes, bytes(data), binary=True)
    return encode(attributes, _encode_payload(data))


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
