"""The daemon as a service: what it tells the service manager, and the sockets that it is handed."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from tests.support.daemon import DaemonProcess
from tests.support.wait import until

EVENT = b'{"specversion":"1.0","id":"1","source":"/s","type":"a.b"}'

#: Hands descriptor 0 on as systemd does, and becomes the daemon.
LAUNCHER = """
import os, sys
name, *command = sys.argv[1:]
os.dup2(0, 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": name}
os.execv(command[0], command)
"""


class Service(DaemonProcess):
    """A daemon under a service manager: a socket for notifications, and a command in front of ours."""

    def __init__(
        self, directory: Path, config: str = "", *, launcher: list[str] | None = None, **variables: str
    ) -> None:
        super().__init__(directory, config)
        self._launcher = launcher or []
        self._variables = variables

    def command(self, *arguments: str) -> list[str]:
        return [*(self._launcher if arguments[0] == "run" else []), *super().command(*arguments)]

    def environment(self) -> dict[str, str]:
        return {**super().environment(), **self._variables}


@pytest.fixture
def manager(directory: Path) -> Iterator[socket.socket]:
    """Takes what ``sd_notify`` sends to ``NOTIFY_SOCKET``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(directory / "notify"))
        sock.settimeout(20)
        yield sock


def fields(manager: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def post(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/events", EVENT, {"Content-Type": "application/cloudevents+json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_manager_is_told_when_it_is_ready_and_when_it_stops(directory: Path, manager: socket.socket) -> None:
    with Service(directory, NOTIFY_SOCKET=str(directory / "notify")) as daemon:
        ready = fields(manager)
        assert ready["READY"] == "1"
        assert ready["STATUS"].startswith("listening at 127.0.0.1:")
        # The addresses it tells are those that take events: READY=1 came when they did.
        assert f"127.0.0.1:{daemon.port('http')}" in ready["STATUS"]
        assert post(daemon.port("http")) == 204

        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        needed = str((30 + 10) * 1_000_000)
        assert fields(manager) == {"STOPPING": "1", "STATUS": "telling clients to go", "EXTEND_TIMEOUT_USEC": needed}
        assert fields(manager) == {"STATUS": "finishing what was read"}
        assert daemon.process.wait(20) == 0


def test_a_watchdog_is_told_that_the_loop_turns(directory: Path, manager: socket.socket) -> None:
    with Service(directory, NOTIFY_SOCKET=str(directory / "notify"), WATCHDOG_USEC="100000"):
        assert "READY" in fields(manager)
        assert fields(manager) == fields(manager) == {"WATCHDOG": "1"}


def test_a_daemon_that_cannot_start_is_never_ready(directory: Path, manager: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = f"[listener:second]\nprotocol = http\nbind = {address}\n"
        daemon = Service(directory, config, NOTIFY_SOCKET=str(directory / "notify"))
        ended = daemon.run("run")
    assert ended.returncode == os.EX_CONFIG
    assert b"[listener:second]" in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert fields(manager)["STOPPING"] == "1"


def test_a_socket_that_was_handed_over_takes_what_came_before_the_start(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        config = "[listener:early]\nprotocol = forward\nbind = fd:early\n"
        daemon = Service(directory, config, launcher=[sys.executable, "-c", LAUNCHER, "early"])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(msgpack.packb(["a.b", [[1, {"n": 1}]], {"chunk": "one"}]))
            daemon.stdin = opened.fileno()
            with daemon:
                assert client.recv(100) == msgpack.packb({"ack": "one"})
                assert daemon.port("early") == port


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not installed")
def test_systemd_starts_it_with_the_first_connection(directory: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    launcher = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", "--fdname=web"]
    daemon = Service(directory, "[listener:web]\nprotocol = http\nbind = fd:web\n", launcher=launcher)
    daemon.launch()

    def answered() -> bool:
        try:
            return post(port) == 204
        except ConnectionRefusedError:
            return False

    try:
        until(answered, timeout=20, what="the event to be taken")
        assert daemon.port("web") == port
        assert daemon.stop() == 0
    finally:
        daemon.kill()
