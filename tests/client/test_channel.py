"""Sockets that never make their thread wait, with and without TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from eventd.client.channel import Channel, TlsChannel
from tests.support.wait import until

MUCH = b"x" * 3_000_000

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


class Other:
    """The other side: an ordinary, blocking socket, whose reads a thread does."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.got = bytearray()
        self._thread: threading.Thread | None = None

    def read(self) -> None:
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.socket.recv(65536):
                self.got += data


@pytest.fixture(params=["plain", "tls"])
def pair(request: pytest.FixtureRequest, contexts: Contexts) -> Iterator[tuple[Channel, Other]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    if request.param == "plain":
        channel, other = Channel(ours), Other(theirs)
    else:
        channel, other = shaken(ours, theirs, contexts)
    yield channel, other
    channel.close()
    other.socket.close()


def shaken(ours: socket.socket, theirs: socket.socket, contexts: Contexts) -> tuple[Channel, Other]:
    wrapped: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: wrapped.append(contexts[0].wrap_socket(theirs, server_side=True)))
    channel = TlsChannel(ours, contexts[1], "localhost")
    thread.start()
    until(lambda: pump(channel) or channel.ready, what="the handshake")
    thread.join()
    return channel, Other(wrapped[0])


def pump(channel: Channel) -> None:
    channel.send()
    channel.receive()


def received(channel: Channel, size: int) -> bytes:
    found = bytearray()

    def enough() -> bool:
        found.extend(channel.receive() or b"")
        return len(found) >= size

    until(enough, what=f"{size} bytes")
    return bytes(found)


def test_where_nothing_is_there_nobody_waits(pair):
    channel, _ = pair

    assert channel.receive() is None


def test_bytes_come_as_they_were_sent(pair):
    channel, other = pair
    thread = threading.Thread(target=other.socket.sendall, args=(MUCH,))
    thread.start()

    assert received(channel, len(MUCH)) == MUCH
    thread.join()


def test_what_the_socket_does_not_take_is_kept_in_its_order(pair):
    channel, other = pair
    channel.send(MUCH)
    channel.send(b"behind")
    assert channel.unsent > 0

    other.read()
    until(lambda: channel.send() or not channel.unsent, what="the rest to be sent")

    until(lambda: len(other.got) == len(MUCH) + 6, what="all bytes")
    assert other.got == MUCH + b"behind"


def test_the_end_of_the_stream_is_empty(pair):
    channel, other = pair
    other.socket.close()

    until(lambda: channel.receive() == b"", what="the end")


def test_bytes_before_the_end_are_not_lost(pair):
    channel, other = pair
    other.socket.sendall(b"last words")
    other.socket.close()

    assert received(channel, 10) == b"last words"
    until(lambda: channel.receive() == b"", what="the end")


def test_a_broken_connection_is_an_error(pair):
    channel, other = pair
    other.socket.close()

    def broken() -> bool:
        try:
            channel.send(b"x" * 1000)
        except OSError:
            return True
        return False

    until(broken, what="an error")


def test_what_is_written_before_the_handshake_waits_for_it(contexts):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel = TlsChannel(ours, contexts[1], "localhost")
    channel.send(b"early")
    assert not channel.ready

    wrapped: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: wrapped.append(contexts[0].wrap_socket(theirs, server_side=True)))
    thread.start()
    until(lambda: pump(channel) or channel.ready, what="the handshake")
    thread.join()

    assert wrapped[0].recv(100) == b"early"
    channel.close()
    wrapped[0].close()


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda trust: (ssl.create_default_context(), "localhost"), ssl.SSLCertVerificationError),
        (lambda trust: (trust, "hub.example.com"), ssl.SSLCertVerificationError),
    ],
)
def test_a_certificate_that_is_not_trusted_is_an_error(contexts, make: Callable, kind):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def serve() -> None:
        with contextlib.suppress(OSError), contexts[0].wrap_socket(theirs, server_side=True) as other:
            other.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    channel = TlsChannel(ours, *make(contexts[1]))
    with pytest.raises(kind):
        until(lambda: pump(channel) or channel.ready, what="the handshake")
    channel.close()
    thread.join()


def test_what_is_no_tls_is_an_error(contexts):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel = TlsChannel(ours, contexts[1], "localhost")

    theirs.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(ssl.SSLError):
        until(lambda: channel.receive(), what="an error")
    channel.close()
    theirs.close()
