"""Events of a volatile type reach their handlers from memory, through every door, and leave nothing on the disk."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import websockets
import websockets.sync.client

from tests.support.daemon import DaemonProcess, install_plugin
from tests.support.wait import until

PLUGIN = '''
from pathlib import Path

from eventd import Emitter, Event, Handler, StateDirectory


class Pulse(Event):
    type = "pulse"

    def execute(self) -> None:
        if self.data["n"] < 0:
            raise ValueError("negative")


class Note(Handler):
    types = (">",)

    def __init__(self, directory: StateDirectory) -> None:
        self.path = Path(directory, "noted")

    def handle(self, batch):
        with self.path.open("a") as file:
            for event in batch:
                file.write(f"{event.type} {event.data['n']}\\n")
'''
ENTRIES = "[eventd.event_types]\npulse = volatile_plugin:Pulse\n[eventd.handlers]\nnote = volatile_plugin:Note\n"
CONFIG = "[event_type:pulse]\ndurable = no\nattempts = 1\n"


@pytest.fixture
def daemon(directory: Path) -> Iterator[DaemonProcess]:
    site = install_plugin(directory, "volatile_plugin", PLUGIN, ENTRIES)
    with DaemonProcess(directory / "daemon", CONFIG, [site]) as running:
        yield running


def event(type: str, number: int) -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(number), "source": "/v", "type": type, "data": {"n": number}}


def noted(daemon: DaemonProcess) -> list[str]:
    files = list(daemon.directory.rglob("noted"))
    return files[0].read_text().splitlines() if files else []


def post(daemon: DaemonProcess, *events: dict[str, Any]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port("http"), timeout=10)
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    connection.request("POST", "/events", json.dumps(events), headers)
    status = connection.getresponse().status
    connection.close()
    return status


def publish(daemon: DaemonProcess, *publishes: list[dict[str, Any]]) -> list[tuple[Any, str]]:
    address = f"ws://127.0.0.1:{daemon.port('http')}/"
    with websockets.sync.client.connect(address, subprotocols=[websockets.Subprotocol("eventd.v1.json")]) as peer:
        for number, events in enumerate(publishes):
            peer.send(json.dumps({"op": "publish", "id": number, "events": events}))
        answers = sorted((json.loads(peer.recv(timeout=10)) for _ in publishes), key=lambda answer: answer["id"])
    return [(answer["offsets"], answer["durability"]) for answer in answers]


def forward(daemon: DaemonProcess, tag: str, *numbers: int) -> Any:
    entries = [[1_700_000_000, {"n": number}] for number in numbers]
    with socket.create_connection(("127.0.0.1", daemon.port("forward")), timeout=10) as peer:
        peer.sendall(msgpack.packb([tag, entries, {"chunk": "c"}]))
        return msgpack.unpackb(peer.recv(1000))


def test_every_door_takes_them_and_the_journal_does_not(daemon: DaemonProcess) -> None:
    assert post(daemon, event("pulse", 0), event("a", 1), event("pulse", 2)) == 204
    acks = publish(daemon, [event("pulse", 3)], [event("a", 4), event("pulse", 5)], [event("a", 6)])
    assert acks == [(None, "memory"), ([1, 1], "disk"), ([2, 2], "disk")]
    assert forward(daemon, "pulse", 7, 8) == {"ack": "c"}

    until(lambda: len(noted(daemon)) == 9, what="all to be handled")
    assert [line for line in noted(daemon) if "pulse" in line] == [f"pulse {n}" for n in (0, 2, 3, 5, 7, 8)]
    assert [line for line in noted(daemon) if "pulse" not in line] == [f"a {n}" for n in (1, 4, 6)]
    assert [each["data"]["n"] for each in daemon.events()] == [1, 4, 6]
    status = daemon.status()
    events = status["events"]
    assert (events["received"], events["accepted"], events["volatile"], status["imbalances"]) == (9, 3, 6, [])
    rows = {row["name"]: row["volatile"] for row in status["consumers"]}
    assert rows["handler:note"] == {"came": 6, "settled": 6, "dead": 0, "dropped": 0, "pending": 0}
    assert b"eventd_events_volatile_total 6.0" in daemon.get("/metrics")[1]


def test_one_that_fails_becomes_a_dead_letter(daemon: DaemonProcess) -> None:
    publish(daemon, [event("pulse", -1)])
    until(lambda: daemon.status()["journal"]["dead"] == 1, what="a dead letter")
    listed = daemon.run("dead list", "--json")
    assert b"negative" in listed.stdout, listed.stderr
    assert daemon.events() == []


def test_a_crash_loses_them_and_the_books_balance(daemon: DaemonProcess) -> None:
    publish(daemon, [event("pulse", 1)] * 3, [event("a", 2)])
    daemon.kill()
    daemon.start()
    status = daemon.status()
    events = status["events"]
    assert (events["volatile"], events["accepted"], status["imbalances"]) == (3, 1, [])
    assert events["received"] == events["accepted"] + events["volatile"] + sum(events["rejected"].values())
    assert publish(daemon, [event("pulse", 3)]) == [(None, "memory")]


def test_a_stop_handles_what_was_acknowledged(daemon: DaemonProcess) -> None:
    for _ in range(20):
        publish(daemon, [event("pulse", number) for number in range(50)])
    assert daemon.stop() == 0
    assert len(noted(daemon)) == 1000
