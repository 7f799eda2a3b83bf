"""The native protocol in JSON or msgpack, as docs/protocol.md has it: what clients say, read and checked.

Each message is a map with ``op``. The sender's ``id`` is a string or an integer, is
echoed as the bytes it came in, and may be absent (then it is null in the answer).

What is wrong with the *events* of a publish is ``Nacked``, what is wrong with another
request ``Declined``, and the connection goes on; what is wrong with a *message* is answered
by ``error`` and ends it, since the two sides no longer mean the same.

``ops`` has the tables, ``asks`` reads what is not a publish, ``answers`` writes what the
server says. It does not know subscriptions, connections or the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Raw

from eventd.errors import ClientError, InvalidEvent, MalformedInput, TooLarge, UnsupportedFormat
from eventd.event import Draft
from eventd.formats import json_events, msgpack_events
from eventd.formats.breath import Breathe, hold
from eventd.formats.parts import check_json_parts, check_msgpack_parts
from eventd.formats.plain import Plain
from eventd.protocol.answers import Answers
from eventd.protocol.asks import Ask, AskReader
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


class _ReadEvents(Protocol):
    """Reads events that stand or fall together."""

    def __call__(self, raws: Sequence[Raw], schemas: Mapping[str, Any], *, breathe: Breathe) -> Draft:
        """Read them."""


class Codec(Answers):
    """One of the two ways to write the same messages.

    :param text: whether it is JSON, in text messages, or msgpack, in binary ones.
    """

    def __init__(self, name: str, text: bool, read_events: _ReadEvents) -> None:
        super().__init__(text)
        module: Any = msgspec.json if text else msgspec.msgpack
        self.name = name
        self._read_events = read_events
        self._asks = AskReader(module)
        self._check_parts: Callable[[bytes], None] = check_json_parts if text else check_msgpack_parts
        self._message: Callable[[bytes], _Message] = module.Decoder(_Message).decode
        self._read_id: Callable[[bytes], str | int | None] = module.Decoder(str | int | None).decode
        self._list: Callable[[Raw], list[Raw]] = module.Decoder(list[Raw]).decode
        self._maps: Callable[[Raw], list[_Anything]] = module.Decoder(list[_Anything]).decode

    def read(
        self, message: Message, schemas: Mapping[str, Any], limits: Limits, breathe: Breathe = hold
    ) -> Publish | Ask:
        """Read one message of a client.

        :param breathe: called now and then while many events are read.
        :raises Nacked: answer it with ``nack``. :raises Declined: answer it with ``error`` and go on.
        :raises ClientError: for anything else, answer it with ``error`` and close.
        """
        if message.text is not self.text:
            raise UnsupportedFormat(f"{'text' if message.text else 'binary'} message on {self.name}")
        if self.text and len(message.data) <= MUCH:
            publish = _read_plain(message.data, schemas)
            if publish is not None and publish.draft.count <= limits.batch_events:
                return publish
        told = self._read_message(message.data)
        answer_to = bytes(told.id)
        if self._asks.reads(told.op):
            return self._asks.read(told.op, answer_to, message.data)
        if told.op != "publish":
            raise _unknown(told.op)
        try:
            raws = self._read_list(told.events, limits, breathe)
        except ClientError as error:
            raise Nacked(answer_to, error, 1) from error
        try:
            return Publish(answer_to, self._read_events(raws, schemas, breathe=breathe))
        except ClientError as error:
            raise Nacked(answer_to, error, len(raws)) from error

    def _read_message(self, data: bytes) -> _Message:
        try:
            told = self._message(data)
            if told.id and len(bytes(told.id)) > MOST_ID:
                raise MalformedInput(f"an id of more than {MOST_ID} bytes")
            if told.id:
                self._read_id(told.id)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise MalformedInput(f"not a message of {self.name}: {error}") from error
        return told

    def _read_list(self, events: Raw, limits: Limits, breathe: Breathe) -> list[Raw]:
        """The events of a publish, one by one and not looked at."""
        if not events:
            raise InvalidEvent("is missing", attribute="events")
        try:
            if len(bytes(events)) > MUCH:
                breathe()
                self._check_parts(bytes(events))
                breathe()
                _count(self._maps(events), limits)
                breathe()
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


def _unknown(op: str) -> MalformedInput:
    known = OPS.get(op)
    if known is not None:
        return MalformedInput(f"{op!r} is for the {known.sender} to say", reason="wrong_direction")
    said = ", ".join(name for name, known in OPS.items() if known.sender == "client")
    return MalformedInput(f"unknown op {op[:MOST_TOLD]!r}", reason="unknown_op", hint=f"clients may say {said}")


JSON = Codec("eventd.v1.json", True, json_events.read_events)
MSGPACK = Codec("eventd.v1.msgpack", False, msgpack_events.read_events)

#: The codec of each subprotocol, the one for machines first.
CODECS: dict[str, Codec] = {codec.name: codec for codec in (MSGPACK, JSON)}
