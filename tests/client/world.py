"""A server for the clients' tests: a small eventd in memory, which does as it is told.

It speaks the native protocol by ``websockets`` and ``msgspec``, and by nothing of eventd's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve, unix_serve
from websockets.typing import Subprotocol

from tests.support.certificate import make_certificate
from tests.support.wait import until

__all__ = ["Talk", "World", "contexts_in"]

MODULES: dict[str, Any] = {"eventd.v1.json": msgspec.json, "eventd.v1.msgpack": msgspec.msgpack}


class Talk:
    """One connection of a client, as the server sees it."""

    def __init__(self, world: World, connection: ServerConnection) -> None:
        self.world = world
        self.connection = connection
        self.module = MODULES[connection.subprotocol or ""]
        self.heard: list[dict[str, Any]] = []
        self.subscriptions: dict[int, dict[str, Any]] = {}

    def listen(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for data in self.connection:
                told = self.module.decode(data)
                self.heard.append(told)
                rule = self.world.rules.get(told["op"])
                if rule is None:
                    getattr(self, told["op"])(told)
                else:
                    rule(self, told)

    def say(self, op: str, **fields: Any) -> None:
        written: bytes = self.module.encode({"op": op, **fields})
        self.connection.send(written.decode() if self.module is msgspec.json else written)

    def ops(self, op: str) -> list[dict[str, Any]]:
        """What the client has said with ``op``."""
        return [told for told in self.heard if told["op"] == op]

    def publish(self, told: dict[str, Any]) -> None:
        with self.world.lock:
            first = len(self.world.log)
            self.world.log += told["events"]
        self.say("ack", id=told["id"], offsets=[first, len(self.world.log) - 1], durability="disk")
        self.world.deliver()

    def subscribe(self, told: dict[str, Any]) -> None:
        with self.world.lock:
            sid, end = len(self.subscriptions), len(self.world.log)
            at, recovered = self._place(told, end)
            self.subscriptions[sid] = {"at": at, "credit": told.get("credit", 1 << 30), "name": told.get("name")}
            where = {"epoch": self.world.epoch, "offset": at, "end": end, "recovered": recovered}
            self.say("subscribed", id=told["id"], sid=sid, **where)
        self.deliver()

    def _place(self, told: dict[str, Any], end: int) -> tuple[int, bool]:
        start = told.get("from", "now")
        if told.get("name") is not None:
            return self.world.places.setdefault(told["name"], end if start == "now" else 0), True
        if start in ("now", "earliest"):
            return (end if start == "now" else self.world.first), True
        recovered = told.get("epoch") in (None, self.world.epoch) and self.world.first <= start <= end
        return (start if recovered else self.world.first), recovered

    def deliver(self) -> None:
        """Send what each subscription may have."""
        with self.world.lock:
            for sid, state in self.subscriptions.items():
                while self._send(sid, state):
                    pass

    def _send(self, sid: int, state: dict[str, Any]) -> bool:
        at = state["at"]
        new = self.world.log[at : at + min(state["credit"], self.world.frame)]
        if not new:
            return False
        state["at"] += len(new)
        state["credit"] -= len(new)
        events = [{**one, "eventdoffset": at + index} for index, one in enumerate(new)]
        self.say("events", sid=sid, events=events, offset=state["at"])
        return True

    def credit(self, told: dict[str, Any]) -> None:
        with self.world.lock:
            self.subscriptions[told["sid"]]["credit"] += told["n"]
        self.deliver()

    def settle(self, told: dict[str, Any]) -> None:
        """The place of a group is behind all that was settled in a row."""
        with self.world.lock:
            name = self.subscriptions[told["sid"]]["name"]
            for item in told["offsets"]:
                first, last = item if isinstance(item, list) else (item, item)
                if first <= self.world.places[name] <= last:
                    self.world.places[name] = last + 1

    def unsubscribe(self, told: dict[str, Any]) -> None:
        with self.world.lock:
            self.subscriptions.pop(told["sid"], None)
        self.say("unsubscribed", id=told["id"], sid=told["sid"])

    def presence(self, told: dict[str, Any]) -> None:
        row = {"types": told["types"], "filters": [], "name": None, "client": "127.0.0.1", "connection": 1, "since": ""}
        self.say("present", id=told["id"], subscriptions=[row])


class World:
    """A server on a free port of this machine, or at the unix socket ``path``.

    ``rules`` replaces what it does for an op, by a function of the ``Talk`` and the message.
    """

    def __init__(self, *, path: Path | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.log: list[dict[str, Any]] = []
        self.first = 0
        self.epoch = "one"
        self.places: dict[str, int] = {}
        #: Events in one message.
        self.frame = 100
        self.lock = threading.RLock()
        self.talks: list[Talk] = []
        self.rules: dict[str, Callable[[Talk, dict[str, Any]], None]] = {}
        #: Called with each opening handshake; what it returns is the answer.
        self.door: Callable[[ServerConnection, Any], Any] = lambda connection, request: None
        self._path = path
        self._tls = tls
        self._port = 0
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        if self._path is not None:
            return f"unix:{self._path}"
        return f"{'wss' if self._tls else 'ws'}://localhost:{self._port}"

    @property
    def talk(self) -> Talk:
        """The newest connection."""
        until(lambda: self.talks, what="a connection")
        return self.talks[-1]

    def fill(self, count: int) -> None:
        """Have so many events more."""
        with self.lock:
            first = len(self.log)
            self.log += [
                {"specversion": "1.0", "id": str(number), "source": "/world", "type": "world.event", "data": number}
                for number in range(first, first + count)
            ]
        self.deliver()

    def deliver(self) -> None:
        """Send to all connections what they may have."""
        for talk in list(self.talks):
            with contextlib.suppress(ConnectionClosed):
                talk.deliver()

    def start(self) -> World:
        """Listen; after ``stop``, at the same place again."""
        options: dict[str, Any] = {
            "subprotocols": [Subprotocol(name) for name in MODULES],
            "compression": None,
            "max_size": None,
            "ssl": self._tls,
            "process_request": lambda connection, request: self.door(connection, request),
        }
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._server = unix_serve(self._handle, str(self._path), **options)
        else:
            self._server = serve(self._handle, "127.0.0.1", self._port, **options)
            self._port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def cut(self) -> None:
        """Cut all connections, of which there is one, without a word."""
        assert self.talk
        self._cut()

    def _cut(self) -> None:
        for talk in self.talks:
            with contextlib.suppress(OSError):
                talk.connection.socket.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Listen no more, and cut all connections."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server = None
        self._cut()

    def _handle(self, connection: ServerConnection) -> None:
        talk = Talk(self, connection)
        self.talks.append(talk)
        talk.listen()

    def __enter__(self) -> World:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def contexts_in(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A context for a server called localhost, and one for its clients."""
    make_certificate(directory)
    certificate, key = directory / "cert.pem", directory / "key.pem"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
