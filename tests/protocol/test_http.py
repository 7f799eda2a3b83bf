"""HTTP sessions against ``h11``'s client, pipelined, cut anywhere, and hostile."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import h11
import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import (
    ClientError,
    InvalidEvent,
    JournalUnavailable,
    MalformedInput,
    NotFound,
    RateLimited,
    TooLarge,
    UnsupportedFormat,
)
from eventd.protocol.http import HTTPSession, error_response
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Request, Response

LIMITS = Limits(message_size=10_000, decompressed_size=50_000, header_size=4096)


def post(body: bytes = b"abc", target: str = "/events", *headers: str) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: h", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def answered(session: HTTPSession, data: bytes, step: int | None = None) -> tuple[list[Request], bytes]:
    """The requests in ``data``, each answered with its body before the next is asked for."""
    requests, out = [], b""
    step = step or len(data)
    for start in range(0, len(data), step):
        for request in session.receive(data[start : start + step]):
            requests.append(request)
            out += session.respond(Response(200, request.body))
        out += session.data_to_send()
    return requests, out


def read_responses(data: bytes, count: int, method: str = "POST") -> list[tuple[int, bytes]]:
    """What h11's client makes of our answers."""
    responses = []
    client = h11.Connection(h11.CLIENT)
    client.receive_data(data)
    for _ in range(count):
        client.send(h11.Request(method=method, target="/", headers=[("Host", "h")]))
        client.send(h11.EndOfMessage())
        status, body = 0, b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        responses.append((status, body))
        if client.our_state is h11.DONE and client.their_state is h11.DONE:
            client.start_next_cycle()
    return responses


def refused(data: bytes, limits: Limits = LIMITS) -> tuple[ClientError, bytes]:
    session = HTTPSession(limits)
    with pytest.raises(ClientError) as caught:
        list(session.receive(data))
    answer = session.fail(caught.value)
    assert session.closed
    assert list(session.receive(post())) == []
    return caught.value, answer


def test_a_request_has_all_that_was_sent() -> None:
    session = HTTPSession(LIMITS, client="192.0.2.1:5")
    [request] = session.receive(post(b"abc", "/a%20b/c?x=1&x=2&y=&z=%C3%A9", "X-Tag: a", "x-tag: b"))
    assert (request.method, request.path, request.body) == ("POST", "/a b/c", b"abc")
    assert request.target == "/a%20b/c?x=1&x=2&y=&z=%C3%A9"
    assert request.query == {"x": ["1", "2"], "y": [""], "z": ["é"]}
    assert request.headers[2:] == [("x-tag", "a"), ("x-tag", "b")]
    assert (request.client, request.keep_alive, request.upgrade) == ("192.0.2.1:5", True, False)
    assert session.busy
    assert not session.idle


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5), st.integers(1, 200))
def test_pipelined_requests_are_answered_in_order_however_they_are_cut(bodies: list[bytes], step: int) -> None:
    session = HTTPSession(LIMITS)
    requests, out = answered(session, b"".join(map(post, bodies)), step)
    assert [request.body for request in requests] == bodies
    assert read_responses(out, len(bodies)) == [(200, body) for body in bodies]
    assert session.idle
    assert not session.closed


def test_a_request_waits_for_the_answer_to_the_one_before() -> None:
    session = HTTPSession(LIMITS)
    assert [request.body for request in session.receive(post(b"1") + post(b"2"))] == [b"1"]
    assert list(session.receive(b"")) == []
    session.respond(Response())
    assert [request.body for request in session.receive(b"")] == [b"2"]
    session.respond(Response())
    assert list(session.receive(b"")) == []
    assert session.idle


def test_a_chunked_body_is_put_together() -> None:
    data = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    for step in (1, 7, None):
        requests, _ = answered(HTTPSession(LIMITS), data, step)
        assert [request.body for request in requests] == [b"abcde"]


