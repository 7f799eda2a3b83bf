"""A connection that speaks WebSocket: frames in, events on, acks out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eventd.errors import ClientError, EventdError, Stopping, Unavailable
from eventd.green import Stream
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from eventd.protocol import native, plain
from eventd.protocol.messages import Request
from eventd.protocol.upgrade import handshake
from eventd.protocol.websocket import Message, WebSocketSession

__all__ = ["WebSocketConnection"]

#: The subprotocols, most capable first: the first one that the client offers is taken.
SUBPROTOCOLS = (*native.CODECS, plain.CLOUDEVENTS_JSON)


class WebSocketConnection(Connection):
    """Speaks the subprotocol that was agreed on in the opening handshake."""

    __slots__ = ("_codec", "_session", "_take")

    def __init__(self, door: Door, stream: Stream, session: WebSocketSession) -> None:
        super().__init__(door, stream)
        self._session = session
        self._codec = native.CODECS.get(session.subprotocol or "")
        self._take: Callable[[Message], None] = self._take_plain if self._codec is None else self._take_native

    @classmethod
    def open(cls, door: Door, stream: Stream, request: Request) -> WebSocketConnection:
        """Answer the opening handshake.

        :raises ClientError: when the request cannot become a WebSocket.
        """
        agreed = handshake(request, SUBPROTOCOLS, door.limits)
        stream.write(agreed.response)
        return cls(door, stream, WebSocketSession(agreed.subprotocol, agreed.deflate, door.limits))

    def receive(self, data: bytes) -> None:
        """Take bytes, and every message that they complete."""
        session = self._session
        for message in session.receive(data):
            self._take(message)
            if session.closed:
                break
        if waiting := session.data_to_send():
            self.stream.write(waiting)
        self.begin(session.partial)

    @property
    def finished(self) -> bool:
        """Whether a close frame came or went."""
        return self._session.closed or self.door.stopping

    def refuse(self, error: EventdError) -> None:
        """Close with the error's code and its words."""
        super().refuse(error)
        self._close(error)

    def farewell(self) -> None:
        """Say that the daemon goes, after the last acks."""
        super().farewell()
        if self.door.stopping and not self._session.closed:
            stopping = Stopping("the daemon is stopping")
            if self._codec is not None:
                self._send(self._codec.bye("shutdown", stopping.retry_after or 1.0))
            self._close(stopping)

    def _close(self, error: EventdError) -> None:
        self.stream.write(self._session.fail(error))
        self.stream.drain(1.0)

    def _send(self, message: bytes) -> None:
        codec = self._codec
        self.stream.write(self._session.send(message, text=codec is None or codec.text))

    # The native protocol: every publish has its answer.

    def _take_native(self, message: Message) -> None:
        codec = self._codec
        assert codec is not None
        try:
            publish = codec.read(message, self.door.schemas, self.door.limits)
        except native.Nacked as nacked:
            self.door.book.reject(self.door.name, nacked.error.reason, nacked.count)
            self._send(codec.nack(nacked.id, [nacked.error]))
            return
        except ClientError as error:
            self._send(codec.error(None, error.reason, error.message))
            raise
        self.unacknowledged += 1
        self.door.submit(publish.draft, partial(self._answer, publish))

    def _answer(self, publish: native.Publish, first: int, error: EventdError | None) -> None:
        codec = self._codec
        assert codec is not None
        if error is None:
            self._send(codec.ack(publish.id, first, first + publish.draft.count - 1, self.door.durability))
        else:
            self._send(codec.nack(publish.id, [error], error.retry_after))
        self.settle()

    # No subprotocol, and the CloudEvents binding: no answers; what cannot be taken costs the connection.

    def _take_plain(self, message: Message) -> None:
        draft = plain.read(message, self._session.subprotocol, self.door.schemas, self.door.origin)
        self.unacknowledged += 1
        self.door.submit(draft, self._outcome)

    def _outcome(self, first: int, error: EventdError | None) -> None:
        if isinstance(error, Unavailable) and not self._session.closed:
            self.stream.write(self._session.fail(error))
            self.stream.end_input()
        self.settle()
