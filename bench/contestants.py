"""The peers: a real server each, set up as its user would, and the user's own Python code.

How each is set up is told in its ``note``, which the report prints. eventd itself is in
``bench.daemon``.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import payload
from bench.generator import Generator
from bench.meter import Meter
from bench.payload import Message
from bench.process import Process, free_port, until
from bench.running import Running

__all__ = ["BareServer", "Ceiling", "JetStream", "RedisStreams", "consumer", "program"]


def program(name: str) -> str:
    """The path of a server's program.

    :raises RuntimeError: when it is not installed.
    """
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise RuntimeError(f"{name} is not installed: install the package {name}")
    return path


@contextmanager
def consumer(
    server: Process, port: int, words: list[str], directory: Path, processors: Iterable[int]
) -> Iterator[tuple[Process, Meter]]:
    """The user's own code in a process of its own, once the server listens; ready to get events."""
    meter = Meter(directory / "meter", create=True)
    server.wait_for_port(port)
    module, *arguments = words
    command = [sys.executable, "-m", f"bench.peers.{module}", str(port), str(meter.path), *arguments]
    with Process("consumer", command, directory, processors=processors) as process:
        until(lambda: process.alive() and meter.read().ready == 1, 20, "the consumer")
        yield process, meter
    meter.close()


@contextmanager
def _with_consumer(
    server: Process, port: int, words: list[str], directory: Path, processors: Iterable[int]
) -> Iterator[Running]:
    with server, consumer(server, port, words, directory, processors) as (process, meter):
        yield Running(port, [server, process], meter)


class JetStream:
    """NATS JetStream on file storage, and a nats-py pull consumer."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self.name = "JetStream, nats-py" + (", ack all" if policy == "all" else "")
        each = "each event" if policy == "explicit" else "the last event of each fetch for all"
        self.note = f"file storage, synced every 2 min by default; pull consumer, fetch of 1,000, acknowledges {each}"

    def message(self, *, deflate: bool = False) -> Message:
        """1,000 messages published without waiting, each acknowledged by the server."""
        del deflate
        return payload.nats()

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run nats-server with an empty store."""
        port = free_port()
        command = [program("nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(directory / "store")]
        server = Process("nats-server", command, directory, processors=processors)
        words = ["jetstream_consumer", str(events), self._policy]
        with _with_consumer(server, port, words, directory, processors) as running:
            yield running


class RedisStreams:
    """A Redis stream, and a redis-py consumer group of one."""

    def __init__(self, parser: str) -> None:
        self._parser = parser
        self.name = "Redis Streams, redis-py" + (", hiredis" if parser == "hiredis" else "")
        self.note = f"appendfsync everysec; XREADGROUP 1,000, one XACK for all; the {parser} parser"

    def message(self, *, deflate: bool = False) -> Message:
        """A pipeline of 1,000 XADD commands."""
        del deflate
        return payload.redis()

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run redis-server with an empty append-only file."""
        port = free_port()
        command = [program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        server = Process("redis-server", command, directory, processors=processors)
        words = ["redis_consumer", str(events), self._parser]
        with _with_consumer(server, port, words, directory, processors) as running:
            yield running


class BareServer:
    """A WebSocket server that only decodes the JSON and replies; keeps nothing."""

    def __init__(self, library: str, decoder: str) -> None:
        self._library = library
        self._decoder = decoder
        self.name = library + (", msgspec" if decoder == "msgspec" else "")
        self.note = f"bare {library} server on asyncio, decodes with {decoder} and replies; stores and handles nothing"

    def message(self, *, deflate: bool = False) -> Message:
        """The same publish that eventd gets."""
        return payload.native(deflate=deflate)

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run it on its library's defaults."""
        del events
        port = free_port()
        command = [sys.executable, "-m", f"bench.peers.{self._library}_server", str(port), self._decoder]
        with Process(self._library, command, directory, processors=processors) as process:
            process.wait_for_port(port)
            yield Running(port, [process])


class Ceiling:
    """The trivial server in C: as fast as the load generator can be at all."""

    def __init__(self, generator: Generator, message: Message, name: str, *, fan: bool = False) -> None:
        self._generator = generator
        self._message = message
        self._fan = fan
        self.name = f"load generator's ceiling, {name}"
        self.note = "a C server that counts bytes and answers; parses, stores and handles nothing"
        if fan:
            self.note = (
                "a C server that passes bytes on to all other connections as they come; parses and stores nothing. A "
                "server that sends more at once can be above it"
            )

    def message(self, *, deflate: bool = False) -> Message:
        """The message whose ceiling it shows."""
        del deflate
        return self._message

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run the sink for this message."""
        del events
        with self._generator.sink(self._message, directory, processors, fan=self._fan) as (port, process):
            yield Running(port, [process])
