"""Many clients of one journal's subscriptions, on sockets that are soon full."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from eventd import green
from eventd.dispatch.feed import Feed
from eventd.event import Draft
from eventd.formats import json_events
from eventd.journal import Committed, Journal, JournalOptions, Unit
from eventd.listen.requests import Outlet, Requests
from eventd.protocol.limits import Limits
from eventd.protocol.native import JSON, Codec
from eventd.protocol.websocket import Message
from eventd.subscriptions.desk import Subscriptions
from tests.dispatch.world import on_hub, wait

__all__ = ["WINDOW", "Reader", "Traffic", "on_hub", "wait"]

#: Bytes that may wait for one client.
WINDOW = 4096


class Reader:
    """One connection: what it says goes to its requests at once, what comes is kept."""

    def __init__(self, traffic: Traffic, codec: Codec = JSON) -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.codec = codec
        self.stream = green.Stream(ours)
        self.requests = Requests(traffic.subscriptions, Outlet(self.stream, codec, 0), 0)
        #: All messages that came, and the events in them.
        self.messages: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self._peer = green.Stream(theirs)
        self._protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._reading = green.Signal()
        self._reading.set()
        traffic.readers.append(self)
        traffic.greens.spawn("reader", self._read)

    def say(self, **message: Any) -> None:
        """Ask something."""
        data = msgspec.json.encode(message) if self.codec.text else msgspec.msgpack.encode(message)
        asked: Any = self.codec.read(Message(self.codec.text, data), {}, Limits())
        assert self.requests.take(asked) is None

    def subscribe(self, *types: str, **fields: Any) -> dict[str, Any]:
        """Subscribe; the answer."""
        before = len(self.ops("subscribed"))
        self.say(op="subscribe", id=1, types=list(types), **fields)
        wait(lambda: len(self.ops("subscribed")) > before, "an answer")
        return self.ops("subscribed")[-1]

    def ops(self, op: str) -> list[dict[str, Any]]:
        """The messages with this op."""
        return [message for message in self.messages if message["op"] == op]

    @property
    def offsets(self) -> list[int]:
        """Where the events that came stand."""
        return [event["eventdoffset"] for event in self.events]

    def pause(self) -> None:
        """Read nothing more."""
        self._reading.clear()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    def close(self) -> None:
        """Go."""
        self.requests.close()
        self.stream.abort()
        self._reading.set()

    def _read(self) -> None:
        while data := self._peer.recv():
            self._protocol.receive_data(data)
            for frame in self._protocol.events_received():
                assert isinstance(frame, Frame)
                assert (frame.opcode is Opcode.TEXT) is self.codec.text
                self._take(bytes(frame.data))
            self._reading.wait()
        self._peer.close()

    def _take(self, data: bytes) -> None:
        message = msgspec.json.decode(data) if self.codec.text else msgspec.msgpack.decode(data)
        self.messages.append(message)
        self.events += message["events"] if message["op"] == "events" else ()


class Traffic:
    """``with Traffic(path) as traffic``."""

    def __init__(self, directory: Path, *, memory: int = 1 << 20) -> None:
        self.bridge = green.Bridge()
        options = JournalOptions(fsync=False, node="test", memory=memory)
        self.journal = Journal(directory / "journal.db", self.bridge, options)
        self.greens = green.Group("readers")
        self.deaths: list[BaseException] = []
        self.greens.on_death = lambda _green, error: self.deaths.append(error)
        self.readers: list[Reader] = []

    def __enter__(self) -> Traffic:
        self.journal.open()
        self.feed = Feed(self.journal, self.journal.end)
        self._feeds = green.Group("feed")
        self._feeds.spawn("feed", self.feed.run)
        self.subscriptions = Subscriptions("test", self.journal, self.feed, green.hub(), WINDOW, 0)
        self.subscriptions.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self.readers:
            reader.close()
            reader.stream.close()
        stopped, ended = self.subscriptions.stop(5.0), self.greens.stop(5.0)
        self._feeds.kill()
        self.journal.close()
        self.bridge.close()
        if error is None:
            assert stopped
            assert ended
            assert self.deaths == []

    def publish(self, count: int, type: str = "a.b", *, each: int = 1, **attributes: Any) -> None:
        """So many events, ``each`` of them a block; the data of each is its offset."""
        first = self.journal.end
        numbers = range(first, first + count)
        self._commit([_draft(numbers[at : at + each], type, attributes) for at in range(0, count, each)])

    def _commit(self, drafts: list[Draft]) -> None:
        known = green.Signal()
        self.journal.submit(Unit(drafts=drafts), known.set)
        known.wait()
        assert isinstance(known.value, Committed), known.value


def _draft(numbers: Sequence[int], type: str, attributes: dict[str, Any]) -> Draft:
    events = [
        {"specversion": "1.0", "id": str(n), "source": "/test", "type": type, "data": n, **attributes} for n in numbers
    ]
    return json_events.read_events([msgspec.json.encode(event) for event in events], {})
