"""The doors are opened together, tell everything that is wrong at once, and are closed together."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from eventd import green, systemd
from eventd.doors import CONTROL, Doors
from eventd.errors import ConfigurationError
from eventd.green import WRITE_LIMIT
from eventd.listen.routes import Routes
from eventd.observe.books import Books
from eventd.protocol.limits import Limits
from tests.listen.world import on_hub
from tests.plugin.support import configuration

FREE = """
[listener:http]
protocol = http
bind = 127.0.0.1:0
[listener:forward]
protocol = forward
bind = 127.0.0.1:0
"""


def make(directory: Path, text: str = FREE) -> Doors:
    options = configuration(directory, text)
    return Doors(options, lambda drafts, count, done: None, Books(), {}, Routes(), green.Group("test"))


def close(doors: Doors) -> None:
    doors.stop()
    assert doors._group.stop(5.0)
    assert doors.close(5.0)


@pytest.fixture
def inherited(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, socket.socket]]:
    """What the service manager hands over."""
    sockets: dict[str, socket.socket] = {}
    monkeypatch.setattr(systemd, "listen_fds", lambda: dict(sockets))
    yield sockets
    for sock in sockets.values():
        sock.close()


@on_hub
def test_every_listener_of_the_configuration_is_opened_and_the_control_socket(tmp_path: Path) -> None:
    doors = make(tmp_path)
    doors.open()
    assert [listener.door.name for listener in doors.listeners] == ["http", "forward", CONTROL]
    assert len(doors.addresses) == 2
    for address in doors.addresses:
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port))).close()
    close(doors)


@on_hub
def test_the_control_socket_is_trusted_and_for_the_daemons_group_only(tmp_path: Path) -> None:
    doors = make(tmp_path)
    doors.open()
    control = tmp_path / "eventd.sock"
    assert stat.S_IMODE(control.stat().st_mode) == 0o660
    assert [listener.door.admin for listener in doors.listeners] == [False, False, True]
    close(doors)


@on_hub
def test_what_waits_to_be_sent_is_told_with_its_bounds(tmp_path: Path) -> None:
    doors = make(tmp_path, FREE + "[limits]\nunfinished_size = 9M\nsubscription_window = 2M\n")
    doors.open()
    assert doors.queues() == [("unfinished", 0, 9 << 20), ("answers", 0, 0), ("subscriptions", 0, 0)]
    listener, stream = doors.listeners[0], SimpleNamespace(buffered=7)
    connections: Any = [SimpleNamespace(subscribed=subscribed, stream=stream) for subscribed in (True, False, False)]
    before, listener.connections = listener.connections, connections
    assert doors.queues()[1:] == [("answers", 14, 2 * WRITE_LIMIT), ("subscriptions", 7, 2 << 20)]
    listener.connections = before
    close(doors)


@on_hub
def test_each_door_has_the_limits_and_names_its_events_source(tmp_path: Path) -> None:
    text = FREE + "[limits]\nmessage_size = 0\nbatch_events = 7\nidle_timeout = 3s\nhandshake_timeout = 2s\n"
    doors = make(tmp_path, text + "[journal]\nfsync = no\n")
    doors.open()
    door = doors.listeners[0].door
    assert door.limits.batch_events == 7
    assert door.limits.message_size == Limits(message_size=0).message_size
    assert (door.idle_timeout, door.handshake_timeout) == (3.0, 2.0)
    assert door.origin == "//test-node/http"
    assert door.durability == "memory"
    close(doors)


@on_hub
def test_all_that_cannot_be_had_is_told_at_once(tmp_path: Path) -> None:
    text = FREE + "[listener:a]\nprotocol = http\nbind = fd:web\n"
    text += "[listener:b]\nprotocol = http\nbind = 127.0.0.1:0\n"
    text += f"tls_cert = {tmp_path}/none.pem\ntls_key = {tmp_path}/none.pem\n"
    doors = make(tmp_path, text)
    with pytest.raises(ConfigurationError) as raised:
        doors.open()
    assert [str(fault).split(":", 2)[1].split("]")[0] for fault in raised.value.faults] == ["a", "b"]
    assert "no socket of this name" in str(raised.value)
    close(doors)


@on_hub
def test_an_address_that_is_taken_is_told_with_its_listener(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        doors = make(tmp_path, FREE + f"[listener:second]\nprotocol = http\nbind = 127.0.0.1:{port}\n")
        with pytest.raises(ConfigurationError, match=rf"\[listener:second\] 127.0.0.1:{port}: .*in use"):
            doors.open()
        close(doors)


@on_hub
def test_a_run_directory_that_cannot_be_had_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    for place in (tmp_path / "eventd.ini", tmp_path / ("x" * 200)):
        options = configuration(tmp_path, FREE)
        options = msgspec.structs.replace(options, eventd=msgspec.structs.replace(options.eventd, run_dir=str(place)))
        doors = Doors(options, lambda drafts, count, done: None, Books(), {}, Routes(), green.Group("test"))
        with pytest.raises(ConfigurationError, match="run_dir"):
            doors.open()
        close(doors)


@on_hub
def test_a_socket_that_was_handed_over_is_used(tmp_path: Path, inherited: dict[str, socket.socket]) -> None:
    sock = green.listen(green.parse_address("127.0.0.1:0"))
    inherited["web"] = sock
    port = sock.getsockname()[1]
    doors = make(tmp_path, FREE + "[listener:web]\nprotocol = http\nbind = fd:web\n")
    doors.open()
    assert f"127.0.0.1:{port}" in doors.addresses
    socket.create_connection(("127.0.0.1", port)).close()
    close(doors)


@on_hub
def test_a_socket_that_does_not_listen_is_a_fault(tmp_path: Path, inherited: dict[str, socket.socket]) -> None:
    inherited["web"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    doors = make(tmp_path, FREE + "[listener:web]\nprotocol = http\nbind = fd:web\n")
    with pytest.raises(ConfigurationError, match="does not listen"):
        doors.open()
    close(doors)


@on_hub
def test_a_socket_that_no_listener_names_is_told_and_closed(
    tmp_path: Path, inherited: dict[str, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    inherited["typo"] = sock = socket.create_server(("127.0.0.1", 0))
    doors = make(tmp_path)
    doors.open()
    assert "fd:typo" in caplog.text
    assert sock.fileno() == -1
    close(doors)


@on_hub
def test_pressure_reaches_every_door_but_the_administrations(tmp_path: Path) -> None:
    doors = make(tmp_path)
    doors.open()
    doors.pressure(True)
    assert {listener.door.name for listener in doors.listeners if listener.door.open.is_set()} == {CONTROL}
    doors.pressure(False)
    assert all(listener.door.open.is_set() for listener in doors.listeners)
    close(doors)
