"""The client's half of the native protocol: its messages written, the server's read.

``docs/protocol.md`` has their fields. Whether a message may come now is not known here.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from eventd.client.failures import ServerFault
from eventd.formats.forward_entries import array_header

__all__ = [
    "CODECS",
    "AckMessage",
    "ByeMessage",
    "Codec",
    "Epoch",
    "ErrorMessage",
    "EventsMessage",
    "Lean",
    "NackMessage",
    "Present",
    "PresentMessage",
    "ServerMessage",
    "SubscribedMessage",
    "UnsubscribedMessage",
    "WrongEvent",
]

Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
#: What the server calls a sequence of offsets: it goes back as it came.
Epoch = str | int

#: What a decoder raises on bytes that it cannot make a message of; TypeError for maps in the keys of maps.
_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)


class Lean(msgspec.Struct, gc=False):
    """What of an event nearly every program looks at; a decoder that skips the rest is twice as fast."""

    data: Any = UNSET
    data_base64: str | None = None
    eventdoffset: Annotated[int, Meta(ge=-1, le=2**63 - 1)] = -1


class WrongEvent(msgspec.Struct, gc=False):
    """An element of a ``nack``."""

    message: str = ""
    index: int = 0
    attribute: str = ""


class AckMessage(msgspec.Struct, tag_field="op", tag="ack", gc=False):
    """The events of a publish are stored."""

    id: int
    durability: str
    offsets: tuple[Offset, Offset] | None = None


class NackMessage(msgspec.Struct, tag_field="op", tag="nack", gc=False):
    """None of the events of a publish is stored."""

    id: int
    errors: list[WrongEvent] = []
    retry_after: float | None = None


class SubscribedMessage(msgspec.Struct, tag_field="op", tag="subscribed", gc=False):
    """A subscription begins, or goes on behind a gap."""

    id: int
    sid: int
    epoch: Epoch
    offset: Offset
    end: Offset
    recovered: bool


class EventsMessage(msgspec.Struct, tag_field="op", tag="events", gc=False):
    """Events of a subscription, and the offset behind them."""

    sid: int
    events: list[Lean]
    offset: Offset


class UnsubscribedMessage(msgspec.Struct, tag_field="op", tag="unsubscribed", gc=False):
    """Nothing more will come of a subscription."""

    id: int
    sid: int


class Present(msgspec.Struct, frozen=True):
    """Somebody who is subscribed; ``name`` is ``None`` where that is not durable, ``since`` is RFC 3339."""

    types: list[str]
    filters: list[dict[str, Any]] | None = None
    name: str | None = None
    client: str = ""
    connection: int = 0
    since: str = ""


class PresentMessage(msgspec.Struct, tag_field="op", tag="present", gc=False):
    """Who is subscribed."""

    id: int
    subscriptions: list[Present]


class ErrorMessage(msgspec.Struct, tag_field="op", tag="error", gc=False):
    """A request is refused, a subscription ended, or all of the connection."""

    id: int | None = None
    sid: int | None = None
    code: str = "error"
    message: str = ""


class ByeMessage(msgspec.Struct, tag_field="op", tag="bye", gc=False):
    """The connection is about to be closed."""

    reason: str = ""
    retry_after: float | None = None


ServerMessage = (
    AckMessage
    | NackMessage
    | SubscribedMessage
    | EventsMessage
    | UnsubscribedMessage
    | PresentMessage
    | ErrorMessage
    | ByeMessage
)


class _Whole(msgspec.Struct, gc=False):
    """The events of a message with all of their members."""

    events: list[dict[str, Any]]


class Codec:
    """One of the two ways to write the same messages.

    :param module: ``msgspec.json`` or ``msgspec.msgpack``.
    """

    def __init__(self, name: str, module: Any) -> None:
        #: The subprotocol.
        self.name = name
        #: Whether messages are WebSocket text messages.
        self.text = module is msgspec.json
        self._encode = module.Encoder().encode
        self._decode = module.Decoder(ServerMessage).decode
        self._decode_whole = module.Decoder(_Whole).decode

    def read(self, data: bytes) -> ServerMessage:
        """Read one message of the server.

        :raises ServerFault: when it is none.
        """
        try:
            message: ServerMessage = self._decode(data)
        except _UNREADABLE as error:
            raise ServerFault(f"not a message of {self.name}: {error}") from error
        return message

    def members(self, data: bytes) -> list[dict[str, Any]]:
        """The events of an ``events`` message that was read before, with all of their members."""
        whole: _Whole = self._decode_whole(data)
        return whole.events

    def publish(self, id: int, count: int, body: bytes) -> bytes:
        """A publish of ``count`` events; ``body`` has them joined as ``packing`` does it."""
        if self.text:
            return b'{"op":"publish","id":%d,"events":[%b]}' % (id, body)
        head = b"\x83\xa2op\xa7publish\xa2id" + self._encode(id)
        return b"%b\xa6events%b%b" % (head, array_header(count), body)

    def say(self, op: str, **fields: Any) -> bytes:
        """Any other message; fields that are ``None`` are left out, and ``from_`` is ``from``."""
        told = {name.removesuffix("_"): value for name, value in fields.items() if value is not None}
        written: bytes = self._encode({"op": op, **told})
        return written


#: By the name of the format.
CODECS = {
    "json": Codec("eventd.v1.json", msgspec.json),
    "msgpack": Codec("eventd.v1.msgpack", msgspec.msgpack),
}
