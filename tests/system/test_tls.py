"""TLS on every listener: real clients connect, bad handshakes cost nobody else anything."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator

import msgpack
import pytest
import websockets

from tests.support.certificate import make_certificate
from tests.support.daemon import DaemonProcess
from tests.support.wait import until

CONFIG = """
[listener:http]
tls_cert = {directory}/cert.pem
tls_key = {directory}/key.pem
[listener:forward]
tls_cert = {directory}/cert.pem
tls_key = {directory}/key.pem
[limits]
handshake_timeout = 1s
"""

EVENT = {"specversion": "1.0", "id": "1", "source": "/tls", "type": "tls.one", "data": "x" * 100_000}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    directory = tmp_path_factory.mktemp("tls")
    make_certificate(directory)
    with DaemonProcess(directory, CONFIG) as running:
        yield running


@pytest.fixture
def trust(daemon: DaemonProcess) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(daemon.directory / "cert.pem"))


def test_curl_posts_an_event(daemon: DaemonProcess) -> None:
    answer = subprocess.run(
        ["curl", "--silent", "--show-error", "--cacert", str(daemon.directory / "cert.pem"), "-w", "%{http_code}",
         "-H", "content-type: application/cloudevents+json", "--data-binary", "@-",
         f"https://localhost:{daemon.port('http')}/events"],
        input=json.dumps(EVENT).encode(), capture_output=True, check=True,
    )
    assert answer.stdout == b"204"


def test_a_websocket_publishes_large_events(daemon: DaemonProcess, trust: ssl.SSLContext) -> None:
    async def publish() -> None:
        address = f"wss://localhost:{daemon.port('http')}/"
        subprotocols = [websockets.Subprotocol("eventd.v1.json")]
        async with websockets.connect(address, ssl=trust, subprotocols=subprotocols) as ws:
            for number in range(20):
                await ws.send(json.dumps({"op": "publish", "id": number, "events": [EVENT]}))
            for number in range(20):
                answer = json.loads(await ws.recv())
                assert (answer["op"], answer["id"]) == ("ack", number)

    asyncio.run(publish())


def test_forward_acknowledges_over_tls(daemon: DaemonProcess, trust: ssl.SSLContext) -> None:
    plain = socket.create_connection(("localhost", daemon.port("forward")), timeout=10)
    with trust.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(msgpack.packb(["tls.two", [[1, {"n": n}] for n in range(1000)], {"chunk": "abc"}]))
        assert msgpack.unpackb(connection.recv(1000)) == {"ack": "abc"}


def test_bad_handshakes_cost_only_their_own_connection(daemon: DaemonProcess, trust: ssl.SSLContext) -> None:
    before = daemon.status()["events"]["faults"].get("tls_handshake", 0)
    silent = [socket.create_connection(("127.0.0.1", daemon.port("http"))) for _ in range(50)]
    for _ in range(50):
        reset = socket.create_connection(("127.0.0.1", daemon.port("http")))
        reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
    with socket.create_connection(("127.0.0.1", daemon.port("http")), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while plain.recv(1000):
            pass
    test_forward_acknowledges_over_tls(daemon, trust)
    test_a_websocket_publishes_large_events(daemon, trust)
    for connection in silent:
        connection.settimeout(10)
        assert connection.recv(1000) == b""
        connection.close()

    def counted() -> bool:
        return bool(daemon.status()["events"]["faults"]["tls_handshake"] >= before + 51)

    until(counted, what="every bad handshake to be counted")
