"""A client's WebSocket without a socket."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from eventd.client import link as module
from eventd.client.ends import End
from eventd.client.link import Link
from tests.client.peer import URI, Peer, joined


def connecting(**headers: str) -> tuple[Link, Peer]:
    peer = Peer()
    return Link(URI, peer.codec.name, headers, text=True), peer


def server_frame(first: int, payload: bytes) -> bytes:
    frame = Frame(Opcode(first & 0x0F), payload, fin=bool(first & 0x80))
    return frame.serialize(mask=False)


def test_the_handshake_names_the_subprotocol_and_carries_the_headers():
    link, peer = connecting(Authorization="Bearer secret")

    assert link.receive(peer.take(link.outgoing())) == []

    assert link.opened
    assert peer.request is not None
    headers = peer.request.headers
    assert peer.request.path == "/events"
    assert headers["Host"] == "hub.example.com"
    assert headers["Sec-WebSocket-Protocol"] == "eventd.v1.json"
    assert headers["Authorization"] == "Bearer secret"
    assert "Sec-WebSocket-Extensions" not in headers


@pytest.mark.parametrize("name", ["json", "msgpack"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
def test_messages_of_any_size_reach_the_other_side(name, size):
    link, peer = joined(name)

    link.send(peer.module.encode("x" * size))
    assert link.unsent > size
    peer.take(link.outgoing())

    assert peer.heard == ["x" * size]
    assert link.unsent == 0
    [message] = link.receive(peer.say("bye", reason="y" * size))
    assert peer.module.decode(message)["reason"] == "y" * size


@given(
    st.lists(st.binary(max_size=300), max_size=8),
    st.lists(st.integers(0, 2000), max_size=20),
    st.booleans(),
)
def test_it_does_not_matter_how_the_bytes_are_cut(payloads, cuts, pings):
    peer = Peer()
    link = Link(URI, peer.codec.name, {}, text=True)
    stream = peer.take(link.outgoing())
    for payload in payloads:
        half = len(payload) // 2
        stream += server_frame(0x01, payload[:half])
        stream += server_frame(0x89, b"ping") if pings else b""
        stream += server_frame(0x80, payload[half:])
        stream += server_frame(0x81, payload)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})

    found = []
    for begin, end in itertools.pairwise(places):
        found += link.receive(stream[begin:end])

    assert found == [payload for payload in payloads for _ in range(2)]
    assert link.end is None


def test_a_ping_is_answered_and_ours_are_sent():
    link, peer = joined()

    link.receive(peer.ping())
    link.ping()
    peer.take(link.outgoing())

    assert [(frame.opcode, bytes(frame.data)) for frame in peer.frames] == [
        (Opcode.PONG, b"hello?"),
        (Opcode.PING, b""),
    ]


def test_the_servers_close_is_echoed_and_told():
    link, peer = joined()

    messages = link.receive(peer.say("bye") + peer.close(1001, "restart"))

    assert len(messages) == 1
    assert link.end is not None and link.end.code == 1001 and "restart" in link.end.reason
    peer.take(link.outgoing())
    assert [frame.opcode for frame in peer.frames] == [Opcode.CLOSE]
    assert link.receive(b"more") == []


def test_our_close_is_the_last_frame():
    link, peer = joined()

    link.close()
    link.close()
    answer = peer.take(link.outgoing())

    assert [frame.opcode for frame in peer.frames] == [Opcode.CLOSE]
    link.receive(answer)
    assert link.end is not None and link.end.code == 1000


def test_the_end_of_the_stream_is_told():
    link, _ = joined()
    link.receive(b"")
    assert link.end is not None and "closed the connection" in link.end.reason

    link, _ = connecting()
    link.receive(b"")
    assert link.end is not None and "HTTP" in link.end.reason


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (server_frame(0x82, b"{}"), "not text"),
        (server_frame(0x02, b"{}"), "not text"),
        (server_frame(0x80, b"{}"), "continuation"),
        (server_frame(0x01, b"a") + server_frame(0x81, b"b"), "continuation"),
        (b"\xc1\x00", "reserved"),
        (b"\x83\x00", "opcode"),
        (b"\x81\x80abcd", "mask"),
        (b"\x81\x7f" + (2**40).to_bytes(8, "big"), "exceeds limit"),
        (b"\x88\x01a", "close frame"),
    ],
)
def test_what_breaks_the_websocket_ends_it_behind_the_good_messages(frame, told):
    link, _ = joined()

    messages = link.receive(server_frame(0x81, b"good") + frame + server_frame(0x81, b"late"))

    assert messages == [b"good"]
    assert link.end is not None
    assert told in link.end.reason


def test_fragments_together_are_no_larger_than_a_message_may_be(monkeypatch):
    monkeypatch.setattr(module, "MOST_MESSAGE", 1000)
    link, _ = joined()

    link.receive(server_frame(0x01, b"x" * 600) + server_frame(0x80, b"x" * 600))

    assert link.end is not None and "limit" in link.end.reason


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_messages_or_an_end(data, opened):
    link, _ = joined() if opened else connecting()

    link.receive(data)
    link.receive(b"")

    assert link.end is not None


@pytest.mark.parametrize("whole", [True, False])
def test_an_http_answer_that_is_no_websocket_is_told(whole):
    answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 10\r\n\r\ntoo many\r\n"
    link, _ = connecting()

    for piece in [answer] if whole else [answer[index : index + 1] for index in range(len(answer))]:
        link.receive(piece)

    assert link.end == End("the server answered 503 Service Unavailable: too many", 503, 7.0)


@pytest.mark.parametrize(
    ("answer", "code", "retry_after"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401, None),
        (
            b"HTTP/1.1 403 Forbidden\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
            403,
            None,
        ),
        (b"HTTP/1.1 429 x\r\nRetry-After: soon\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n", 429, 3.0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\0\1\2\3", 200, None),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", None, None),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", None, None),
        (b"x" * 100_000, None, None),
    ],
)
def test_answers_of_other_servers(answer, code, retry_after):
    link, _ = connecting()

    link.receive(answer)

    assert link.end is not None
    assert (link.end.code, link.end.retry_after) == (code, retry_after)
    assert link.end.reason.isprintable()


def test_a_server_without_the_subprotocol_is_not_spoken_to():
    peer = Peer()
    peer.protocol.available_subprotocols = None
    link = Link(URI, "eventd.v1.json", {}, text=True)

    link.receive(peer.take(link.outgoing()))

    assert not link.opened
    assert link.end is not None and "eventd.v1.json" in link.end.reason


def test_bytes_behind_the_handshake_are_read():
    link, peer = connecting()
    answer = peer.take(link.outgoing())

    assert link.receive(answer + server_frame(0x81, b"first") + server_frame(0x81, b"se")[:-1]) == [b"first"]
    assert link.receive(b"e") == [b"se"]


def test_a_large_message_in_many_pieces_is_put_together_once():
    link, _ = joined()
    frame = server_frame(0x81, b"x" * 2_000_000)

    found = []
    for begin in range(0, len(frame), 1000):
        found += link.receive(frame[begin : begin + 1000])

    assert [len(message) for message in found] == [2_000_000]
