"""The daemon in one process: it starts from the back, stops from the front, and leaves nothing behind."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from eventd import Event, Handler, Source, Stop, Webhook, green, systemd
from eventd import daemon as module
from eventd.daemon import Daemon
from eventd.errors import ConfigurationError, JournalUnavailable
from eventd.plugin.registry import Registry
from tests.listen.world import EVENT, STRUCTURED, Peer, on_hub, request, wait
from tests.plugin.support import configuration

pytestmark = pytest.mark.usefixtures("told")

FREE = "[journal]\nfsync = no\n[listener:http]\nprotocol = http\nbind = 127.0.0.1:0\n"
POST = request("POST", "/events", json.dumps(EVENT).encode(), **STRUCTURED)


class Seen(Handler):
    """Keeps what it handles."""

    types = (">",)
    events: ClassVar[list[Event]] = []

    def handle(self, batch: Any) -> None:
        Seen.events += list(batch)


class Hook(Webhook):
    """Emits what it is sent."""

    path = "/hook"

    def receive(self, request: Any, emit: Any) -> None:
        emit("hooked", {"size": len(request.body)})


class Once(Source):
    """Emits one event and waits for the end."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def run(self, emit: Any) -> None:
        emit("sourced", 1)
        self._stop.wait()


def make(directory: Path, text: str = FREE, plugins: dict[str, Any] | None = None) -> Daemon:
    registry = Registry(configuration(directory, text))
    for name, plugin in (plugins or {}).items():
        kind, _, short = name.partition(":")
        registry.add(kind, short, plugin)
    assert registry.failed == []
    return Daemon(registry.configuration, registry)


def connect(daemon: Daemon) -> Peer:
    host, _, port = daemon.doors.addresses[0].rpartition(":")
    return Peer(socket.create_connection((host, int(port))))


