"""Case (c): resident memory per idle WebSocket connection."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import payload
from bench.cases import Aim, Column, Sample
from bench.contestants import BareServer
from bench.daemon import Eventd
from bench.generator import Generator
from bench.machine import Processors
from bench.payload import Message
from bench.running import Contestant, Running

__all__ = ["Idle"]

#: What the server still does after the last handshake is done within it.
SETTLE = 0.5


#: Seconds for opening all connections and for one message on each.
TOUCHING = 60


class Compressed:
    """A contestant whose connections negotiate permessage-deflate."""

    def __init__(self, contestant: Contestant) -> None:
        self._contestant = contestant
        self.name = f"{contestant.name}, permessage-deflate"
        self.note = contestant.note

    def message(self, *, deflate: bool = True) -> Message:
        """The same message, compressed, with the extension offered."""
        del deflate
        return payload.native(deflate=True, compressed=True)

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run the contestant."""
        with self._contestant.start(directory, events, processors) as running:
            yield running


class Idle:
    """Opens connections, measures, sends one message on each, measures again."""

    key = "c"
    title = "Memory per idle WebSocket connection, KiB"
    columns: Sequence[Column] = (
        Column("idle", "KiB, nothing sent yet", "{:.1f}"),
        Column("touched", "KiB, one message each", "{:.1f}"),
        Column("opening", "handshakes/s"),
    )
    aims: Sequence[Aim] = (Aim("idle", most=12.0),)

    def __init__(self, generator: Generator, processors: Processors, connections: int) -> None:
        self._generator = generator
        self._processors = processors
        self._connections = connections
        self.how = (
            f"Growth of the server's resident memory, divided by {connections:,} connections: after the handshakes, "
            "and after one message on each was answered. What the kernel keeps for a socket is in no figure."
        )
        peers = (BareServer("websockets", "json"), BareServer("aiohttp", "json"))
        plain: tuple[Contestant, ...] = (Eventd("http"), *peers)
        self.contestants: Sequence[Contestant] = tuple(both for each in plain for both in (each, Compressed(each)))

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One run."""
        with contestant.start(directory, 0, self._processors.server) as running:
            time.sleep(SETTLE)
            server, begin = running.processes[0], time.monotonic()
            before = server.memory()
            with self._generator.idle(
                contestant.message(), running.port, directory, self._processors.load,
                connections=self._connections, window=1, seconds=TOUCHING,
            ) as touch:  # fmt: skip
                opened = time.monotonic() - begin
                time.sleep(SETTLE)
                idle = server.memory()
                sample = {"idle": (idle - before) / 1024 / self._connections, "opening": self._connections / opened}
                if contestant.name.startswith("eventd") or not isinstance(contestant, Compressed):
                    # Not asked of the compressing peers: the generator did not see all of their answers.
                    touch()
                    time.sleep(SETTLE)
                    sample["touched"] = (server.memory() - before) / 1024 / self._connections
        return sample