def test_whoever_waits_for_100_continue_gets_it() -> None:
    session = HTTPSession(LIMITS)
    head, body = post(b"abc", "/", "Expect: 100-continue")[:-3], b"abc"
    assert list(session.receive(head)) == []
    assert session.data_to_send().startswith(b"HTTP/1.1 100 ")
    assert [request.body for request in session.receive(body)] == [b"abc"]
    assert session.data_to_send() == b""


def test_whoever_waits_for_100_continue_with_too_much_is_told_before_it_is_sent() -> None:
    error, answer = refused(post(bytes(10_001), "/", "Expect: 100-continue")[:-10_001])
    assert isinstance(error, TooLarge)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [("1.1", "X: y", True), ("1.1", "Connection: close", False), ("1.0", "X: y", False)],
)
def test_a_connection_is_kept_as_the_client_asks(version: str, header: str, stays: bool) -> None:
    session = HTTPSession(LIMITS)
    [request] = session.receive(f"GET / HTTP/{version}\r\nHost: h\r\n{header}\r\n\r\n".encode())
    assert request.keep_alive is stays
    session.respond(Response(204))
    assert session.closed is not stays


def test_an_answer_to_head_has_no_body() -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"))
    out = session.respond(Response(200, "hello"))
    assert b"content-length: 5\r\n" in out
    assert out.endswith(b"\r\n\r\n")
    assert session.idle


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body_have_none(status: int) -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    out = session.respond(Response(status, b"never sent"))
    assert b"content-length" not in out
    assert out.endswith(b"\r\n\r\n")


def test_a_stream_is_sent_in_chunks() -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    out = session.respond_stream(200, [("Content-Type", "application/x-ndjson")])
    out += session.chunk(b"one\n") + session.chunk(b"") + session.chunk(b"two\n")
    assert session.busy
    out += session.end()
    assert read_responses(out, 1) == [(200, b"one\ntwo\n")]
    assert session.idle


@pytest.mark.parametrize(
    "header", [("X\r\nY", "z"), ("X", "a\r\nSet-Cookie: b"), ("X", "\x00"), ("", "x"), ("X y", "z"), ("X", "☃")]
)
def test_a_header_that_would_be_another_is_refused_before_anything_is_sent(header: tuple[str, str]) -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    with pytest.raises(ValueError, match="not a header"):
        session.respond(Response(200, b"", [header]))
    assert session.respond(Response(500)).startswith(b"HTTP/1.1 500 ")


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600])
def test_a_status_that_is_no_answer_is_refused(status: int) -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    with pytest.raises(ValueError, match="status"):
        session.respond(Response(status))


def test_headers_that_frame_the_message_are_not_taken_from_a_plugin() -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    out = session.respond(Response(200, b"abc", [("Content-Length", "99"), ("Transfer-Encoding", "chunked")]))
    assert read_responses(out, 1) == [(200, b"abc")]


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_compressed_body_is_inflated(coding: str) -> None:
    session = HTTPSession(LIMITS)
    [request] = session.receive(post(COMPRESSED[coding](b"abc" * 100), "/", f"Content-Encoding: {coding.upper()}"))
    assert request.body == b"abc" * 100


@pytest.mark.parametrize("coding", COMPRESSED)
def test_a_bomb_stops_at_the_limit(coding: str) -> None:
    limits = Limits(message_size=1_000_000, decompressed_size=1_000_000)
    error, answer = refused(post(COMPRESSED[coding](bytes(20_000_000)), "/", f"Content-Encoding: {coding}"), limits)
    assert isinstance(error, TooLarge)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("damage", [b"not compressed", b"cut"])
def test_a_damaged_body_is_refused(coding: str, damage: bytes) -> None:
    body = COMPRESSED[coding](b"abc" * 100)[:-6] if damage == b"cut" else damage
    error, _ = refused(post(body, "/", f"Content-Encoding: {coding}"))
    assert isinstance(error, MalformedInput)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "lzma"])
