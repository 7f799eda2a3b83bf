"""One HTTP/1.1 connection without its socket: bytes in, complete requests out.

``h11`` knows the grammar and the states; this adds limits, inflated bodies, answers to
``Expect`` and errors in our words. Requests are answered in the order they came: the
iteration over ``receive`` goes on to the next when the one before has its response.
An idle session keeps no parser.

It does not know routes or formats, and it leaves a WebSocket upgrade to
``eventd.protocol.websocket``: then ``trailing`` has what came behind the request.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import msgspec

from eventd.errors import ClientError, EventdError, InvalidEvent, MalformedInput, TooLarge, UnsupportedFormat
from eventd.formats.compression import Grown, ignore, inflate
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Request, Response

__all__ = ["HTTPSession", "error_response"]

#: Arguments of one query. A route takes a handful; parsing more is work for nothing.
MOST_ARGUMENTS = 100
#: How much of what h11 says is told on: it quotes what it was sent.
MOST_TOLD = 120
#: RFC 6585, section 5.
HEADERS_TOO_LARGE = 431
#: What may be sent in a header (RFC 9110, 5.6.2 and 5.5): h11 gives up on the
#: connection when a plugin's response has anything else.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE = re.compile(r"[^\x00-\x1f\x7f\u0100-\U0010ffff]*").fullmatch
_PHRASES = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
#: Set by the session; given twice they would make two messages of one.
_FRAMING = frozenset({"content-length", "transfer-encoding", "date"})


class HTTPSession:
    """The server's end of one connection.

    :param client: the peer's address, put into each request.
    """

    __slots__ = ("_bare", "_body", "_connection", "_out", "_refused", "_request", "busy", "client", "last", "limits")

    def __init__(self, limits: Limits, *, client: str | None = None) -> None:
        self.limits = limits
        self.client = client
        #: A request is handed out and its response is not complete.
        self.busy = False
        #: The next answer is the last one, and says so.
        self.last = False
        self._connection: h11.Connection | None = None
        self._request: Request | None = None
        self._body: bytearray | None = None
        #: The answer has a head only, since the request was HEAD.
        self._bare = False
        self._refused = False
        self._out = b""

    @property
    def idle(self) -> bool:
        """Nothing is under way: the connection may be closed without harm."""
        return self._connection is None

    @property
    def buffered(self) -> int:
        """Bytes held of a body that is not complete."""
        return 0 if self._body is None else len(self._body)

    @property
    def closed(self) -> bool:
        """Whether no other request can follow: close when all is sent."""
        if self._refused:
            return True
        return self._connection is not None and self._connection.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    def receive(self, data: bytes, grown: Grown = ignore) -> Iterator[Request]:
        """Read on, and hand out each request that is complete once the one before is answered.

        Where the answer comes later, the iteration ends; ``receive(b"")`` takes it up.

        :param grown: told how large a body is by now that is inflated.
        :raises ClientError: answer it with ``fail`` and close.
        """
        if self._refused or (not data and self._connection is None):
            return
        try:
            if data:
                self._open_connection().receive_data(data)
            while self._connection is not None and (request := self._next(self._connection, grown)) is not None:
                yield request
        except h11.RemoteProtocolError as error:
            self._refused = True
            raise _fault(error) from error
        except ClientError:
            self._refused = True
            raise

    def data_to_send(self) -> bytes:
        """What ``receive`` gave rise to: the answer to ``Expect: 100-continue``."""
        out, self._out = self._out, b""
        return out

    def trailing(self) -> bytes:
        """The bytes behind a request that asked for an upgrade."""
        return b"" if self._connection is None else bytes(self._connection.trailing_data[0])

    def respond(self, response: Response) -> bytes:
        """The whole answer to the request that was handed out."""
        body = response.body.encode() if isinstance(response.body, str) else response.body
        headers = [(name, value) for name, value in response.headers if name.lower() not in _FRAMING]
        if isinstance(response.body, str) and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("content-type", "text/plain; charset=utf-8"))
        if response.status >= 200 and response.status not in (204, 304):
            headers.append(("content-length", str(len(body))))
        else:
            body = b""
        return self.respond_stream(response.status, headers) + self.chunk(body) + self.end()

    def respond_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> bytes:
        """The head of an answer whose body follows in ``chunk`` and ``end``.

        :raises ValueError: when the status or a header cannot be sent; nothing was.
        """
        if not 200 <= status <= 599:
            raise ValueError(f"not the status of a response: {status}")
        for name, value in headers:
            if not _NAME(name) or not _VALUE(value):
                raise ValueError(f"not a header: {name!r}: {value!r}")
        if self._refused or self.last:
            headers = [*headers, ("connection", "close")]
        encoded = [(name.encode("ascii"), value.strip().encode("latin-1")) for name, value in headers]
        encoded.append((b"date", _date(int(time.time()))))
        return self._send(h11.Response(status_code=status, headers=encoded, reason=_PHRASES.get(status, b"")))

    def chunk(self, data: bytes) -> bytes:
        """A part of the body."""
        return self._send(h11.Data(data=data)) if data and not self._bare else b""

    def end(self) -> bytes:
        """The end of the body; the connection is ready for the next request."""
        connection = self._open_connection()
        out = self._send(h11.EndOfMessage())
        self.busy = False
        if connection.their_state is h11.DONE and connection.our_state is h11.DONE:
            if connection.trailing_data[0]:
                connection.start_next_cycle()
            else:
                self._connection = None
        return out

    def fail(self, error: EventdError) -> bytes:
        """The answer for ``error``, after which no request is read; nothing where an answer has begun."""
        self._refused = True
        if self._open_connection().our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return b""
        return self.respond(error_response(error))

    def _open_connection(self) -> h11.Connection:
        if self._connection is None:
            self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=self.limits.header_size)
        return self._connection

    def _send(self, event: h11.Event) -> bytes:
        return self._open_connection().send(event) or b""

    def _next(self, connection: h11.Connection, grown: Grown) -> Request | None:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data) and self._body is not None:
                self._add(event.data)
            elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                return self._finish(self._request, grown)
            else:
                self._wait(connection)
                return None

    def _begin(self, event: h11.Request) -> None:
        headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers]
        # h11 bounds a head that is not complete; one that comes whole in one read it does not.
        if len(event.target) + sum(len(name) + len(value) for name, value in headers) > self.limits.header_size:
            raise TooLarge("the headers are too long", reason="headers_too_large")
        self._request = _request(event, headers, self.client)
        self._body = bytearray()
        lengths = [value for name, value in headers if name == "content-length"]
        if lengths and any(name == "transfer-encoding" for name, _ in headers):
            raise MalformedInput("both Content-Length and Transfer-Encoding", reason="malformed_http")
        if lengths and int(lengths[0]) > self.limits.message_size:
            raise TooLarge(f"a body of {lengths[0]} bytes, more than {self.limits.message_size}")

    def _add(self, data: bytes) -> None:
        assert self._body is not None
        self._body += data
        if len(self._body) > self.limits.message_size:
            raise TooLarge(f"a body of more than {self.limits.message_size} bytes")

    def _finish(self, request: Request, grown: Grown) -> Request:
        body, self._body, self._request = bytes(self._body or b""), None, None
        self.busy, self._bare = True, request.method == "HEAD"
        coding = ", ".join(value for name, value in request.headers if name == "content-encoding").strip().lower()
        if coding and coding != "identity":
            body = _inflated(coding, body, self.limits, grown)
        request.body = body
        return request

    def _wait(self, connection: h11.Connection) -> None:
        if connection.they_are_waiting_for_100_continue:
            self._out += connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
        if self.busy and len(connection.trailing_data[0]) > self.limits.message_size:
            raise TooLarge("too many requests sent ahead of the answer", hint="wait for responses")


def error_response(error: EventdError) -> Response:
    """The answer for an error, in JSON: what is wrong, where, and what may help."""
    told: dict[str, object] = {"message": error.message}
    if isinstance(error, InvalidEvent):
        told = {"index": error.index, "attribute": error.attribute, "message": error.message}
    body: dict[str, object] = {"errors": [told]}
    if error.hint:
        body["hint"] = error.hint
    headers = [("content-type", "application/json")]
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
    status = HEADERS_TOO_LARGE if error.reason == "headers_too_large" else error.http_status
    return Response(status, msgspec.json.encode(body), headers)


def _request(event: h11.Request, headers: list[tuple[str, str]], client: str | None) -> Request:
    target = event.target.decode("latin-1")
    try:
        parts = urlsplit(target if not target.startswith("//") else "/" + target.lstrip("/"))
        query = parse_qs(parts.query, keep_blank_values=True, errors="strict", max_num_fields=MOST_ARGUMENTS)
        path = unquote(parts.path, errors="strict")
    except ValueError as error:
        raise MalformedInput(f"not a request target: {error}", reason="malformed_http") from error
    tokens = {token.strip().lower() for name, value in headers if name == "connection" for token in value.split(",")}
    asked = next((value.lower() for name, value in headers if name == "upgrade"), "")
    return Request(
        method=event.method.decode("ascii"),
        path=path,
        target=target,
        query=query,
        headers=headers,
        upgrade=asked == "websocket" and "upgrade" in tokens and event.method == b"GET",
        keep_alive="close" not in tokens and event.http_version != b"1.0",
        client=client,
    )


def _inflated(coding: str, body: bytes, limits: Limits, grown: Grown) -> bytes:
    kind = {"x-gzip": "gzip"}.get(coding, coding)
    if kind not in ("gzip", "deflate", "zstd"):
        raise UnsupportedFormat(f"Content-Encoding {coding!r} is not supported", hint="send gzip, deflate or zstd")
    return inflate(kind, body, limits.decompressed_size, grown)


@lru_cache(1)
def _date(second: int) -> bytes:
    """The Date header, made once a second (RFC 9110, 6.6.1)."""
    return formatdate(second, usegmt=True).encode("ascii")


def _fault(error: h11.RemoteProtocolError) -> ClientError:
    if error.error_status_hint == HEADERS_TOO_LARGE:
        return TooLarge("the headers are too long", reason="headers_too_large")
    return MalformedInput(f"not HTTP/1.1: {str(error)[:MOST_TOLD]}", reason="malformed_http")
