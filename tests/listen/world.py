"""A door with the real ingest behind it and a journal that the test holds; peers on real sockets; the real hub."""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from eventd import green
from eventd.errors import EventdError
from eventd.event import Draft
from eventd.ingest import Done, Ingest
from eventd.listen.api import Answers, build_routes
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from eventd.listen.gate import Gate
from eventd.listen.listener import Listener
from eventd.listen.routes import Routes
from eventd.observe.books import Books
from eventd.protocol.limits import Limits
from tests.support.wait import until

__all__ = ["EVENT", "MANY", "STRUCTURED", "Peer", "WebSocketPeer", "World", "on_hub", "others_ran", "request", "wait"]

F = TypeVar("F", bound=Callable[..., None])
P = TypeVar("P", bound="Peer")

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
#: So many of them that reading them takes several turns.
MANY = [{**EVENT, "id": str(number)} for number in range(10_000)]

#: Seconds after which a peer gives up: a test that waits for nothing fails.
PATIENCE = 5.0


def on_hub(test: F) -> F:
    """Run a test in a green thread."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        green.run(lambda: test(*args, **kwargs))

    return run  # type: ignore[return-value]  # the same signature, by wraps


def wait(condition: Callable[[], Any], what: str = "") -> Any:
    return until(condition, what=what, pause=green.sleep)


def others_ran(work: Callable[[], object]) -> bool:
    """Whether another green thread had its turn while ``work`` was done."""
    turns: list[None] = []
    group = green.Group("others")
    group.spawn("other", lambda: [turns.append(None), green.sleep(), turns.append(None)])
    work()
    ran = bool(turns)
    assert group.stop(PATIENCE)
    return ran


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Peer:
    """The other end of a connection, read by the test's green thread."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.stream = green.Stream(sock)
        self._rest = b""

    def send(self, data: bytes) -> None:
        self.stream.write(data)

    def read_until(self, enough: Callable[[bytes], int]) -> bytes:
        """The first ``enough(what came)`` bytes, once that is not 0."""
        while not (size := enough(self._rest)):
            more = self._recv()
            assert more, f"the connection ended behind {self._rest!r}"
            self._rest += more
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def read(self, count: int) -> bytes:
        return self.read_until(lambda data: count if len(data) >= count else 0)

    def read_all(self) -> bytes:
        """Everything until the other side closes."""
        while more := self._recv():
            self._rest += more
        taken, self._rest = self._rest, b""
        return taken

    def response(self, *, bare: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next HTTP response: status, headers, body; ``bare`` where the request was HEAD."""
        head = self.read_until(lambda data: data.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else 0)
        first, *lines = head.decode().split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body, size = b"", int(headers.get("content-length", 0))
        if headers.get("transfer-encoding") == "chunked" and not bare:
            body = b"".join(self.chunks())
        elif size and not bare:
            body = self.read(size)
        return int(first.split()[1]), headers, body

    def chunk(self) -> bytes:
        size = int(self.read_until(lambda data: data.find(b"\r\n") + 2 if b"\r\n" in data else 0), 16)
        return self.read(size + 2)[:-2]

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.chunk():
            yield chunk

    def end_output(self) -> None:
        """Close the half that sends."""
        self.stream.drain(PATIENCE)
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.stream.close()

    def _recv(self) -> bytes:
        def give_up() -> None:
            late.append(True)
            self.stream.abort()

        late: list[bool] = []
        timer = green.hub().call_later(PATIENCE, give_up)
        try:
            data = self.stream.recv()
        finally:
            timer.cancel()
        assert not late, f"nothing came for {PATIENCE} s behind {self._rest!r}"
        return data


class WebSocketPeer(Peer):
    """A client behind the opening handshake; ``websockets`` frames and unframes for it."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._frames: list[Frame] = []

    def frame(self) -> Frame | None:
        """The next frame; none when the connection ended."""
        while not self._frames:
            data = self._rest or self._recv()
            self._rest = b""
            if not data:
                return None
            self.protocol.receive_data(data)
            self._frames += [frame for frame in self.protocol.events_received() if isinstance(frame, Frame)]
            if self.protocol.state is not State.CLOSING or self.protocol.close_rcvd is None:
                self.flush()
        return self._frames.pop(0)

    def message(self) -> Any:
        """The next message, as JSON; a ping is passed over."""
        while (frame := self.frame()) is not None:
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                return json.loads(bytes(frame.data))
            assert frame.opcode is Opcode.PING, frame
        raise AssertionError("the connection ended without a message")

    def closing(self) -> int:
        """The code of the close frame, which must be the next one."""
        frame = self.frame()
        assert frame is not None
        assert frame.opcode is Opcode.CLOSE, frame
        return int.from_bytes(frame.data[:2], "big")

    def tell(self, message: object) -> None:
        self.protocol.send_text(json.dumps(message).encode())
        self.flush()

    @staticmethod
    def frame_of(message: object) -> bytes:
        """A client's frame."""
        client = Protocol(Side.CLIENT, state=State.OPEN)
        client.send_text(json.dumps(message).encode())
        return b"".join(client.data_to_send())

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.send(data)

    def publish(self, *ids: object) -> None:
        """A publish of one event for each id, all in one write."""
        for each in ids:
            self.protocol.send_text(json.dumps({"op": "publish", "id": each, "events": [EVENT]}).encode())
        self.flush()


class World:
    """``with World() as world``: what a listener has around it in the daemon."""

    def __init__(self, *, limits: Limits | None = None, most_pending: int = 1_000_000, **options: Any) -> None:
        self.books = Books()
        self.ingest = Ingest(self._append, green.hub().call_soon, self._press, most_pending)
        self.door = Door(
            "test", self.ingest.submit_all, self.books, limits or Limits(), {}, origin="//node/test", **options
        )
        self.group = green.Group("test")
        self.deaths: list[BaseException] = []
        self.group.on_death = lambda _green, error: self.deaths.append(error)
        #: What the journal has, in its order.
        self.kept: list[Draft] = []
        #: While set, the journal takes its time, until ``release``.
        self.holding = False
        #: What the journal refuses with.
        self.refusal: EventdError | None = None
        self.pressed = False
        #: What ``/api/v1/events`` gives.
        self.lines: Callable[[list[str], str, bool], Iterator[bytes]] = lambda types, start, forever: iter(())
        self.routes = self._routes()
        self.listeners: list[Listener] = []
        self._peers: list[Peer] = []
        self._held: list[tuple[list[Draft], Done]] = []
        self._end = 1

    def __enter__(self) -> World:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.holding = False
        self.release()
        for peer in self._peers:
            peer.close()
        for listener in self.listeners:
            listener.stop()
        ended = self.group.stop(PATIENCE)
        if error is None:
            assert ended, "a connection did not end"
            assert self.deaths == []
            wait(lambda: self.ingest.idle, "what was submitted to be done")
            received, rejected = sum(self.books.received.values()), self.books.rejected + self.ingest.refused
            assert received == self.ingest.accepted + self.books.volatile + sum(rejected.values())

    # Connections.

    def pair(self, kind: type[P], **options: Any) -> tuple[green.Stream, P]:
        """The daemon's stream, and its peer, which is closed with the world."""
        ours, theirs = socket.socketpair()
        # Small, so that a peer that does not read is noticed soon.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return green.Stream(ours, **options), self.keep(kind(theirs))

    def serve(self, connection: Connection) -> Connection:
        """Serve it as a listener does."""

        def run() -> None:
            try:
                connection.serve()
            finally:
                connection.stream.close()

        self.group.spawn("connection", run)
        return connection

    def listen(self, protocol: str = "http", gate: Gate | None = None, **options: Any) -> Listener:
        address = green.parse_address("127.0.0.1:0")
        listener = Listener(self.door, address, protocol, self.group, self.routes, gate or Gate(), **options)
        self.listeners.append(listener)
        listener.start()
        return listener

    def connect(self, listener: Listener) -> Peer:
        host, _, port = listener.bound.rpartition(":")
        return self.keep(Peer(socket.create_connection((host, int(port)))))

    def keep(self, peer: P) -> P:
        """Close it with the world."""
        self._peers.append(peer)
        return peer

    # The journal.

    def release(self) -> None:
        """Let the journal commit what it holds, in order."""
        held, self._held = self._held, []
        for drafts, done in held:
            self._commit(drafts, done)

    @property
    def held(self) -> int:
        """Events that the journal has and has not committed."""
        return sum(draft.count for drafts, _ in self._held for draft in drafts)

    @property
    def count(self) -> int:
        """Events that are durable."""
        return sum(draft.count for draft in self.kept)

    def _append(self, drafts: list[Draft], done: Done) -> None:
        if self.holding:
            self._held.append((drafts, done))
        else:
            green.hub().call_soon(lambda: self._commit(drafts, done))

    def _commit(self, drafts: list[Draft], done: Done) -> None:
        if self.refusal is not None:
            done(-1, self.refusal)
            return
        first, self._end = self._end, self._end + sum(draft.count for draft in drafts)
        self.kept += drafts
        done(first, None)

    def _press(self, pressed: bool) -> None:
        self.pressed = pressed
        self.door.pressure(pressed)

    def _routes(self) -> Routes:
        return build_routes(Answers(
            reasons=lambda: ["the disk is full"] if self.refusal is not None else [],
            status=lambda: {"uptime": 1},
            metrics=lambda: b"eventd_ready 1\n",
            plugins=lambda: [{"name": "jsonl"}],
            follow=lambda types, start, forever: self.lines(types, start, forever),
            page=lambda: b"<!doctype html>",
            script=lambda: b"export class Client {}",
        ))
