from __future__ import annotations

import errno
import logging
import os
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eventd import green
from eventd.green import acceptor as module
from tests.green.support import on_hub, until

ANY = green.parse_address("127.0.0.1:0")


def start(accept: Any) -> tuple[green.Acceptor, tuple[str, int]]:
    sock = green.listen(ANY)
    return green.Acceptor(sock, accept, green.Group("test")), sock.getsockname()


@on_hub
def test_each_connection_is_handed_over_ready_to_use():
    taken: list[socket.socket] = []
    acceptor, address = start(lambda sock, peer: taken.append(sock))
    clients = [socket.create_connection(address) for _ in range(100)]
    until(lambda: len(taken) == 100)

    assert acceptor.accepted == 100
    assert not taken[0].getblocking()
    assert taken[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    acceptor.stop()
    for sock in clients + taken:
        sock.close()


@on_hub
def test_a_peer_that_resets_before_it_is_accepted_costs_nothing():
    taken: list[socket.socket] = []
    acceptor, address = start(lambda sock, peer: taken.append(sock))
    for _ in range(5):
        client = socket.create_connection(address)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    good = socket.create_connection(address)
    until(lambda: any(sock.fileno() >= 0 and peer_of(sock) == good.getsockname() for sock in taken))
    acceptor.stop()
    for sock in [good, *taken]:
        sock.close()


def peer_of(sock: socket.socket) -> Any:
    try:
        return sock.getpeername()
    except OSError:
        return None


class Failing:
    """A listening socket whose ``accept`` first raises the errors that it was given."""

    def __init__(self, sock: socket.socket, *errors: int) -> None:
        self._sock = sock
        self.errors = list(errors)

    def accept(self) -> Any:
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        return self._sock.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@on_hub
def test_the_networks_errors_do_not_end_accepting():
    taken: list[socket.socket] = []
    sock = green.listen(ANY)
    failing = Failing(sock, errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ETIMEDOUT)
    acceptor = green.Acceptor(failing, lambda sock, peer: taken.append(sock), green.Group("test"))  # type: ignore[arg-type]  # a double
    client = socket.create_connection(sock.getsockname())
    until(lambda: taken)
    acceptor.stop()
    client.close()
    taken[0].close()


@on_hub
def test_a_socket_that_does_not_listen_is_told_once_and_left(caplog):
    sock = green.listen(ANY)
    failing = Failing(sock, errno.EINVAL, errno.EINVAL)
    acceptor = green.Acceptor(failing, lambda sock, peer: None, green.Group("web"))  # type: ignore[arg-type]  # a double
    client = socket.create_connection(sock.getsockname())
    until(lambda: "web: accepting has ended" in caplog.text)
    green.sleep(0.005)

    assert failing.errors == [errno.EINVAL]
    acceptor.stop()
    client.close()


@on_hub
def test_a_connection_that_cannot_be_started_is_closed_and_the_next_is_taken(caplog):
    def bad(sock: socket.socket, peer: object) -> None:
        raise SystemExit("no")

    acceptor, address = start(bad)
    for _ in range(2):
        client = green.Stream(socket.create_connection(address))
        assert client.recv() == b""
        client.close()

    assert "could not be started" in caplog.text
    acceptor.stop()


@contextmanager
def no_descriptors_left() -> Iterator[list[int]]:
    """Let the process have no more open files than it has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    filler: list[int] = []
    try:
        while True:
            try:
                filler.append(os.dup(0))
            except OSError:
                break
        yield filler
    finally:
        for fd in filler:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@on_hub
def test_without_descriptors_a_peer_is_turned_away_and_accepting_goes_on_later(caplog, monkeypatch):
    monkeypatch.setattr(module.random, "uniform", lambda least, most: 0.01)
    taken: list[socket.socket] = []
    acceptor, address = start(lambda sock, peer: taken.append(sock))
    clients = [socket.socket() for _ in range(3)]
    for client in clients:
        client.setblocking(False)
    with no_descriptors_left() as filler:
        for client in clients[:2]:
            client.connect_ex(address)
        until(lambda: acceptor.shed == 2)
        assert taken == []
        # Both were turned away at once, instead of waiting for an answer that cannot come.
        for client in clients[:2]:
            until(lambda client=client: ended(client))
        while filler:
            os.close(filler.pop())
    clients[2].connect_ex(address)
    until(lambda: len(taken) == 1)

    told = [record for record in caplog.records if "cannot accept" in record.message]
    assert [record.levelno for record in told] == [logging.ERROR]
    acceptor.stop()
    for sock in clients + taken:
        sock.close()


def ended(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


@on_hub
def test_a_pause_leaves_peers_waiting_until_it_resumes():
    taken: list[socket.socket] = []
    acceptor, address = start(lambda sock, peer: taken.append(sock))
    acceptor.pause()
    client = socket.create_connection(address)
    green.sleep(0.01)
    assert taken == []
    acceptor.resume()
    until(lambda: taken)
    acceptor.stop()
    acceptor.resume()
    client.close()
    taken[0].close()


@on_hub
def test_who_pauses_from_on_accept_gets_no_more_of_this_wave():
    taken: list[socket.socket] = []

    def accept(sock: socket.socket, _peer: object) -> None:
        taken.append(sock)
        acceptor.pause()

    acceptor, address = start(accept)
    clients = [socket.create_connection(address) for _ in range(5)]
    until(lambda: taken)
    green.sleep(0.01)

    assert len(taken) == 1
    acceptor.stop()
    for sock in clients + taken:
        sock.close()


@on_hub
def test_datagrams_are_answered_and_one_bad_handler_call_is_only_logged(caplog):
    def answer(data: bytes, _peer: object) -> bytes | None:
        if data == b"bad":
            raise ValueError("no")
        return data.upper() if data != b"silent" else None

    sock = green.listen_datagram(ANY)
    datagram = green.Datagram(sock, answer)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(sock.getsockname())
    client.setblocking(False)
    for message in (b"bad", b"silent", b"echo"):
        client.send(message)
    got: list[bytes] = []

    def received() -> bool:
        try:
            got.append(client.recv(100))
        except BlockingIOError:
            return False
        return True

    until(received)
    assert got == [b"ECHO"]
    assert "could not be answered" in caplog.text
    datagram.close()
    client.close()
