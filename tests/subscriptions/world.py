"""All subscriptions over a real journal on a file, on the real hub; clients on socketpairs, which read or do not."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import time
from collections.abc import Container, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from msgspec import Raw
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from eventd import green
from eventd.dispatch.feed import Feed
from eventd.errors import EventdError
from eventd.event import Block, Draft
from eventd.formats.json_events import read_events
from eventd.journal import Committed, Journal, JournalOptions, Unit
from eventd.listen.requests import Outlet, Requests
from eventd.protocol.limits import Limits
from eventd.protocol.native import JSON, Codec, Publish
from eventd.protocol.websocket import Message
from eventd.subscriptions.desk import Subscriptions
from tests.listen.world import WebSocketPeer, on_hub, wait

__all__ = ["WINDOW", "Client", "World", "drafts", "event", "on_hub", "wait"]

#: What may wait to be sent to one connection, where the test says nothing else.
WINDOW = 64 * 1024
#: Bytes that the kernel takes for a peer that does not read: few, so that it is noticed soon.
SOCKET_BUFFER = 4096


def event(type: str = "a.b", **attributes: Any) -> dict[str, Any]:
    """An event, as JSON has it."""
    return {"specversion": "1.0", "id": "1", "source": "/s", "type": type, **attributes}


def drafts(events: Iterable[dict[str, Any]]) -> Draft:
    """What a publish of these events gives to the journal."""
    return read_events([Raw(json.dumps(each).encode()) for each in events], {})


def decoded(message: bytes, *, text: bool) -> dict[str, Any]:
    """A message, as JSON has it."""
    return (json.loads if text else msgspec.msgpack.decode)(message)  # type: ignore[no-any-return]  # as it is


class World:
    """``with World(path) as world``: a journal, its feed, all subscriptions; ended in the order of the daemon."""

    def __init__(
        self, directory: Path, *, window: int = WINDOW, most_durable: int = 0, paused: Container[str] = (),
        **options: Any,
    ) -> None:  # fmt: skip
        self.path = directory / "journal.db"
        self.bridge = green.Bridge()
        self.journal = Journal(self.path, self.bridge, JournalOptions(**{"fsync": False, "node": "node", **options}))
        self.clients: list[Client] = []
        self.deaths: list[BaseException] = []
        self.group = green.Group("test")
        self.group.on_death = lambda _green, error: self.deaths.append(error)
        self._window = window
        self._most_durable = most_durable
        self._paused = paused
        self.feed: Feed
        self.subscriptions: Subscriptions

    def __enter__(self) -> World:
        self.journal.open()
        self.feed = Feed(self.journal, self.journal.end)
        self.group.spawn("feed", self.feed.run)
        self.subscriptions = Subscriptions(
            "node", self.journal, self.feed, green.hub(), self._window, self._most_durable, self._paused
        )
        self.subscriptions.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.close()
        ended = self.subscriptions.stop(5.0)
        self.group.kill()
        wait(lambda: not len(self.group), "the test's green threads to end")
        for client in self.clients:
            client.peer.close()
        self.journal.close()
        self.bridge.close()
        if error is None:
            assert ended, "the durable subscriptions did not end"
            assert self.deaths == []
            assert self.subscriptions.count == {"live": 0, "durable": 0}

    # The journal.

    def publish(self, count: int, type: str = "a.b", each: int = 1, **attributes: Any) -> int:
        """Make so many events durable, in blocks of ``each``; the data of each is its offset. The first offset."""
        first = self.journal.end
        made = [event(type, data=first + number, **attributes) for number in range(count)]
        return self.append(*[drafts(made[at : at + each]) for at in range(0, count, each)])

    def commit(self, *types: str, **attributes: Any) -> int:
        """Make events of these types durable, in one block; the offset of the first."""
        return self.put(*[event(type, **attributes) for type in types])

    def put(self, *events: dict[str, Any]) -> int:
        """Make these events durable, in one block; the offset of the first."""
        return self.append(drafts(events))

    def append(self, *made: Draft) -> int:
        """Make drafts durable in one unit, each a block; the offset of the first event."""
        known = green.Signal()
        outcomes: list[object] = []

        def done(outcome: object) -> None:
            outcomes.append(outcome)
            known.set()

        self.journal.submit(Unit(drafts=list(made)), done)
        # Without a timer: the hub would look up for each of them, seconds later, where passes are counted.
        known.wait()
        assert isinstance(outcomes[0], Committed), outcomes
        return outcomes[0].first

    def volatile(self, *types: str, **attributes: Any) -> Block:
        """A block of events that no journal has, as the front door hands it out."""
        draft = drafts(event(type, **attributes) for type in types)
        return Block(-1, draft.count, draft.encoding, draft.types, time.time_ns(), draft.body)

    def sql(self, statement: str, *values: object) -> None:
        """What happens to the file behind the journal's back."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=5.0)) as connection:
            connection.execute(statement, values)


