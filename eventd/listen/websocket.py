"""A connection that speaks WebSocket: frames in, events on, acks out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eventd.errors import ClientError, EventdError, Stopping, TooSlow
from eventd.green import Stream
from eventd.listen.connection import FAREWELL, Connection
from eventd.listen.door import Door
from eventd.protocol import native, plain
from eventd.protocol.messages import Request
from eventd.protocol.upgrade import handshake
from eventd.protocol.websocket import Message, WebSocketSession

__all__ = ["WebSocketConnection"]

#: Seconds for the client to answer our close frame: after that the connection is cut.
LINGER = 2.0

#: The subprotocols, most capable first: the first one that the client offers is taken.
SUBPROTOCOLS = (*native.CODECS, plain.CLOUDEVENTS_JSON)


class WebSocketConnection(Connection):
    """Speaks the subprotocol that was agreed on in the opening handshake."""

    __slots__ = ("_asked", "_codec", "_session", "_take")

    def __init__(self, door: Door, stream: Stream, session: WebSocketSession) -> None:
        super().__init__(door, stream)
        self._session = session
        #: When bytes had come last before the last ping.
        self._asked = 0.0
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
        if waiting := session.data_to_send():
            self.stream.write(waiting)
        self.begin(session.partial)

    @property
    def finished(self) -> bool:
        """Whether a close frame came or went."""
        return self._session.closed or self.door.stopping

    def late(self, now: float) -> TooSlow | None:
        """Ask a silent client whether it is still there before it is called late."""
        silent = now - self.stream.last_read
        if self.door.idle_timeout and silent > self.door.idle_timeout / 2 and self._asked != self.stream.last_read:
            self._asked = self.stream.last_read
            self.stream.write(self._session.ping())
        return super().late(now)

    def refuse(self, error: EventdError) -> None:
        """Close with the error's code and its words, behind the acks of what came before."""
        super().refuse(error)
        self.await_acks()
        self._close(error)

    def farewell(self) -> None:
        """Close behind the last acks; where the daemon goes, say so."""
        self.await_acks()
        if self.door.stopping and not self._session.closed:
            stopping = Stopping("the daemon is stopping")
            if self._codec is not None:
                self._send(self._codec.bye("shutdown", stopping.retry_after or 1.0))
            self._close(stopping)
        else:
            self.stream.write(self._session.farewell())
            self.stream.drain(FAREWELL)

    def _close(self, error: EventdError) -> None:
        self.stream.write(self._session.fail(error))
        self.stream.linger(LINGER)

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
        if error is not None:
            self.end(error)
        self.settle()
