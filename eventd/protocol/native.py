"""The native protocol: events up and acknowledgements down, in JSON or msgpack.

Each message is a map with ``op``. The sender's ``id`` is a string or an integer, is
echoed as the bytes it came in, and may be absent (then it is null in the answer).

What is wrong with the *events* of a publish is ``Nacked`` and the connection goes on;
what is wrong with a *message* is answered by ``error`` and ends it, since the two sides
no longer mean the same.

It does not know subscriptions, connections or the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw

from eventd.errors import ClientError, EventdError, InvalidEvent, MalformedInput, TooLarge, UnsupportedFormat
from eventd.event import Draft
from eventd.formats import json_events, msgpack_events
from eventd.formats.parts import check_json_parts, check_msgpack_parts
from eventd.formats.plain import Plain
from eventd.protocol.limits import Limits
from eventd.protocol.ops import OPS
from eventd.protocol.websocket import Message

__all__ = ["CODECS", "JSON", "MSGPACK", "Codec", "Nacked", "Publish"]

#: An ``id`` is echoed, so its length is the sender's choice only up to here.
MOST_ID = 256
#: Above this, the elements of ``events`` are looked at before room is made for them.
MUCH = 256 * 1024
#: How much of an unknown op is told back.
MOST_TOLD = 40


class Publish(msgspec.Struct, gc=False):
    """A publish whose events passed the checks; ``id`` is encoded, empty where absent."""

    id: bytes
    draft: Draft


class Nacked(ClientError):
    """A publish whose ``count`` events are refused for ``error``; the connection goes on."""

    def __init__(self, id: bytes, error: ClientError, count: int) -> None:
        super().__init__(error.message, hint=error.hint, reason=error.reason)
        self.id = id
        self.error = error
        self.count = count


class _Message(msgspec.Struct, gc=False):
    op: str
    id: Raw = Raw()
    events: Raw = Raw()


class _PlainPublish(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A publish of plain events and nothing else, which one decoder reads in one go."""

    op: Literal["publish"]
    events: list[Plain]
    id: str | int = ""


class _Anything(msgspec.Struct, gc=False):
    """Any map: what an event is before someone looks into it."""


