"""Clients that send a byte now and then, or nothing at all, end by the limits, and healthy ones do not notice."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator

import msgpack
import psutil
import pytest

from tests.support.certificate import make_certificate
from tests.support.daemon import DaemonProcess
from tests.support.publishers import UPGRADE, Publishers, frame, upgraded
from tests.support.wait import SCALE, until

CONFIG = """
[listener:tls]
protocol = http
bind = 127.0.0.1:0
tls_cert = {directory}/cert.pem
tls_key = {directory}/key.pem
[listener:forwardtls]
protocol = forward
bind = 127.0.0.1:0
tls_cert = {directory}/cert.pem
tls_key = {directory}/key.pem
[limits]
handshake_timeout = 2s
idle_timeout = 3s
"""

#: Seconds between two bytes of one that trickles.
BETWEEN = 0.3
#: Silent connections, and the memory that each may cost.
SILENT, EACH = 1000, 32 * 1024


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    directory = tmp_path_factory.mktemp("hostile")
    make_certificate(directory)
    with DaemonProcess(directory, CONFIG) as running:
        yield running


@pytest.fixture
def healthy(daemon: DaemonProcess) -> Iterator[Publishers]:
    """Twenty publishers that go on, and are all there behind the test."""
    with Publishers(daemon.port("http"), 20, 0.05, "healthy.event") as publishers:
        yield publishers
        before = [publisher.acked for publisher in publishers.all]
        publishers.run(lambda: all(p.acked > count for p, count in zip(publishers.all, before, strict=True)))
        assert not any(publisher.ended for publisher in publishers.all)
        assert "Traceback" not in daemon.log.read_text()


def connections(daemon: DaemonProcess) -> int:
    return sum(row["connections"] for row in daemon.status()["listeners"])


def hello() -> bytes:
    """What a client of TLS says first."""
    out = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


class Trickle:
    """Sends ``data`` a byte now and then, until the other side has had enough."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        self.socket = sock
        self.socket.setblocking(False)
        self._data = iter(data)
        self._due = 0.0
        self.ended = False

    def go_on(self) -> bool:
        """Send the next byte if it is time; whether it is over."""
        try:
            if time.monotonic() > self._due:
                self._due = time.monotonic() + BETWEEN
                self.socket.send(bytes([next(self._data)]))
            self.ended = self.ended or self.socket.recv(65536) == b""
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True
        return self.ended


def test_who_sends_a_byte_now_and_then_ends_by_the_limits(daemon: DaemonProcess, healthy: Publishers) -> None:
    def connect(listener: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", daemon.port(listener)))

    http, before = daemon.port("http"), daemon.status()["events"]["faults"]
    head, message = UPGRADE % b"", msgpack.packb(["a.b", [[1, {"message": "x" * 100}]], {"chunk": "one"}])
    publish = frame(b'{"op":"publish","id":1,"events":[' + b" " * 1000)
    attackers = [
        Trickle(connect("http"), b"POST /events HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 1000),
        Trickle(connect("http"), head),
        Trickle(upgraded(http), publish),
        Trickle(upgraded(http, ""), publish),
        Trickle(connect("forward"), message),
        Trickle(connect("tls"), hello()),
        Trickle(connect("forwardtls"), hello()),
    ]
    deadline = time.monotonic() + 15 * SCALE
    # Each has its turn, also where one before it goes on.
    healthy.run(lambda: sum(one.go_on() for one in attackers) == len(attackers) or time.monotonic() > deadline)
    for attacker in attackers:
        attacker.socket.close()
    assert [attacker.ended for attacker in attackers] == [True] * len(attackers)

    def counted(reason: str) -> int:
        faults: dict[str, int] = daemon.status()["events"]["faults"]
        return faults.get(reason, 0) - before.get(reason, 0)

    assert (counted("slow_message"), counted("tls_handshake")) == (5, 2)


@pytest.mark.parametrize("listener", ["http", "tls"])
def test_silent_connections_end_in_time_and_cost_little(
    daemon: DaemonProcess, healthy: Publishers, listener: str
) -> None:
    assert daemon.process is not None
    process, port = psutil.Process(daemon.process.pid), daemon.port(listener)
    before = process.memory_info().rss
    silent = []
    for _ in range(SILENT):
        silent.append(socket.create_connection(("127.0.0.1", port)))
        healthy.run_for(0)
    # They are in, and none has been sent away yet.
    grown = process.memory_info().rss - before
    assert grown < SILENT * EACH
    for sock in silent:
        sock.setblocking(False)

    def over(sock: socket.socket) -> bool:
        try:
            # An http listener says why: 408.
            while sock.recv(4096):
                pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    deadline = time.monotonic() + 20 * SCALE
    healthy.run(lambda: all(map(over, silent)) or time.monotonic() > deadline)
    assert all(map(over, silent))
    for sock in silent:
        sock.close()
    until(lambda: connections(daemon) == len(healthy.all), what="nobody else to be left")
