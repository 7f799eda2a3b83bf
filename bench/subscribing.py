"""Case (k): events/s through a durable subscription in Python, every event settled by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import payload
from bench.cases import Aim
from bench.contestants import JetStream, consumer
from bench.daemon import Eventd
from bench.generator import Generator
from bench.handling import Handling
from bench.machine import Processors
from bench.payload import Message
from bench.running import Contestant, Running

__all__ = ["Subscribing"]


class _Client:
    """eventd without a handler, and its own client in another process.

    :param door: where the events are published.
    """

    note = (
        "one process; acknowledged after fsync; a durable subscription by `eventd.client.Client`, takes what came "
        "together, settles each event by itself"
    )

    def __init__(self, door: str = "forward", published: str = "") -> None:
        self.name = "eventd" + published
        message = payload.native_chunk() if door == "http" else payload.forward()
        self._eventd = Eventd(door, handler=None, message=message)

    def message(self, *, deflate: bool = False) -> Message:
        """1,000 events."""
        return self._eventd.message(deflate=deflate)

    @contextmanager
    def start(self, directory: Path, events: int, processors: Iterable[int]) -> Iterator[Running]:
        """Run the daemon with a journal of its own, and subscribe."""
        words = ["eventd_consumer", str(events)]
        with self._eventd.start(directory, events, processors) as running:
            [server] = running.processes
            with consumer(server, running.doors["http"], words, directory, processors) as (process, meter):
                yield Running(running.port, [server, process], meter)


class Subscribing(Handling):
    """The same run as case (a), with the handling in another process on both sides."""

    key = "k"
    title = "Acknowledged events/s through a durable subscription in Python"
    how = (
        f"As in (a): chunks of {payload.CHUNK:,} events, and consumers that add up one field; but eventd's, too, is in "
        "a process of its own and subscribes by name. Each consumer says of each event that it is done with it. "
        "Counted until all events are handled and the server has read that they are. Events that come in by the "
        "Forward protocol are made CloudEvents in JSON when they are delivered; those of a JSON publish are that "
        "already."
    )
    aims: Sequence[Aim] = (Aim("rate", "JetStream, nats-py", 3),)

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        super().__init__(generator, processors, seconds)
        self.contestants: Sequence[Contestant] = (
            _Client(),
            _Client("http", ", published as JSON"),
            JetStream("explicit"),
        )
