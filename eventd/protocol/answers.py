"""What the server says in the native protocol, as bytes: answers, events, and the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from eventd.errors import EventdError, InvalidEvent
from eventd.formats.forward_entries import array_header

__all__ = ["Answers"]


class Answers:
    """Writes the server's messages in one of the two encodings.

    :param text: whether that is JSON. An ``id`` is given as the bytes that it came in, empty where there was none.
    """

    def __init__(self, text: bool) -> None:
        module: Any = msgspec.json if text else msgspec.msgpack
        self.text = text
        #: How null is written: the ``id`` of a request that had none.
        self.null = b"null" if text else b"\xc0"
        self._encode: Callable[[object], bytes] = module.Encoder().encode

    def ack(self, id: bytes, first: int, last: int, durability: str) -> bytes:
        """The events of a publish are ``durability`` (memory, disk, replicated) at these offsets.

        Where none has an offset, ``last`` is less than ``first``, and ``offsets`` is null.
        """
        if last < first:
            return self._encode({"op": "ack", "id": self._id(id), "offsets": None, "durability": durability})
        if self.text:
            head = b'{"op":"ack","id":%b,"offsets":[%d,%d],"durability":"%b"}'
            return head % (id or self.null, first, last, durability.encode())
        return self._encode({"op": "ack", "id": self._id(id), "offsets": (first, last), "durability": durability})

    def nack(self, id: bytes, errors: Sequence[EventdError], retry_after: float | None = None) -> bytes:
        """None of the events of a publish was taken, and why."""
        told: dict[str, object] = {"op": "nack", "id": self._id(id), "errors": [*map(_told, errors)]}
        if retry_after is not None:
            told["retry_after"] = retry_after
        return self._encode(told)

    def subscribed(self, id: bytes, sid: int, epoch: str, offset: int, end: int, *, recovered: bool) -> bytes:
        """A subscription begins at ``offset``, or begins anew there."""
        return self._encode({
            "op": "subscribed", "id": self._id(id), "sid": sid, "epoch": epoch, "offset": offset, "end": end,
            "recovered": recovered,
        })  # fmt: skip

    def events(self, sid: int, events: Sequence[bytes], offset: int) -> bytes:
        """Events that are written already, and the offset behind them."""
        if self.text:
            return b'{"op":"events","sid":%d,"events":[%b],"offset":%d}' % (sid, b",".join(events), offset)
        array = Raw(array_header(len(events)) + b"".join(events))
        return self._encode({"op": "events", "sid": sid, "events": array, "offset": offset})

    def unsubscribed(self, id: bytes, sid: int) -> bytes:
        """Nothing more comes for ``sid``."""
        return self._encode({"op": "unsubscribed", "id": self._id(id), "sid": sid})

    def present(self, id: bytes, subscriptions: Sequence[object]) -> bytes:
        """Who is subscribed."""
        return self._encode({"op": "present", "id": self._id(id), "subscriptions": subscriptions})

    def error(self, id: bytes | None, code: str, message: str, sid: int | None = None) -> bytes:
        """A request is refused, or a subscription ends; without ``id`` and ``sid``, the connection is about to."""
        told: dict[str, object] = {"op": "error", "code": code, "message": message}
        if id:
            told["id"] = Raw(id)
        if sid is not None:
            told["sid"] = sid
        return self._encode(told)

    def bye(self, reason: str, retry_after: float) -> bytes:
        """The connection is about to be closed; come back after ``retry_after`` seconds."""
        return self._encode({"op": "bye", "reason": reason, "retry_after": retry_after})

    def _id(self, id: bytes) -> Raw:
        return Raw(id or self.null)


def _told(error: EventdError) -> dict[str, object]:
    if isinstance(error, InvalidEvent):
        return {"index": error.index, "attribute": error.attribute, "message": error.message}
    return {"message": error.message}