def test_an_unknown_coding_is_refused(coding: str) -> None:
    error, answer = refused(post(b"abc", "/", f"Content-Encoding: {coding}"))
    assert isinstance(error, UnsupportedFormat)
    assert answer.startswith(b"HTTP/1.1 415 ")


LONG = "x" * 5000
REFUSED = [
    ("no HTTP at all", b"\x00\x01\x02\r\n\r\n", 400),
    ("a TLS client hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(20) + b"\r\n\r\n", 400),
    ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two lengths", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    ("a length that is none", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400),
    (
        "smuggled",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("an unknown transfer coding", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("a bad chunk", b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    ("a path that is not UTF-8", b"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("a query that is not UTF-8", b"GET /?a=%c0%a0 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("a broken authority", b"GET http://[::1/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("too many arguments", b"GET /?" + b"a=1&" * 101 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ("a header without end", b"GET / HTTP/1.1\r\nX: " + LONG.encode(), 431),
    ("a target without end", b"GET /" + LONG.encode(), 431),
    ("too long a body", post(bytes(10_001)), 413),
    (
        "too long a chunked body",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2711\r\n" + bytes(10_001),
        413,
    ),
]


@pytest.mark.parametrize(("data", "status"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_bad_input_is_answered_and_costs_the_connection(data: bytes, status: int) -> None:
    error, answer = refused(data)
    expected = 400 if status == 501 else status
    [(answered_with, body)] = read_responses(answer, 1)
    assert answered_with == expected
    assert msgspec.json.decode(body)["errors"][0]["message"]
    assert len(error.message) < 300
    assert b"connection: close\r\n" in answer


@given(st.binary(max_size=200), st.integers(1, 200))
def test_any_bytes_are_requests_or_an_error(data: bytes, step: int) -> None:
    session = HTTPSession(LIMITS)
    try:
        answered(session, b"GET " + data, step)
    except ClientError as error:
        session.fail(error)
        assert session.closed


def test_requests_ahead_of_an_answer_are_bounded() -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    for _ in range(9):
        assert list(session.receive(post(bytes(1000)))) == []
    with pytest.raises(TooLarge):
        list(session.receive(post(bytes(1000))))


def test_an_upgrade_keeps_what_came_behind_it() -> None:
    session = HTTPSession(LIMITS)
    head = b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    [request] = session.receive(head + b"\x81\x80frame")
    assert request.upgrade
    assert session.trailing() == b"\x81\x80frame"


@pytest.mark.parametrize("upgrade", ["Upgrade: h2c", "X-Upgrade: websocket"])
def test_another_upgrade_is_not_taken_and_the_request_is_answered(upgrade: str) -> None:
    session = HTTPSession(LIMITS)
    data = f"GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n{upgrade}\r\n\r\n".encode()
    [request] = session.receive(data)
    assert not request.upgrade
    assert session.respond(Response()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert not session.closed


def test_errors_are_told_in_json() -> None:
    response = error_response(InvalidEvent("must be a string", attribute="id", index=3))
    assert response.status == 400
    assert msgspec.json.decode(response.body) == {
        "errors": [{"index": 3, "attribute": "id", "message": "must be a string"}]
    }
    response = error_response(NotFound("no such route", hint="see /asyncapi.json"))
    assert response.status == 404
    assert msgspec.json.decode(response.body) == {
        "errors": [{"message": "no such route"}],
        "hint": "see /asyncapi.json",
    }


@pytest.mark.parametrize(("error", "seconds"), [(RateLimited("slow"), "1"), (JournalUnavailable("full"), "5")])
def test_errors_that_pass_say_when_to_come_back(error: RateLimited, seconds: str) -> None:
    assert ("retry-after", seconds) in error_response(error).headers


def test_nothing_is_said_in_the_middle_of_an_answer() -> None:
    session = HTTPSession(LIMITS)
    list(session.receive(post()))
    session.respond_stream(200, [])
    assert session.fail(MalformedInput("too late")) == b""
    assert session.closed