@on_hub
def test_an_event_goes_from_the_socket_to_its_handler(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    Seen.events = []
    daemon = make(tmp_path, plugins={"handler:seen": Seen})
    try:
        daemon.start()
        peer = connect(daemon)
        peer.send(POST)
        assert peer.response()[0] == 204
        wait(lambda: [event.type for event in Seen.events] == ["a.b"])
        peer.send(request("GET", "/api/v1/status"))
        status = json.loads(peer.response()[2])
        assert status["events"] == {
            "received": 1, "accepted": 1, "pending": 0, "rejected": {}, "faults": {}, "duplicates": 0,
            "doors": {"http": 1}, "emitted": {}, "volatile": 0,
        }  # fmt: skip
        assert status["imbalances"] == []
        peer.send(request("GET", "/readyz"))
        assert peer.response()[0] == 200
        peer.close()
    finally:
        daemon.stop()
    assert [fields.get("READY") or fields.get("STOPPING") for fields in told] == ["1", "1", None]
    assert told[0]["STATUS"] == f"listening at {daemon.doors.addresses[0]}"


@on_hub
def test_webhooks_and_sources_enter_by_the_same_door_and_are_counted(tmp_path: Path) -> None:
    Seen.events = []
    daemon = make(tmp_path, plugins={"handler:seen": Seen, "source:hook": Hook, "source:once": Once})
    try:
        daemon.start()
        peer = connect(daemon)
        peer.send(request("POST", "/hook", b"12345"))
        assert peer.response()[0] == 204
        wait(lambda: sorted(event.type for event in Seen.events) == ["hooked", "sourced"])
        events = daemon.report.status().events
        assert (events.received, events.accepted) == (2, 2)
        peer.close()
    finally:
        daemon.stop()


@on_hub
def test_what_is_volatile_skips_the_journal_through_every_door(tmp_path: Path) -> None:
    class Sourced(Event):
        type = "sourced"

    Seen.events = []
    plugins = {"event_type:sourced": Sourced, "handler:seen": Seen, "source:once": Once}
    daemon = make(tmp_path, FREE + "[event_type:sourced]\ndurable = no\n", plugins)
    try:
        daemon.start()
        peer = connect(daemon)
        peer.send(request("POST", "/events", json.dumps({**EVENT, "type": "sourced"}).encode(), **STRUCTURED))
        assert peer.response()[0] == 204
        wait(lambda: [event.type for event in Seen.events] == ["sourced"] * 2)
        status = daemon.report.status()
        assert (status.events.received, status.events.volatile, status.journal.end) == (2, 2, 0)
        assert status.imbalances == []
        peer.close()
    finally:
        daemon.stop()


@on_hub
def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    for count in (1, 2):
        daemon = make(tmp_path)
        try:
            daemon.start()
            peer = connect(daemon)
            peer.send(POST)
            assert peer.response()[0] == 204
            peer.close()
            assert daemon.journal.end - daemon.journal.first == count
        finally:
            daemon.stop()


@on_hub
def test_a_start_that_fails_at_the_doors_stops_what_had_started(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        daemon = make(tmp_path, FREE.replace("127.0.0.1:0", address), {"source:once": Once})
        with pytest.raises(ConfigurationError, match="in use"):
            daemon.start()
        daemon.stop()
    assert not any("READY" in fields for fields in told)
    assert not len(daemon.group)

    # The journal's lock was given back: the next one can start.
    daemon = make(tmp_path)
    daemon.start()
    daemon.stop()


@on_hub
def test_a_state_directory_that_cannot_be_had_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    options = configuration(tmp_path, FREE)
    place = str(tmp_path / "eventd.ini" / "state")
    options = msgspec.structs.replace(options, eventd=msgspec.structs.replace(options.eventd, state_dir=place))
    daemon = Daemon(options, Registry(options))
    with pytest.raises(ConfigurationError, match="state_dir"):
        daemon.start()
    daemon.stop()


@on_hub
def test_while_the_journal_is_ill_the_daemon_is_not_ready(tmp_path: Path) -> None:
    daemon = make(tmp_path)
    try:
        daemon.start()
        assert daemon.health.reasons() == []
        daemon.journal.problem = "no space left"
        assert daemon.health.reasons() == ["no space left"]
    finally:
        daemon.stop()
    assert "the daemon is stopping" in daemon.health.reasons()


@on_hub
def test_a_journal_that_refuses_reaches_the_sender_as_503(tmp_path: Path) -> None:
    daemon = make(tmp_path)
    try:
        daemon.start()
        daemon.journal.submit = lambda unit, done: daemon.bridge.post(  # type: ignore[method-assign]  # a full disk
            done, JournalUnavailable("no space left")
        )
        peer = connect(daemon)
        peer.send(POST)
        assert peer.response()[0] == 503
        assert daemon.report.status().events.rejected == {"journal_unavailable": 1}
        peer.close()
        del daemon.journal.submit
    finally:
        daemon.stop()


class Holds(Handler):
    """Never comes back."""

    types = (">",)
    entered = False

    def handle(self, batch: Any) -> None:
        Holds.entered = True
        green.Signal().wait()


@on_hub
def test_in_a_hurry_acks_are_sent_and_a_handlers_work_is_left_to_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST_SECONDS", 0.1)
    daemon, group = make(tmp_path, plugins={"handler:holds": Holds}), green.Group("test")
    daemon.start()
    peer = connect(daemon)
    peer.send(POST)
    assert peer.response()[0] == 204
    wait(lambda: Holds.entered)
    group.spawn("stop", daemon.stop)
    wait(lambda: daemon.health.reasons())
    peer.close()
    daemon.hurry()
    daemon.hurry()
    assert group.stop(10.0)

    again = make(tmp_path, plugins={"handler:seen": Seen, "handler:holds": Seen})
    again.start()
    assert again.journal.end > again.journal.first
    assert again.journal.consumers["handler:holds"].settled == 0
    again.stop()


@on_hub
def test_a_callback_that_holds_the_loop_is_told_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    daemon = make(tmp_path)
    try:
        daemon.start()
        assert daemon.hub.on_stall is not None
        daemon.hub.on_stall("handler:slow", 1.5)
        assert daemon.report.status().hub.stalls == {"handler:slow": 1}
        assert "handler:slow held the event loop for 1.500 s" in caplog.text
    finally:
        daemon.stop()


@on_hub
def test_a_service_manager_that_watches_is_told_again_and_again(
    tmp_path: Path, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "watchdog_interval", lambda: 0.01)
    daemon = make(tmp_path)
    try:
        daemon.start()
        wait(lambda: told.count({"WATCHDOG": "1"}) >= 3)
    finally:
        daemon.stop()
