"""A connection that speaks HTTP/1.1, until it ends or becomes a WebSocket."""

from __future__ import annotations

from eventd.errors import EventdError, NotAllowed, RateLimited
from eventd.green import Stream
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from eventd.listen.routes import MethodNotAllowed, Routes, Streamed
from eventd.protocol.http import HTTPSession, error_response
from eventd.protocol.messages import Request, Response

__all__ = ["HTTPConnection"]

#: Seconds for a sender that is still sending to read why it was refused.
LINGER = 2.0


class HTTPConnection(Connection):
    """Answers requests in order; ``upgrade`` is set when one asks for a WebSocket."""

    __slots__ = ("_routes", "_session", "upgrade")

    patience = "handshake_timeout"

    def __init__(self, door: Door, stream: Stream, routes: Routes) -> None:
        super().__init__(door, stream)
        self._routes = routes
        self._session = HTTPSession(door.limits)
        self.upgrade: Request | None = None
        self.begin(True)

    def receive(self, data: bytes) -> None:
        """Take bytes and answer every request that they complete."""
        for request in self._session.receive(data):
            if request.upgrade:
                self.upgrade = request
                return
            self.begin(False)
            self._answer(request)
        if waiting := self._session.data_to_send():
            self.stream.write(waiting)
        self.begin(not self._session.idle)

    @property
    def finished(self) -> bool:
        """Whether the connection becomes something else, or ends."""
        return self.upgrade is not None or self._session.closed or self.door.stopping

    def trailing(self) -> bytes:
        """What came behind the request that asked for an upgrade."""
        return self._session.trailing()

    def refuse(self, error: EventdError) -> None:
        """Answer input that cannot be a request, and close."""
        super().refuse(error)
        self.stream.write(self._session.fail(error))
        self.stream.linger(LINGER)

    def _answer(self, request: Request) -> None:
        try:
            response = self._routes.answer(request, self.door)
        except EventdError as error:
            if not isinstance(error, (NotAllowed, RateLimited, MethodNotAllowed)):
                self.door.refuse(error, self.stream.peer)
            response = self._explain(error)
        if isinstance(response, Streamed):
            self._stream_out(response)
        else:
            self.stream.write(self._session.respond(response))

    @staticmethod
    def _explain(error: EventdError) -> Response:
        response = error_response(error)
        if isinstance(error, MethodNotAllowed):
            response.headers = [*response.headers, ("Allow", ", ".join(error.allowed))]
        return response

    def _stream_out(self, response: Streamed) -> None:
        self.stream.write(self._session.respond_stream(response.status, response.headers))
        for chunk in response.chunks:
            if self.door.stopping or self.stream.closed:
                break
            self.stream.write(self._session.chunk(chunk or b"\n"))
            self.stream.drain(self.door.idle_timeout or None)
        self.stream.write(self._session.end())
