"""Fuzz target: bytes to a WebSocket session, cut in two anywhere, with and without compression."""

from __future__ import annotations

from eventd.errors import MalformedInput, TooLarge
from eventd.protocol.limits import Limits
from eventd.protocol.websocket import WebSocketSession

#: What may come of any bytes besides messages.
ALLOWED = (MalformedInput, TooLarge)

LIMITS = Limits(message_size=1000)


def target(data: bytes) -> None:
    """The first byte says where to cut, and whether to compress."""
    how, data = data[:1] or b"\0", data[1:]
    session = WebSocketSession(None, 12 if how[0] & 1 else 0, LIMITS)
    for part in (data[: how[0]], data[how[0] :]):
        for message in session.receive(part):
            assert len(message.data) <= LIMITS.message_size
            session.send(message.data, message.text)
        session.data_to_send()
