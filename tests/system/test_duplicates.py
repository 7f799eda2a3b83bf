"""With a window, an event that is sent again is acknowledged again and stored once, also after a restart."""

from __future__ import annotations

import http.client
import json
from pathlib import Path

import websockets
import websockets.sync.client

from tests.support.daemon import DaemonProcess

WINDOW = "[journal]\ndedupe_window = 10m\n"


def event(id: str) -> dict[str, str]:
    return {"specversion": "1.0", "id": id, "source": "/twice", "type": "twice.one"}


def publish(daemon: DaemonProcess, *publishes: list[str]) -> list[list[int]]:
    """The offsets of each publish, all sent in one go."""
    address = f"ws://127.0.0.1:{daemon.port('http')}/"
    with websockets.sync.client.connect(address, subprotocols=[websockets.Subprotocol("eventd.v1.json")]) as socket:
        for number, ids in enumerate(publishes):
            socket.send(json.dumps({"op": "publish", "id": number, "events": [event(id) for id in ids]}))
        answers = [json.loads(socket.recv(timeout=10)) for _ in publishes]
    assert {answer["op"] for answer in answers} == {"ack"}
    return [answer["offsets"] for answer in sorted(answers, key=lambda answer: int(answer["id"]))]


def post(daemon: DaemonProcess, id: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port("http"), timeout=10)
    connection.request("POST", "/events", json.dumps(event(id)), {"Content-Type": "application/cloudevents+json"})
    status = connection.getresponse().status
    connection.close()
    return status


def test_each_event_is_stored_once_whatever_it_came_through(directory: Path) -> None:
    daemon = DaemonProcess(directory, WINDOW)
    with daemon:
        assert publish(daemon, ["a"], ["b"], ["a"], ["c"], ["b"]) == [[0, 0], [1, 1], [0, 0], [2, 2], [1, 1]]
        assert post(daemon, "c") == 204
        assert [each["id"] for each in daemon.events()] == ["a", "b", "c"]
        books = daemon.status()["events"]
        assert books["duplicates"] == 3
        assert books["received"] == books["accepted"] + books["duplicates"] == 6
        daemon.kill()
        daemon.start()
        assert post(daemon, "a") == 204
        assert publish(daemon, ["b"], ["d"]) == [[1, 1], [3, 3]]
        assert [each["id"] for each in daemon.events()] == ["a", "b", "c", "d"]


def test_without_a_window_every_copy_is_stored(directory: Path) -> None:
    with DaemonProcess(directory) as daemon:
        assert publish(daemon, ["a"], ["a"]) == [[0, 0], [1, 1]]
        assert len(daemon.events()) == 2
