"""WebSocket messages that are events and have no answers.

Without a subprotocol, whatever anything that talks WebSocket sends: a JSON object whose
``type`` is a non-empty string is an event, and what a CloudEvent needs beyond that is
filled in. Any other message is the data of an event of type ``eventd.message``: JSON as
the value it is, other text as a string, the rest as bytes.

With ``cloudevents.json``, the CloudEvents WebSocket binding: one text message is one
event in structured mode; there are no batches.

Nothing is acknowledged here: whoever must know uses the native protocol.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from eventd.errors import TooLarge, UnsupportedFormat
from eventd.event import Draft
from eventd.formats import json_events
from eventd.protocol.websocket import Message

__all__ = ["CLOUDEVENTS_JSON", "MESSAGE_TYPE", "read"]

#: The subprotocol of the CloudEvents WebSocket binding.
CLOUDEVENTS_JSON = "cloudevents.json"
#: The type of an event that is made of a message without one.
MESSAGE_TYPE = "eventd.message"

_JSON = b'{"type":"eventd.message","data":%b}'
_TEXT = b'{"type":"eventd.message","datacontenttype":"text/plain","data":%b}'
_BYTES = b'{"type":"eventd.message","datacontenttype":"application/octet-stream","data_base64":"%b"}'


class _Typed(msgspec.Struct, gc=False):
    type: Any = None


_typed = msgspec.json.Decoder(_Typed)
_any_json = msgspec.json.Decoder(Raw)
#: One a listener: its ids run on, whichever connection they come from.
_fill = lru_cache(64)(json_events.Fill)


def read(message: Message, subprotocol: str | None, schemas: Mapping[str, Any], origin: str) -> Draft:
    """The event of one message; ``origin`` is its source where it names none.

    :raises ClientError: when it should be an event and is not a valid one: close with its code.
    """
    if subprotocol == CLOUDEVENTS_JSON:
        if not message.text:
            raise UnsupportedFormat(f"binary message on {CLOUDEVENTS_JSON}", hint="the JSON format is sent as text")
        return json_events.read_event(message.data, schemas)
    readable = message.text or _is_utf8(message.data)
    if readable and _says_type(message.data):
        return json_events.read_event(message.data, schemas, fill=_fill(origin))
    return json_events.read_event(_wrapped(message, readable), schemas, fill=_fill(origin))


def _says_type(data: bytes) -> bool:
    try:
        declared = _typed.decode(data).type
    except (msgspec.MsgspecError, RecursionError):
        return False
    return isinstance(declared, str) and bool(declared)


def _wrapped(message: Message, readable: bool) -> bytes:
    try:
        if readable:
            return _JSON % bytes(_any_json.decode(message.data)).strip()
    except RecursionError as error:
        raise TooLarge("JSON nested too deeply", reason="too_deep") from error
    except msgspec.MsgspecError:
        pass
    if message.text:
        return _TEXT % msgspec.json.encode(message.data.decode())
    return _BYTES % b64encode(message.data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
