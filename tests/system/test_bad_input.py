"""Hostile input gets the protocol's own clear error, is counted by reason, and costs nobody else anything."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgpack
import psutil
import pytest
import websockets
import websockets.sync.client
import zstandard

from tests.support.daemon import DaemonProcess
from tests.support.wait import until

LIMITS = """
[eventd]
log_level = debug
[limits]
message_size = 1M
unfinished_size = 4M
decompressed_size = 4M
header_size = 16K
batch_events = 1000
handshake_timeout = 2s
idle_timeout = 3s
"""

#: What a daemon under attack may grow by: its bounds and the allocator's slack, far below the bombs.
MOST_GROWTH = 64 * 1024 * 1024

BOMB = b"\0" * (256 * 1024 * 1024)
GZIP_BOMB = gzip.compress(BOMB[: 1 << 26], 9)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon with tight limits; when all is over it must be well and small."""
    with DaemonProcess(tmp_path_factory.mktemp("guarded"), LIMITS) as daemon:
        assert daemon.process is not None
        process = psutil.Process(daemon.process.pid)
        before = process.memory_info().rss
        yield daemon
        assert daemon.status()["ready"]
        assert process.memory_info().rss - before < MOST_GROWTH


@pytest.fixture
def daemon(guarded: DaemonProcess) -> Iterator[DaemonProcess]:
    """The guarded daemon; after each test it still takes a good event, and no bad one got in."""
    accepted = guarded.status()["events"]["accepted"]
    yield guarded
    assert guarded.status()["events"]["accepted"] == accepted
    good = {"specversion": "1.0", "id": "1", "source": "/s", "type": "good.one"}
    headers = {"Content-Type": "application/cloudevents+json"}
    assert exchange(guarded, request("POST", "/events", json.dumps(good).encode(), **headers))[0] == 204


def counted(daemon: DaemonProcess) -> int:
    events = daemon.status()["events"]
    return int(sum(events["rejected"].values()) + sum(events["faults"].values()))


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_all(connection: socket.socket) -> bytes:
    chunks = []
    try:
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    except ConnectionResetError:
        pass
    return b"".join(chunks)


def exchange(daemon: DaemonProcess, data: bytes) -> tuple[int, bytes, bytes]:
    """Send bytes, read the first answer; its status, head and body."""
    with socket.create_connection(("127.0.0.1", daemon.port("http")), timeout=10) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        while b"\r\n\r\n" not in answer:
            chunk = connection.recv(65536)
            assert chunk, f"no answer but {answer!r}"
            answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        wanted = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < wanted:
            body += connection.recv(65536)
        return int(head.split()[1]), head, body


STRUCTURED = {"Content_Type": "application/cloudevents+json"}
BATCH = {"Content_Type": "application/cloudevents-batch+json"}
EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"}


def nested(depth: int) -> bytes:
    return b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":' + b"[" * depth + b"]" * depth + b"}"


def packed(payload: bytes) -> bytes:
    event: bytes = msgpack.packb(EVENT | {"data": 0})
    return event[:-1] + payload


MSGPACK = {"Content_Type": "application/cloudevents+msgpack"}
MANY_PARTS = gzip.compress(packed(b"\xdd" + struct.pack(">I", 3_000_000) + b"\x80" * 3_000_000))
MANY_FRAMES = zstandard.compress(b"") * 100_000
#: A WebSocket's opening handshake as a browser sends it for a page of another host.
FOREIGN = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://evil.example",
}  # fmt: skip