class Codec:
    """One of the two ways to write the same messages.

    :param module: ``msgspec.json`` or ``msgspec.msgpack``.
    :param null: how that writes null.
    """

    def __init__(
        self,
        name: str,
        text: bool,
        module: Any,
        null: bytes,
        read_events: Callable[[Sequence[Raw], Mapping[str, Any]], Draft],
    ) -> None:
        self.name = name
        #: Whether its messages are WebSocket text messages.
        self.text = text
        self._null = null
        self._read_events = read_events
        self._check_parts: Callable[[bytes], None] = check_json_parts if text else check_msgpack_parts
        self._encode: Callable[[object], bytes] = module.Encoder().encode
        self._message: Callable[[bytes], _Message] = module.Decoder(_Message).decode
        self._id: Callable[[bytes], str | int | None] = module.Decoder(str | int | None).decode
        self._list: Callable[[Raw], list[Raw]] = module.Decoder(list[Raw]).decode
        self._maps: Callable[[Raw], list[_Anything]] = module.Decoder(list[_Anything]).decode

    def read(self, message: Message, schemas: Mapping[str, Any], limits: Limits) -> Publish:
        """Read one message of a client.

        :raises Nacked: answer it with ``nack``.
        :raises ClientError: for anything else, answer it with ``error`` and close.
        """
        if message.text is not self.text:
            raise UnsupportedFormat(f"{'text' if message.text else 'binary'} message on {self.name}")
        if self.text and len(message.data) <= MUCH:
            publish = _read_plain(message.data, schemas)
            if publish is not None and publish.draft.count <= limits.batch_events:
                return publish
        told = self._read_message(message.data)
        if told.op != "publish":
            raise _unknown(told.op)
        answer_to = bytes(told.id)
        try:
            raws = self._read_list(told.events, limits)
        except ClientError as error:
            raise Nacked(answer_to, error, 1) from error
        try:
            return Publish(answer_to, self._read_events(raws, schemas))
        except ClientError as error:
            raise Nacked(answer_to, error, len(raws)) from error

    def ack(self, id: bytes, first: int, last: int, durability: str) -> bytes:
        """The events of a publish are ``durability`` (memory, disk, replicated) at these offsets.

        Where none has an offset, ``last`` is less than ``first``, and ``offsets`` is null.
        """
        if last < first:
            return self._encode({"op": "ack", "id": Raw(id or self._null), "offsets": None, "durability": durability})
        if self.text:
            head = b'{"op":"ack","id":%b,"offsets":[%d,%d],"durability":"%b"}'
            return head % (id or self._null, first, last, durability.encode())
        told = {"op": "ack", "id": Raw(id or self._null), "offsets": (first, last), "durability": durability}
        return self._encode(told)

    def nack(self, id: bytes, errors: Sequence[EventdError], retry_after: float | None = None) -> bytes:
        """None of the events of a publish was taken, and why."""
        told: dict[str, object] = {"op": "nack", "id": Raw(id or self._null), "errors": [*map(_told, errors)]}
        if retry_after is not None:
            told["retry_after"] = retry_after
        return self._encode(told)

    def error(self, id: bytes | None, code: str, message: str) -> bytes:
        """The client broke the protocol; the connection is about to be closed."""
        told: dict[str, object] = {"op": "error", "code": code, "message": message}
        if id:
            told["id"] = Raw(id)
        return self._encode(told)

    def bye(self, reason: str, retry_after: float) -> bytes:
        """The connection is about to be closed; come back after ``retry_after`` seconds."""
        return self._encode({"op": "bye", "reason": reason, "retry_after": retry_after})

    def _read_message(self, data: bytes) -> _Message:
        try:
            told = self._message(data)
            if told.id and len(bytes(told.id)) > MOST_ID:
                raise MalformedInput(f"an id of more than {MOST_ID} bytes")
            if told.id:
                self._id(told.id)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise MalformedInput(f"not a message of {self.name}: {error}") from error
        return told

    def _read_list(self, events: Raw, limits: Limits) -> list[Raw]:
        """The events of a publish, one by one and not looked at."""
        if not events:
            raise InvalidEvent("is missing", attribute="events")
        try:
            if len(bytes(events)) > MUCH:
                self._check_parts(bytes(events))
                _count(self._maps(events), limits)
            raws = self._list(events)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise InvalidEvent(f"is not a list of maps: {error}", attribute="events") from error
        if not raws:
            raise InvalidEvent("is empty", attribute="events")
        _count(raws, limits)
        return raws


_decode_plain = msgspec.json.Decoder(_PlainPublish).decode
_encode_id = msgspec.json.Encoder().encode


def _read_plain(data: bytes, schemas: Mapping[str, Any]) -> Publish | None:
    """The usual publish in JSON; none where a closer look is needed."""
    if b"\\" in data:
        return None
    try:
        told = _decode_plain(data)
        found = json_events.read_plain_events(told.events, schemas)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if found is None or not told.events:
        return None
    draft, quotes = found
    id = _encode_id(told.id)
    if not told.id or len(id) > MOST_ID:
        return None
    # Round "op", "publish", "events" and "id": with any other member, or one that comes twice, there are more.
    quotes += 10 if isinstance(told.id, str) else 8
    return Publish(id, draft) if quotes == data.count(b'"') else None


def _count(events: Sequence[object], limits: Limits) -> None:
    if len(events) > limits.batch_events:
        raise TooLarge(f"more than {limits.batch_events} events in one publish")


def _told(error: EventdError) -> dict[str, object]:
    if isinstance(error, InvalidEvent):
        return {"index": error.index, "attribute": error.attribute, "message": error.message}
    return {"message": error.message}


def _unknown(op: str) -> MalformedInput:
    known = OPS.get(op)
    if known is not None:
        return MalformedInput(f"{op!r} is for the {known.sender} to say", reason="wrong_direction")
    return MalformedInput(f"unknown op {op[:MOST_TOLD]!r}", reason="unknown_op", hint="clients may say publish")


JSON = Codec("eventd.v1.json", True, msgspec.json, b"null", json_events.read_events)
MSGPACK = Codec("eventd.v1.msgpack", False, msgspec.msgpack, b"\xc0", msgpack_events.read_events)

#: The codec of each subprotocol, the one for machines first.
CODECS: dict[str, Codec] = {codec.name: codec for codec in (MSGPACK, JSON)}
