"""Publishers on every protocol: each event has an id of its own, is written down before it is sent, and sent once.

An event whose answer did not come is never sent again, so that each event can be in the
journal once at most, and whatever is there twice was doubled inside.
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import msgpack
import websockets
import websockets.sync.client

from tests.system.oracle.ledger import ACKNOWLEDGED, REFUSED, Ledger
from tests.system.oracle.plugin import INPUT

__all__ = ["DOORS", "Publisher", "start_publishers"]

KEYS = [f"key-{number}" for number in range(20)]
#: Payloads that formats treat differently.
FILLINGS: list[Any] = [
    None, True, 0, -(2**53), 2**63, 0.1, -1e300, "", "Grüße, 世界 \U0001f600 \\ \" \n \x7f", "x" * 3000,
    [], [1, [2, [None]]], {}, {"a.b": {"": [{}]}, "null": None},
]  # fmt: skip
#: One event in so many is refused for good by the handler that raises.
POISON = 0.01
#: Seconds until a publisher gives up an answer; longer than the daemon is ever held.
PATIENCE = 10
#: Seconds between two messages: the oracle wants faults in many places, not load.
PAUSE = 0.1

#: What a daemon that is killed, stopped or full does to a connection.
BROKEN = (OSError, EOFError, http.client.HTTPException, websockets.exceptions.WebSocketException)


class Publisher(threading.Thread):
    """Publishes over one protocol until told to stop, reconnecting for ever."""

    door = ""

    def __init__(self, name: str, port: int, ledger: Ledger, seed: str) -> None:
        super().__init__(name=name, daemon=True)
        self.port = port
        self.over = threading.Event()
        self.acknowledged = 0
        self.refused = 0
        self.failure: Exception | None = None
        self.chance = random.Random(f"{seed} {name}")
        self._ledger = ledger
        self._made = 0

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.publish()
            except BROKEN:
                self.over.wait(0.02)
            except Exception as error:  # noqa: BLE001  # told as a verdict: the door did what it never should
                self.failure = error
                return

    def publish(self) -> None:
        """Connect, and publish until something breaks."""
        raise NotImplementedError

    def make(self, most: int) -> list[dict[str, Any]]:
        """Some CloudEvents, written down as sent."""
        events = [self._event() for _ in range(self.chance.randint(1, most))]
        self._ledger.sent([(event["data"], event["id"], event.get("subject")) for event in events])
        return events

    def settle(self, events: list[dict[str, Any]], acknowledged: bool) -> None:
        """Write down the answer."""
        self._ledger.settle([event["id"] for event in events], ACKNOWLEDGED if acknowledged else REFUSED)
        if acknowledged:
            self.acknowledged += len(events)
        else:
            self.refused += len(events)

    def rest(self) -> None:
        """Pause between two messages."""
        self.over.wait(self.chance.uniform(0, PAUSE))

    def _event(self) -> dict[str, Any]:
        self._made += 1
        data = {
            "id": f"{self.name}-{self._made}",
            "door": self.door,
            "key": self.chance.choice(KEYS),
            "poison": self.chance.random() < POISON,
            "filling": self.chance.choice(FILLINGS),
        }
        event = {"specversion": "1.0", "id": data["id"], "source": "/oracle", "type": INPUT, "data": data}
        if self.chance.random() < 0.5:
            event["subject"] = f"about {data['key']} ü"
        return event


class HTTP(Publisher):
    """One event a request."""

    door = "http"
    content_type = "application/cloudevents+json"
    most = 1

    def publish(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            while not self.over.is_set():
                events = self.make(self.most)
                connection.request("POST", "/events", self.encode(events), {"Content-Type": self.content_type})
                response = connection.getresponse()
                answer = response.read()
                assert response.status in (204, 503), (response.status, answer)
                self.settle(events, response.status == 204)
                self.rest()
        finally:
            connection.close()

    def encode(self, events: list[dict[str, Any]]) -> bytes:
        return json.dumps(events[0]).encode()


class Batch(HTTP):
    """Some events a request, all of them taken or none."""

    door = "http-batch"
    content_type = "application/cloudevents-batch+json"
    most = 20

    def encode(self, events: list[dict[str, Any]]) -> bytes:
        return json.dumps(events).encode()


class Native(Publisher):
    """Some publishes in flight over one WebSocket."""

    door = "native-json"
    subprotocol = "eventd.v1.json"
    dumps: Callable[[Any], Any] = staticmethod(json.dumps)
    loads: Callable[[Any], Any] = staticmethod(json.loads)
    window = 4

    def publish(self) -> None:
        with websockets.sync.client.connect(
            f"ws://127.0.0.1:{self.port}/", subprotocols=[websockets.Subprotocol(self.subprotocol)],
            open_timeout=PATIENCE, close_timeout=0.1,
        ) as connection:  # fmt: skip
            waiting: dict[str, list[dict[str, Any]]] = {}
            while not (self.over.is_set() and not waiting):
                while len(waiting) < self.window and not self.over.is_set():
                    events = self.make(4)
                    waiting[events[0]["id"]] = events
                    connection.send(self.dumps({"op": "publish", "id": events[0]["id"], "events": events}))
                answer = self.loads(connection.recv(timeout=PATIENCE))
                if answer["op"] == "bye":
                    continue  # what was sent before is still answered, or the connection ends
                assert answer["op"] in ("ack", "nack"), answer
                self.settle(waiting.pop(answer["id"]), answer["op"] == "ack")
                self.rest()


class NativeMsgpack(Native):
    """The same in msgpack."""

    door = "native-msgpack"
    subprotocol = "eventd.v1.msgpack"
    dumps = staticmethod(msgpack.packb)
    loads = staticmethod(msgpack.unpackb)


class Forward(Publisher):
    """Chunks in all of the protocol's modes, each acknowledged before the next; no answer is a refusal."""

    door = "forward"

    def publish(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            unpacker = msgpack.Unpacker()
            while not self.over.is_set():
                events = self.make(40)
                chunk = events[0]["id"]
                connection.sendall(self.encode(events, chunk))
                while not (answers := list(unpacker)):
                    data = connection.recv(4096)
                    if not data:
                        raise EOFError
                    unpacker.feed(data)
                assert answers == [{"ack": chunk}], answers
                self.settle(events, True)
                self.rest()

    def encode(self, events: list[dict[str, Any]], chunk: str) -> bytes:
        entries = [[int(time.time()), event["data"]] for event in events]
        packed = b"".join(msgpack.packb(entry) for entry in entries)
        options = {"chunk": chunk, "size": len(entries)}
        forms = [
            [INPUT, entries, options],
            [INPUT, packed, options],
            [INPUT, gzip.compress(packed, 1), {**options, "compressed": "gzip"}],
        ]
        if len(entries) == 1:
            forms.append([INPUT, *entries[0], options])
        return bytes(msgpack.packb(self.chance.choice(forms)))


DOORS: list[type[Publisher]] = [HTTP, Batch, Native, NativeMsgpack, Forward]


def start_publishers(prefix: str, http_port: int, forward_port: int, ledger: Ledger, seed: str) -> list[Publisher]:
    """One publisher for each door; their names, and so the ids of their events, begin with ``prefix``."""
    publishers = [
        door(f"{prefix}{door.door}", forward_port if door is Forward else http_port, ledger, seed) for door in DOORS
    ]
    for publisher in publishers:
        publisher.start()
    return publishers