HTTP = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
    "no-such-path": (request("GET", "/nothing"), 404),
    "wrong-method": (request("DELETE", "/events"), 405),
    "long-header": (request("POST", "/events", b"", **STRUCTURED, X_Long="x" * 100_000), 431),
    "declared-too-long": (b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
    "chunked-too-long": (
        b"POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 21,
        413,
    ),
    "bad-length": (b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
    "two-lengths": (b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "gzip-bomb": (request("POST", "/events", GZIP_BOMB, **STRUCTURED, Content_Encoding="gzip"), 413),
    "zstd-bomb": (request("POST", "/events", zstandard.compress(BOMB), **STRUCTURED, Content_Encoding="zstd"), 413),
    "not-gzip": (request("POST", "/events", b"plain", **STRUCTURED, Content_Encoding="gzip"), 400),
    "unknown-coding": (request("POST", "/events", b"plain", **STRUCTURED, Content_Encoding="br"), 415),
    "unknown-format": (request("POST", "/events", b"<a/>", Content_Type="application/cloudevents+xml"), 415),
    "not-json": (request("POST", "/events", b"{nope", **STRUCTURED), 400),
    "not-utf8": (request("POST", "/events", b'{"id":"\xff"}', **STRUCTURED), 400),
    "not-an-object": (request("POST", "/events", b"[1,2]", **STRUCTURED), 400),
    "too-deep": (request("POST", "/events", nested(100_000), **STRUCTURED), 400),
    "no-id": (request("POST", "/events", json.dumps(EVENT | {"id": None}).encode(), **STRUCTURED), 400),
    "one-bad-of-three": (
        request("POST", "/events", json.dumps([EVENT, EVENT | {"time": "now"}, EVENT]).encode(), **BATCH),
        400,
    ),
    "too-many": (request("POST", "/events", json.dumps([EVENT] * 1001).encode(), **BATCH), 413),
    "many-parts": (request("POST", "/events", MANY_PARTS, **MSGPACK, Content_Encoding="gzip"), 413),
    "many-frames": (request("POST", "/events", MANY_FRAMES, **STRUCTURED, Content_Encoding="zstd"), 400),
    "foreign-page": (request("GET", "/", **FOREIGN), 403),
    "origin-with-a-tab": (request("OPTIONS", "/events", WebHook_Request_Origin="a\tb"), 400),
    "upgrade-to-nothing": (
        request("GET", "/", Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Version="13"),
        400,
    ),
}


@pytest.mark.parametrize("case", HTTP)
def test_http(case: str, daemon: DaemonProcess) -> None:
    data, expected = HTTP[case]
    status, head, body = exchange(daemon, data)
    assert status == expected, (head, body)
    answer = json.loads(body)
    assert answer["errors"][0]["message"]
    assert b"Traceback" not in body


def test_http_names_the_event_and_the_attribute(daemon: DaemonProcess) -> None:
    before = counted(daemon)
    _, _, body = exchange(daemon, HTTP["one-bad-of-three"][0])
    error = json.loads(body)["errors"][0]
    assert (error["index"], error["attribute"]) == (1, "time")
    assert counted(daemon) > before


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST /events HTTP/1.1\r\nHost:",
        b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    ],
)
def test_http_that_never_ends_is_cut_off(data: bytes, daemon: DaemonProcess) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port("http")), timeout=15) as connection:
        connection.sendall(data)
        answer = read_all(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def websocket(
    daemon: DaemonProcess, subprotocol: str | None, **options: Any
) -> websockets.sync.client.ClientConnection:
    names = [websockets.Subprotocol(subprotocol)] if subprotocol else None
    connect: Callable[..., websockets.sync.client.ClientConnection] = websockets.sync.client.connect
    return connect(f"ws://127.0.0.1:{daemon.port('http')}/", subprotocols=names, **options)


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame, with a mask of zeros."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xff" + struct.pack(">Q", len(payload))
    return bytes([opcode]) + length + b"\0\0\0\0" + payload


def bomb_frame() -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = deflate.compress(BOMB[: 1 << 26]) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return masked(0xC1, data[:-4])


JSON_PROTOCOL, MSGPACK_PROTOCOL = "eventd.v1.json", "eventd.v1.msgpack"

WEBSOCKET = {
    "unmasked": (None, b"\x81\x02hi", 1002),
    "unknown-opcode": (None, masked(0x83, b"x"), 1002),
    "long-control": (None, masked(0x89, b"x" * 126), 1002),
    "continuation-of-nothing": (None, masked(0x80, b"x"), 1002),
    "not-utf8": (None, masked(0x81, b"\xff\xfe"), 1007),
    "too-large": (None, masked(0x81, b"x" * 2_000_000), 1009),
    "too-large-in-fragments": (None, masked(0x01, b"x" * 600_000) + masked(0x80, b"x" * 600_000), 1009),
    "deflate-bomb": (None, bomb_frame(), 1009),
    "invalid-event": (None, masked(0x81, json.dumps(EVENT | {"id": 25}).encode()), 1008),
    "cloudevents-binary-frame": ("cloudevents.json", masked(0x82, b"{}"), 1003),
    "cloudevents-batch": ("cloudevents.json", masked(0x81, json.dumps([EVENT]).encode()), 1007),
    "cloudevents-not-json": ("cloudevents.json", masked(0x81, b"nope"), 1007),
    "native-not-json": (JSON_PROTOCOL, masked(0x81, b"nope"), 1007),
    "native-binary-frame": (JSON_PROTOCOL, masked(0x82, b"{}"), 1003),
    "native-too-deep": (JSON_PROTOCOL, masked(0x81, b'{"op":"publish","id":1,"events":[' + b"[" * 100_000), 1007),
    "native-not-msgpack": (MSGPACK_PROTOCOL, masked(0x82, b"\xc1"), 1007),
    "native-text-frame": (MSGPACK_PROTOCOL, masked(0x81, b"{}"), 1003),
    "native-msgpack-too-deep": (MSGPACK_PROTOCOL, masked(0x82, b"\x91" * 100_000), 1007),
}


@pytest.mark.parametrize("case", WEBSOCKET)
def test_websocket(case: str, daemon: DaemonProcess) -> None:
    subprotocol, data, code = WEBSOCKET[case]
    before = counted(daemon)
    with websocket(daemon, subprotocol) as connection:
        connection.socket.sendall(data)
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            for _ in range(3):
                connection.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code, closed.value.rcvd
        assert closed.value.rcvd.reason
    assert counted(daemon) > before


def test_native_publish_of_an_invalid_event_is_nacked_and_the_connection_goes_on(daemon: DaemonProcess) -> None:
    with websocket(daemon, JSON_PROTOCOL) as connection:
        events = [EVENT, EVENT | {"source": ""}]
        connection.send(json.dumps({"op": "publish", "id": 7, "events": events}))
        nack = json.loads(connection.recv(timeout=10))
        assert (nack["op"], nack["id"]) == ("nack", 7)
        assert (nack["errors"][0]["index"], nack["errors"][0]["attribute"]) == (1, "source")
        connection.ping().wait(5)


def test_websocket_that_starts_a_message_and_stops_is_closed(daemon: DaemonProcess) -> None:
    with websocket(daemon, None, ping_interval=None) as connection:
        connection.socket.sendall(masked(0x01, b"begin"))
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            connection.recv(timeout=15)


def chunk(entries: bytes, **options: Any) -> bytes:
    return bytes(msgpack.packb(["a.b", entries, options]))


FORWARD = {
    "garbage": b"GET / HTTP/1.0\r\n\r\n" + b"\xc1" * 10,
    "reserved-byte": b"\xc1",
    "array-of-one": msgpack.packb(["a.b"]),
    "tag-is-a-number": msgpack.packb([1, [], {}]),
    "options-are-a-list": msgpack.packb(["a.b", [], [1]]),
    "entries-are-a-map": msgpack.packb(["a.b", {"a": 1}]),
    "truncated-entries": chunk(msgpack.packb([1, {"a": 1}])[:-1], size=1),
    "too-deep": b"\x93\xa1a" + b"\x91" * 200_000,
    "too-large": b"\x93\xa1a\xc6\x7f\xff\xff\xff" + b"x" * 2_000_000,
    "too-many": msgpack.packb(["a.b", [[1, {"a": 1}]] * 1001]),
    "gzip-bomb": chunk(GZIP_BOMB, compressed="gzip"),
    "zstd-bomb": chunk(zstandard.compress(BOMB), compressed="zstd"),
    "not-gzip": chunk(b"plain", compressed="gzip"),
}


@pytest.mark.parametrize("case", FORWARD)
def test_forward(case: str, daemon: DaemonProcess) -> None:
    before = counted(daemon)
    with socket.create_connection(("127.0.0.1", daemon.port("forward")), timeout=15) as connection:
        try:
            connection.sendall(FORWARD[case])
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert read_all(connection) == b""
    until(lambda: counted(daemon) > before, what="the refusal to be counted")
    until(lambda: "forward: refused input of 127.0.0.1" in daemon.tail(), what="the log to say so")


def test_forward_skips_bad_events_of_a_good_chunk_and_acknowledges_the_rest(guarded: DaemonProcess) -> None:
    before = guarded.status()["events"]["accepted"]
    with socket.create_connection(("127.0.0.1", guarded.port("forward")), timeout=10) as connection:
        entries = [[1, {"a": 1}], [2, "no map"], ["no time", {"a": 2}], [3, {"a": 3}]]
        connection.sendall(msgpack.packb(["a.b", entries, {"chunk": "c\n"}]))
        assert msgpack.unpackb(connection.recv(1000)) == {"ack": "c\n"}
    assert guarded.status()["events"]["accepted"] == before + 2


def test_forward_that_stops_in_the_middle_is_closed(daemon: DaemonProcess) -> None:
    with socket.create_connection(("127.0.0.1", daemon.port("forward")), timeout=15) as connection:
        connection.sendall(b"\x93\xa3a.b")
        assert read_all(connection) == b""


def test_no_sender_writes_a_line_of_the_log(daemon: DaemonProcess) -> None:
    body = json.dumps(EVENT | {"x\nERROR eventd: y\x1b[31m": 1}).encode()
    assert exchange(daemon, request("POST", "/events", body, **STRUCTURED))[0] == 400
    until(lambda: r"x\nERROR eventd: y\x1b[31m" in daemon.tail(), what="the refusal to be logged")


#: What begins a message of nearly a megabyte, and how a peer is refused that has begun one too many.
UNFINISHED = {
    "http": (b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", "http", b"HTTP/1.1 429 "),
    "websocket": (b"\x82\xff" + struct.pack(">Q", 1_000_000) + b"\0\0\0\0", "http", b"\x88"),
    "forward": (b"\x92\xa1a\xc6" + struct.pack(">I", 1_000_000), "forward", b""),
}


@pytest.mark.parametrize("case", UNFINISHED)
def test_unfinished_messages_have_a_bound_together(case: str, daemon: DaemonProcess) -> None:
    start, listener, refusal = UNFINISHED[case]
    before = daemon.status()["events"]["faults"].get("no_room", 0)
    with ExitStack() as stack:
        for _ in range(6):
            connection = socket.create_connection(("127.0.0.1", daemon.port(listener)), timeout=10)
            stack.enter_context(connection)
            if case == "websocket":
                connection.sendall(request("GET", "/", **{**FOREIGN, "Origin": "http://localhost"}))
                assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")
            try:
                connection.sendall(start + b"x" * 950_000)
            except (BrokenPipeError, ConnectionResetError):
                pass
        assert read_all(connection).startswith(refusal)
        until(lambda: daemon.status()["events"]["faults"].get("no_room", 0) > before, what="a refusal to be counted")


def test_the_log_of_all_this_has_no_traceback(guarded: DaemonProcess) -> None:
    assert "Traceback" not in Path(guarded.log).read_text()
