"""``kill -9`` under load: every acknowledged event is in the journal and reaches the handler."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgpack
import pytest
import websockets
import websockets.sync.client

from tests.support.archive import archived
from tests.support.daemon import DaemonProcess
from tests.support.wait import until

#: How often the daemon is killed; the promise was tried with 50.
KILLS = int(os.environ.get("EVENTD_TEST_KILLS", "50"))

ARCHIVE = """
[handler:jsonl]
enabled = yes
directory = {directory}/archive
"""


class Publisher(threading.Thread):
    """Publishes without pause over one protocol, and notes the id of each event that was acknowledged."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(name=name, daemon=True)
        self.port = port
        self.sent = 0
        self.acknowledged: set[str] = set()
        self.over = threading.Event()

    def next_id(self) -> str:
        self.sent += 1
        return f"{self.name}-{self.sent}"

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.publish()
            except (OSError, EOFError, websockets.exceptions.WebSocketException, TimeoutError):
                self.over.wait(0.02)

    def publish(self) -> None:
        raise AssertionError("each protocol publishes in its own way")


class NativePublisher(Publisher):
    """Eight publishes in flight over one WebSocket."""

    def publish(self) -> None:
        address = f"ws://127.0.0.1:{self.port}/"
        with websockets.sync.client.connect(
            address, subprotocols=[websockets.Subprotocol("eventd.v1.json")], open_timeout=2, close_timeout=0.1
        ) as connection:
            for _ in range(8):
                self.send(connection)
            while not self.over.is_set():
                answer = json.loads(connection.recv(timeout=5))
                assert answer["op"] == "ack", answer
                self.acknowledged.add(answer["id"])
                self.send(connection)

    def send(self, connection: websockets.sync.client.ClientConnection) -> None:
        id_ = self.next_id()
        event = {"specversion": "1.0", "id": id_, "source": "/kill", "type": "kill.native", "data": {"id": id_}}
        connection.send(json.dumps({"op": "publish", "id": id_, "events": [event]}))


class ForwardPublisher(Publisher):
    """Chunks of 50 events, each acknowledged before the next."""

    def publish(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            unpacker = msgpack.Unpacker()
            while not self.over.is_set():
                ids = [self.next_id() for _ in range(50)]
                entries = [[int(time.time()), {"id": each}] for each in ids]
                connection.sendall(msgpack.packb(["kill.forward", entries, {"chunk": ids[0]}]))
                while not (answers := list(unpacker)):
                    data = connection.recv(4096)
                    if not data:
                        raise EOFError
                    unpacker.feed(data)
                assert answers == [{"ack": ids[0]}]
                self.acknowledged.update(ids)


def progressed(publishers: Sequence[Publisher], before: list[int]) -> bool:
    """Whether each has had an ack since ``before`` was noted."""
    return all(len(each.acknowledged) > count for each, count in zip(publishers, before, strict=True))


def ports() -> tuple[int, int]:
    """Two ports that stay the same over all restarts."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return numbers[0], numbers[1]


@pytest.mark.timeout(300)
def test_no_acknowledged_event_is_lost(directory: Path) -> None:
    http, forward = ports()
    bind = f"[listener:http]\nbind = 127.0.0.1:{http}\n[listener:forward]\nbind = 127.0.0.1:{forward}\n"
    daemon = DaemonProcess(directory, ARCHIVE + bind)
    publishers = [NativePublisher("native", http), ForwardPublisher("forward", forward)]
    chance = random.Random(2026)
    for publisher in publishers:
        publisher.start()
    for _ in range(KILLS):
        daemon.start()
        before = [len(publisher.acknowledged) for publisher in publishers]
        until(
            partial(progressed, publishers, before),
            timeout=20, what="both publishers to have had acks from this daemon",
        )
        threading.Event().wait(chance.uniform(0.0, 0.1))  # the moment of the blow is the input of this test
        daemon.kill()
    for publisher in publishers:
        publisher.over.set()
        publisher.join(10)

    acknowledged = set().union(*(publisher.acknowledged for publisher in publishers))
    assert len(acknowledged) > KILLS * 10
    with daemon:
        kept = {event["data"]["id"] for event in daemon.events("kill.>")}
        assert acknowledged - kept == set()
        until(lambda: daemon.consumer("handler:jsonl")["pending"] == 0, timeout=60, what="the handler to catch up")
        archive = [event for event in archived(directory / "archive") if event["type"].startswith("kill.")]
        handled = {event["data"]["id"] for event in archive}
        assert acknowledged - handled == set()
