"""A connection that speaks HTTP/1.1, until it ends or becomes a WebSocket."""

from __future__ import annotations

import logging
import time

from eventd.errors import EventdError, NotAllowed, RateLimited, TooSlow
from eventd.event import Draft
from eventd.green import Stream, give_way
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from eventd.listen.events import deliver
from eventd.listen.routes import MethodNotAllowed, Routes, Streamed
from eventd.protocol.http import HTTPSession, error_response
from eventd.protocol.messages import Request, Response

__all__ = ["HTTPConnection"]

log = logging.getLogger(__name__)

#: Unsent bytes of answers above which no other request is answered.
MOST_UNREAD = 1024 * 1024


class HTTPConnection(Connection):
    """Answers requests in order; ``upgrade`` is set when one asks for a WebSocket."""

    __slots__ = ("_routes", "_session", "upgrade")

    patience = "handshake_timeout"

    def __init__(self, door: Door, stream: Stream, routes: Routes) -> None:
        super().__init__(door, stream)
        self._routes = routes
        self._session = HTTPSession(door.limits, client=stream.peer)
        self.upgrade: Request | None = None
        # An answer may be larger than any bound: a reader that is slow is waited for, in ``_await_reader``.
        stream.over = None
        self.begin(True)

    def receive(self, data: bytes) -> None:
        """Take bytes and answer every request that they complete."""
        for request in self._session.receive(data, self.grown):
            if request.upgrade:
                self.upgrade = request
                return
            self.begin(False, len(request.body))
            self._answer(request)
            give_way()
        if waiting := self._session.data_to_send():
            self.stream.write(waiting)
        self.begin(not self._session.idle, self._session.buffered)

    @property
    def finished(self) -> bool:
        """Whether the connection becomes something else, or ends."""
        return self.upgrade is not None or self._session.closed or self.leaving

    def dismiss(self) -> None:
        """Also tell who waits for an answer that it is the last one."""
        self._session.last = True
        super().dismiss()

    def trailing(self) -> bytes:
        """What came behind the request that asked for an upgrade."""
        return self._session.trailing()

    def last_words(self, error: EventdError) -> bytes:
        """Answer what cannot be a request; a connection that only idles is closed without a word."""
        return b"" if error.reason == "idle" else self._session.fail(error)

    def _answer(self, request: Request) -> None:
        # Who waits for an answer is not idle.
        self.unacknowledged += 1
        try:
            response = self._response(request)
            if isinstance(response, Streamed):
                self._stream_out(request, response)
            else:
                self.stream.write(self._whole(request, response))
                self._await_reader(MOST_UNREAD)
        finally:
            self.settle()

    def _response(self, request: Request) -> Response | Streamed:
        try:
            self._meter(request)
            answer = self._routes.answer(request, self.door)
            return self._publish(answer) if isinstance(answer, Draft) else answer
        except EventdError as error:
            if not isinstance(error, (NotAllowed, RateLimited, MethodNotAllowed)):
                self.door.refuse(error, self.stream.peer)
            return self._explain(error)

    def _meter(self, request: Request) -> None:
        """Let a request pass whose events are not known before it is answered.

        :raises RateLimited: when its sender sends more than it may.
        """
        if self.allowance is not None and self._routes.metered(request):
            try:
                self.allowance.ask(1, len(request.body), time.monotonic())
            except RateLimited as error:
                self.door.book.fault(error)
                raise

    def _publish(self, draft: Draft) -> Response:
        try:
            self.admit(draft)
        except RateLimited as error:
            self.door.book.reject(self.door.name, error.reason, draft.count)
            raise
        deliver(self.door, draft)
        return Response(204)

    def _whole(self, request: Request, response: Response) -> bytes:
        try:
            if not isinstance(response.body, (bytes, bytearray, str)):
                raise TypeError(f"a body is bytes or str, not {type(response.body).__name__}")
            return self._session.respond(response)
        except Exception:
            # A plugin made it; nothing of it was sent.
            log.exception("%s %s: the answer cannot be sent", request.method, request.path)
            error = EventdError("the request could not be answered", hint="the daemon's log says why")
            return self._session.respond(error_response(error))

    @staticmethod
    def _explain(error: EventdError) -> Response:
        response = error_response(error)
        if isinstance(error, MethodNotAllowed):
            response.headers = [*response.headers, ("Allow", ", ".join(error.allowed))]
        return response

    def _stream_out(self, request: Request, response: Streamed) -> None:
        self.stream.write(self._session.respond_stream(response.status, response.headers))
        # HEAD has no body: nothing would tell when its sender goes.
        for chunk in response.chunks if request.method != "HEAD" else ():
            if self.leaving or self.stream.closed:
                break
            self.stream.write(self._session.chunk(chunk or b"\n"))
            self._await_reader(0)
        self.stream.write(self._session.end())

    def _await_reader(self, most: int) -> None:
        """Wait until all is sent where more than ``most`` bytes are not."""
        stream = self.stream
        if stream.buffered > most and not stream.drain(self.door.idle_timeout or None) and not stream.closed:
            raise TooSlow(f"{stream.buffered} bytes of an answer were not read", reason="slow_reader")