class Told(Outlet):
    """Keeps what was said, whether it is read or not."""

    def __init__(self, stream: green.Stream, codec: Codec, deflate: int) -> None:
        super().__init__(stream, codec, deflate)
        self.said: list[dict[str, Any]] = []

    def send(self, message: bytes) -> None:
        self.said.append(decoded(message, text=self.codec.text))
        super().send(message)


class Client:
    """A connection: the daemon's end with its requests, and the other one, which keeps the messages that came.

    :param most: subscriptions that it may have.
    """

    def __init__(self, world: World, codec: Codec = JSON, *, deflate: int = 0, most: int = 0) -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        #: The daemon's end.
        self.stream = green.Stream(ours)
        self.outlet = Told(self.stream, codec, deflate)
        self.requests = Requests(world.subscriptions, self.outlet, most)
        #: Everything that came.
        self.messages: list[dict[str, Any]] = []
        self.peer = WebSocketPeer(theirs)
        if deflate:
            self.peer.protocol.extensions = [PerMessageDeflate(True, True, deflate, deflate)]
        self._codec = codec
        self._reading = green.Signal()
        self._reading.set()
        self._ids = 0
        world.clients.append(self)
        world.group.spawn("client", self._run)

    # What it does.

    def say(self, **message: Any) -> EventdError | None:
        """Ask for something; the error with which it was refused.

        :raises ClientError: where the connection would be closed for it.
        """
        data = (msgspec.json if self._codec.text else msgspec.msgpack).encode(message)
        ask = self._codec.read(Message(self._codec.text, data), {}, Limits())
        assert not isinstance(ask, Publish)
        return self.requests.take(ask)

    def subscribe(self, *types: str, **fields: Any) -> dict[str, Any]:
        """Subscribe; what it was told, and has read, if it reads. A refusal fails the test."""
        self._ids += 1
        refused = self.say(op="subscribe", id=self._ids, types=types or [">"], **fields)
        assert refused is None, refused
        told = next(told for told in self.outlet.said if told["id"] == self._ids)
        if self._reading.is_set():
            wait(lambda: told in self.messages, "the answer")
        return told

    def pause(self) -> None:
        """Leave what comes to the kernel, which takes little."""
        self._reading.clear()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    def close(self) -> None:
        """Go, as a connection does."""
        self.requests.close()
        self.stream.close()
        self._reading.set()
        self.peer.stream.abort()

    # What came.

    def ops(self, op: str, sid: int | None = None) -> list[dict[str, Any]]:
        """The messages of one op, and of one subscription."""
        return [told for told in self.messages if told["op"] == op and sid in (None, told.get("sid"))]

    def events_of(self, sid: int | None) -> list[dict[str, Any]]:
        """The events that came for one subscription."""
        return [each for told in self.ops("events", sid) for each in told["events"]]

    def offsets_of(self, sid: int | None) -> list[int]:
        """Their offsets."""
        return [each["eventdoffset"] for each in self.events_of(sid)]

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that came."""
        return self.events_of(None)

    @property
    def offsets(self) -> list[int]:
        """Their offsets."""
        return self.offsets_of(None)

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [each["type"] for each in self.events]

    def place(self, sid: int) -> int:
        """Where it would continue."""
        places = [told["offset"] for told in self.messages if told.get("sid") == sid and "offset" in told]
        return int(places[-1]) if places else -1

    def _run(self) -> None:
        while data := self._read():
            self.peer.protocol.receive_data(data)
            for frame in self.peer.protocol.events_received():
                assert isinstance(frame, Frame)
                self.messages.append(decoded(bytes(frame.data), text=frame.opcode is Opcode.TEXT))

    def _read(self) -> bytes:
        self._reading.wait()
        data = self.peer.stream.recv()
        self._reading.wait()
        return data
