"""A connection that speaks WebSocket: frames in, events on, acks out."""

from __future__ import annotations

from functools import partial

from eventd.errors import ClientError, EventdError, MalformedInput, RateLimited, Stopping, TooSlow
from eventd.green import WRITE_LIMIT, Stream, give_way
from eventd.listen.connection import FAREWELL, LINGER, Connection
from eventd.listen.door import Door
from eventd.listen.leave import come_back
from eventd.listen.requests import Outlet, Requests
from eventd.protocol import native, plain
from eventd.protocol.asks import Ask, Declined
from eventd.protocol.messages import Request
from eventd.protocol.upgrade import handshake
from eventd.protocol.websocket import Message, WebSocketSession

__all__ = ["WebSocketConnection"]

#: Seconds of silence, half of them behind a ping, after which a member of a durable subscription is given up.
HOLDS_FOR = 60.0
#: The id of a publish that has none: in neither format, nil in either.
NO_ID = (b"", b"null", b"\xc0")
#: What is promised of events that skip the journal.
VOLATILE = "memory"
#: The subprotocols, most capable first: the first one that the client offers is taken.
SUBPROTOCOLS = (*native.CODECS, plain.CLOUDEVENTS_JSON)


class WebSocketConnection(Connection):
    """Speaks the subprotocol that was agreed on in the opening handshake."""

    __slots__ = ("_asked", "_codec", "_publishes", "_requests", "_session")

    def __init__(self, door: Door, stream: Stream, session: WebSocketSession) -> None:
        super().__init__(door, stream)
        self._session = session
        #: When bytes had come last before the last ping.
        self._asked = 0.0
        #: The publishes of the read that is being taken apart.
        self._publishes: list[native.Publish] | None = None
        #: Made when it asks for something beside publishing.
        self._requests: Requests | None = None
        self._codec = native.CODECS.get(session.subprotocol or "")

    @classmethod
    def open(cls, door: Door, stream: Stream, request: Request) -> WebSocketConnection:
        """Answer the opening handshake.

        :raises ClientError: when the request cannot become a WebSocket.
        """
        agreed = handshake(request, SUBPROTOCOLS, origins=door.web_origins)
        stream.write(agreed.response)
        return cls(door, stream, WebSocketSession(agreed.subprotocol, agreed.deflate, door.limits))

    def serve(self, data: bytes = b"") -> None:
        """Read until the peer goes; its subscriptions end with it."""
        try:
            super().serve(data)
        finally:
            self._end_subscriptions()
            self._session.abandon()

    def refuse(self, error: EventdError) -> None:
        """Tell the peer why it loses the connection; no events come behind that."""
        self._end_subscriptions()
        super().refuse(error)

    def _end_subscriptions(self) -> None:
        if self._requests is not None:
            self._requests.close()

    def receive(self, data: bytes) -> None:
        """Take bytes, and every message that they complete."""
        session = self._session
        # Kept in the connection, the method would hold it until the collector comes.
        take = self._take_plain if self._codec is None else self._take_native
        try:
            message = None
            for message in session.receive(data):
                take(message)
            if message is not None:
                self.started = 0.0
        finally:
            # What came whole is handed on together, also where something unreadable follows it.
            if self._publishes:
                self._hand_on()
        if waiting := session.data_to_send():
            self.stream.write(waiting)
        self.begin(session.partial, session.buffered)

    @property
    def finished(self) -> bool:
        """Whether a close frame came or went."""
        return self._session.closed or self.leaving

    @property
    def subscribed(self) -> bool:
        """Whether it asked for something beside publishing."""
        return self._requests is not None

    @property
    def idle_timeout(self) -> float:
        """As the door says; who holds events that others could have is asked sooner whether it is still there."""
        idle = self.door.idle_timeout
        if self._requests is None or not self._requests.durable:
            return idle
        return min(idle, HOLDS_FOR) if idle else HOLDS_FOR

    def late(self, now: float) -> TooSlow | None:
        """Ask a silent client whether it is still there before it is called late."""
        last, idle = self.stream.last_read, self.idle_timeout
        if idle and now - last > idle / 2 and self._asked != last and not self.finished:
            self._asked = last
            self.stream.write(self._session.ping())
        return super().late(now)

    def last_words(self, error: EventdError) -> bytes:
        """A close frame with the error's code and its words."""
        return self._session.fail(error)

    def farewell(self) -> None:
        """Close behind the last acks; where the daemon goes, say so."""
        self._end_subscriptions()
        self.await_acks()
        if self.leaving and not self._session.closed:
            stopping = Stopping("the daemon is stopping")
            if self._codec is not None:
                self._send(self._codec.bye("shutdown", come_back(stopping.retry_after or 1.0)))
            self.stream.write(self._session.fail(stopping))
            self.stream.linger(LINGER)
        else:
            self.stream.write(self._session.farewell())
            self.stream.drain(FAREWELL)

    def _send(self, message: bytes) -> None:
        codec = self._codec
        self.stream.write(self._session.send(message, text=codec is None or codec.text))

    def overrun(self) -> None:
        """As for all that sends and never reads its acks; what is one event to a subscriber may be larger."""
        if self._requests is None or self.stream.buffered > WRITE_LIMIT + 2 * self.door.limits.message_size:
            super().overrun()

    # The native protocol: every publish has its answer.

    def _take_native(self, message: Message) -> None:
        codec = self._codec
        assert codec is not None
        try:
            asked = codec.read(message, self.door.schemas, self.door.limits, give_way)
            if isinstance(asked, native.Publish):
                self._gather(asked)
            else:
                self._request(asked)
        except native.Nacked as nacked:
            self.door.book.reject(self.door.name, nacked.error.reason, nacked.count)
            self._send(codec.nack(nacked.id, [nacked.error], nacked.error.retry_after))
        except Declined as declined:
            self.door.book.fault(declined.error)
            self._desk().decline(declined.id, declined.error)
        except ClientError as error:
            self._send(codec.error(None, error.reason, error.message))
            raise

    def _gather(self, publish: native.Publish) -> None:
        try:
            self.admit(publish.draft, publish.id if publish.id not in NO_ID else None)
        except RateLimited as error:
            raise native.Nacked(publish.id, error, publish.draft.count) from error
        if self._publishes is None:
            self._publishes = [publish]
        else:
            self._publishes.append(publish)

    def _request(self, ask: Ask) -> None:
        # It may wait: what came before it is not to wait with it.
        if self._publishes:
            self._hand_on()
        refused = self._desk().take(ask)
        if refused is not None:
            self.door.book.fault(refused)

    def _desk(self) -> Requests:
        if self._requests is None:
            assert self._codec is not None
            if self.door.subscriptions is None:
                raise MalformedInput("subscriptions are not spoken here", reason="unknown_op")
            outlet = Outlet(self.stream, self._codec, self._session.deflate)
            self._requests = Requests(self.door.subscriptions, outlet, self.door.most_subscriptions)
        return self._requests

    def _hand_on(self) -> None:
        """Submit all publishes of one read together: one answer, one write of their acks."""
        publishes, self._publishes = self._publishes or [], None
        for together in [publishes] if self.door.in_a_row else [[publish] for publish in publishes]:
            drafts = [publish.draft for publish in together]
            self.unacknowledged += 1
            self.door.submit_all(drafts, sum([draft.count for draft in drafts]), partial(self._answer, together))

    def _answer(self, publishes: list[native.Publish], first: int, error: EventdError | None) -> None:
        codec, session = self._codec, self._session
        assert codec is not None
        answers = []
        for publish in publishes:
            if error is None:
                kept = publish.draft.count
                if self.door.volatile is not None:
                    kept -= self.door.volatile(publish.draft)
                answer = codec.ack(publish.id, first, first + kept - 1, self.door.durability if kept else VOLATILE)
                first += kept
            else:
                answer = codec.nack(publish.id, [error], error.retry_after)
            answers.append(session.send(answer, codec.text))
        self.stream.write(b"".join(answers))
        self.settle()

    # No subprotocol, and the CloudEvents binding: no answers; what cannot be taken costs the connection.

    def _take_plain(self, message: Message) -> None:
        draft = plain.read(message, self._session.subprotocol, self.door.schemas, self.door.origin)
        self.spend(draft)
        self.unacknowledged += 1
        self.door.submit(draft, self._outcome)

    def _outcome(self, first: int, error: EventdError | None) -> None:
        if error is not None:
            self.end(error)
        self.settle()
