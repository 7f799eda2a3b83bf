"""The peers of a fan-out: servers that pass on what one connection publishes to those that subscribed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import fan
from bench.contestants import program
from bench.payload import Message
from bench.process import Process, free_port
from bench.running import Running

__all__ = ["BroadcastServer", "Nats", "Redis"]


class BroadcastServer:
    """A WebSocket server of the user's own on ``websockets.broadcast``.

    :param events: how many the publisher joins in a message.
    """

    def __init__(self, events: int = 1) -> None:
        self._events = events
        self.name = "websockets.broadcast" + (f", {events} events a message" if events > 1 else "")
        self.note = "bare websockets server on asyncio, uncompressed; " + (
            f"the publisher joins {events} events in a message, which subscribers must take apart"
            if events > 1
            else "one event a message: it has no other way to tell them apart"
        )

    def message(self, *, deflate: bool = False) -> Message:
        """The bare events, for it passes on what it gets."""
        del deflate
        return fan.broadcast(self._events)

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run it on its library's defaults, but for compression."""
        del events
        port = free_port()
        command = [sys.executable, "-m", "bench.peers.websockets_broadcast", str(port)]
        with Process("websockets", command, directory, processors=processors) as process:
            process.wait_for_port(port)
            yield Running(port, [process])


class Nats:
    """Core NATS: what it publishes is in memory only."""

    name = "nats-server"
    note = "core publish and subscribe, in memory, without acknowledgements; the publisher joins its PUB commands"

    def message(self, *, deflate: bool = False) -> Message:
        """One PUB."""
        del deflate
        return fan.nats()

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run nats-server on its defaults."""
        del events
        port = free_port()
        command = [program("nats-server"), "-a", "127.0.0.1", "-p", str(port)]
        with Process("nats-server", command, directory, processors=processors) as process:
            process.wait_for_port(port)
            yield Running(port, [process])


class Redis:
    """Redis' publish and subscribe, in memory only."""

    name = "Redis pub/sub"
    note = "PUBLISH and SUBSCRIBE, in memory, answered by the number of receivers; the publisher pipelines"

    def message(self, *, deflate: bool = False) -> Message:
        """One PUBLISH."""
        del deflate
        return fan.redis()

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run redis-server without persistence."""
        del events
        port = free_port()
        command = [program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)]
        command += ["--save", "", "--appendonly", "no"]
        with Process("redis-server", command, directory, processors=processors) as process:
            process.wait_for_port(port)
            yield Running(port, [process])
