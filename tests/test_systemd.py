from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from eventd import systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch):
    """A service manager that takes datagrams."""
    name = str(tmp_path / "notify") if request.param == "path" else f"\0eventd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        sock.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        yield sock


def test_fields_are_lines_of_one_datagram(manager):
    assert systemd.notify(READY=1, STATUS="12 listeners – all fine")

    assert manager.recv(1000).decode().split("\n") == ["READY=1", "STATUS=12 listeners – all fine"]


def test_a_value_cannot_begin_a_field_of_its_own(manager):
    systemd.notify(STATUS="one\nWATCHDOG=trigger\r\ntwo")

    assert manager.recv(1000) == b"STATUS=one WATCHDOG=trigger two"


def test_a_reload_is_told_with_its_time(manager):
    before = time.monotonic_ns() // 1000
    assert systemd.reloading(STATUS="reloading")
    fields = dict(line.split("=", 1) for line in manager.recv(1000).decode().split("\n"))

    assert fields["RELOADING"] == "1"
    assert fields["STATUS"] == "reloading"
    assert before <= int(fields["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1"])
def test_without_a_manager_nothing_is_told(monkeypatch, address):
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)

    assert systemd.notify(READY=1) is False


def test_a_manager_that_is_gone_is_logged_and_not_fatal(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))

    assert systemd.notify(READY=1) is False
    assert "systemd could not be told READY" in caplog.text


def test_a_manager_that_does_not_read_holds_nobody(manager):
    for _ in range(100_000):
        if not systemd.notify(STATUS="x" * 1000):
            return
    raise AssertionError("the queue has no end")


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("30000000", None, 30.0),
        ("500000", "mine", 0.5),
        ("30000000", "1", None),
        (None, None, None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdogs_interval(monkeypatch, usec, pid, seconds):
    values = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": str(os.getpid()) if pid == "mine" else pid}
    for name, value in values.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)

    assert systemd.watchdog_interval() == seconds


CHILD = """
import os, socket, sys
for target, fd in enumerate(map(int, sys.argv[2:]), 1003):
    os.dup2(fd, target)
for target in range(1003, 1003 + len(sys.argv) - 2):
    os.dup2(target, target - 1000)
os.environ["LISTEN_PID"] = str(os.getpid()) if sys.argv[1] == "mine" else "1"
from eventd import systemd
found = systemd.listen_fds()
for name, sock in found.items():
    print(name, sock.getsockname()[1], sock.getblocking(), sock.get_inheritable())
print(sorted(name for name in os.environ if name.startswith("LISTEN")), systemd.listen_fds())
"""


def child(*sockets: socket.socket, names: str, whose: str = "mine", count: str | None = None) -> list[str]:
    environment = {**os.environ, "LISTEN_FDS": count or str(len(sockets)), "LISTEN_FDNAMES": names}
    fds = [sock.fileno() for sock in sockets]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, whose, *map(str, fds)],
        env=environment, pass_fds=fds, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_inherited_sockets_are_found_by_name_and_only_once():
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as forward:
        ports = [sock.getsockname()[1] for sock in (web, forward)]
        lines = child(web, forward, names="web:forward")

    assert lines == [f"web {ports[0]} False False", f"forward {ports[1]} False False", "[] {}"]


def test_sockets_without_a_name_of_their_own_are_told_apart():
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        lines = child(one, two, two, names="a:a")

    assert [line.split()[0] for line in lines[:-1]] == ["a", "a#2", "unknown"]


def test_what_was_meant_for_another_process_is_not_taken():
    with socket.create_server(("127.0.0.1", 0)) as web:
        assert child(web, names="web", whose="theirs") == ["[] {}"]


def test_a_descriptor_that_is_not_there_is_left_out():
    with socket.create_server(("127.0.0.1", 0)) as web:
        lines = child(web, names="web:ghost", count="2")

    assert [line.split()[0] for line in lines[:-1]] == ["web"]
