from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from typing import Any

import pytest

from eventd import green
from eventd.errors import MalformedInput, TooSlow
from tests.green.support import on_hub, tcp_pair, until

BIG = 3 * 1024 * 1024


def client_context(certificates: Any, *, own: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.cert)
    if own:
        context.load_cert_chain(certificates.client_cert, certificates.client_key)
    return context


def ends(certificates: Any, *, ca: str | None = None, own: bool = False) -> tuple[green.TLSStream, green.TLSStream]:
    ours, theirs = tcp_pair()
    context = green.server_context(certificates.cert, certificates.key, ca)
    server = green.TLSStream(green.Stream(ours), context)
    client = green.TLSStream(
        green.Stream(theirs), client_context(certificates, own=own), server_side=False, server_hostname="localhost"
    )
    return server, client


def connect(certificates: Any, **options: Any) -> tuple[green.TLSStream, green.TLSStream]:
    server, client = ends(certificates, **options)
    group = green.Group("handshake")
    group.spawn("client", client.handshake, 5.0)
    server.handshake(5.0)
    assert group.stop(5)
    return server, client


@on_hub
def test_what_is_sent_is_received_and_the_end_is_told(certificates):
    server, client = connect(certificates)
    client.write(b"hello")
    assert server.recv() == b"hello"
    server.write(b"welcome")
    assert client.recv() == b"welcome"
    server.close()
    assert client.recv() == b""
    client.close()
    assert server.version == "TLSv1.3"


@on_hub
def test_much_goes_both_ways_at_once(certificates):
    ends_ = connect(certificates)
    group = green.Group("test")
    got = [bytearray(), bytearray()]
    payload = bytes(range(256)) * (BIG // 256)

    def read(which: int) -> None:
        while len(got[which]) < BIG:
            data = ends_[which].recv()
            assert data
            got[which].extend(data)

    for which in (0, 1):
        group.spawn("reader", read, which)
        for start in range(0, BIG, 50_000):
            ends_[which].write(payload[start : start + 50_000])
    assert group.stop(20)
    assert got == [payload, payload]
    for end in ends_:
        assert end.drain(5)
        end.close()


@on_hub
def test_what_is_written_before_the_handshake_waits_for_it(certificates):
    server, client = ends(certificates)
    group = green.Group("test")
    server.write(b"early ")
    assert server.buffered == 6
    group.spawn("client", client.handshake, 5.0)
    green.sleep(0.005)
    server.write(b"bird")
    server.handshake(5.0)
    server.write(b"!")
    assert group.stop(5)
    got = b""
    while len(got) < 11:
        got += client.recv()
    assert got == b"early bird!"
    server.close()
    client.close()


@on_hub
def test_many_writers_share_one_connection(certificates):
    """Eventlet's second simultaneous writer dies, and a late one breaks the stream for good."""
    server, client = connect(certificates)
    group = green.Group("test")

    def write() -> None:
        for _ in range(20):
            server.write(b"x" * 5000)
            green.sleep(0)

    for _ in range(10):
        group.spawn("writer", write)
    got = 0
    while got < 10 * 20 * 5000:
        got += len(client.recv())
    assert group.stop(5)
    server.close()
    client.close()


@on_hub
def test_a_silent_peer_is_given_up(certificates):
    server, client = ends(certificates)
    with pytest.raises(TooSlow) as told:
        server.handshake(0.02)

    assert told.value.reason == "tls_handshake"
    server.close()
    client.close()


@on_hub
@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 500, b"\0" * 100])
def test_what_is_no_tls_is_refused(certificates, garbage):
    ours, theirs = tcp_pair()
    server = green.TLSStream(green.Stream(ours), green.server_context(certificates.cert, certificates.key))
    theirs.send(garbage)
    with pytest.raises(MalformedInput, match="TLS handshake failed") as told:
        server.handshake(5.0)

    assert told.value.reason == "tls_handshake"
    server.close()
    theirs.close()


@on_hub
def test_a_peer_that_goes_or_resets_during_the_handshake_is_told(certificates):
    for linger in (struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)):
        ours, theirs = tcp_pair()
        server = green.TLSStream(green.Stream(ours), green.server_context(certificates.cert, certificates.key))
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        theirs.send(b"\x16\x03\x01\x02")
        theirs.close()
        with pytest.raises(MalformedInput, match="closed during"):
            server.handshake(5.0)
        server.close()


@on_hub
def test_bytes_that_are_no_tls_after_the_handshake_are_the_end(certificates):
    server, client = connect(certificates)
    client._socket.send(b"garbage that is no record at all")
    assert server.recv() == b""
    server.close()
    client.close()


@on_hub
def test_a_client_needs_its_certificate_where_one_is_asked_for(certificates):
    server, client = connect(certificates, ca=certificates.client_cert, own=True)
    assert server.certificate is not None
    assert ("commonName", "client") in [pair for group in server.certificate["subject"] for pair in group]  # type: ignore[attr-defined]  # a tuple of tuples
    server.close()
    client.close()

    server, client = ends(certificates, ca=certificates.client_cert)
    group = green.Group("test")
    group.on_death = lambda thread, error: None
    group.spawn("client", client.handshake, 5.0)
    with pytest.raises(MalformedInput, match="certificate"):
        server.handshake(5.0)
    server.close()
    group.stop(5)
    client.close()


@on_hub
def test_old_versions_are_refused(certificates):
    server, client = ends(certificates)
    old = client_context(certificates)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    client = green.TLSStream(client, old, server_side=False, server_hostname="localhost")
    group = green.Group("test")
    group.spawn("client", client.handshake, 5.0)
    server.handshake(5.0)
    group.stop(5)
    assert server.version == "TLSv1.2"
    assert green.server_context(certificates.cert, certificates.key).minimum_version == ssl.TLSVersion.TLSv1_2
    server.close()
    client.close()


@on_hub
def test_abort_cuts_an_enciphered_connection_too(certificates):
    server, client = connect(certificates)
    group = green.Group("test")
    got: list[bytes] = []
    group.spawn("owner", lambda: got.append(server.recv()))
    green.sleep(0)
    server.write(b"x")
    server.abort()
    until(lambda: got == [b""])
    assert server.buffered == 0
    server.close()
    client.close()


@on_hub
def test_a_slow_reader_is_told_of_by_its_plain_and_enciphered_bytes(certificates):
    server, client = connect(certificates)
    told: list[int] = []
    server.over = lambda: told.append(server.buffered)
    for _ in range(400):
        server.write(b"x" * 65_536)
        green.sleep(0)
        if told:
            break
    assert told
    server.abort()
    server.close()
    client.close()


def test_files_that_are_no_certificates_are_an_error(tmp_path):
    (tmp_path / "a").write_text("no")
    with pytest.raises(OSError):
        green.server_context(str(tmp_path / "a"), str(tmp_path / "a"))
    with pytest.raises(OSError):
        green.server_context(str(tmp_path / "b"), str(tmp_path / "b"))


def test_a_client_comes_back_with_the_session_that_it_had(certificates):
    context, client = green.server_context(certificates.cert, certificates.key), client_context(certificates)
    assert context.num_tickets == 1
    session = None
    for again in (False, True):
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(down, up, server_hostname="localhost", session=session)
        far = context.wrap_bio(up, down, server_side=True)
        for end in (near, far, near, far):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
        far.write(b"hello")
        assert near.read(5) == b"hello"
        assert near.session_reused is again
        session = near.session
