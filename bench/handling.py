"""Case (a): acknowledged events per second through a Python handler that reads one field."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import payload
from bench.cases import Aim, Column, Sample
from bench.contestants import Ceiling, JetStream, RedisStreams
from bench.daemon import Eventd
from bench.generator import Generator, Load
from bench.machine import Processors
from bench.running import Contestant, Running

__all__ = ["Handling"]

CONNECTIONS = 4
#: Chunks that a connection has sent and not seen acknowledged.
WINDOW = 4
MOST_CHUNKS = 20_000
#: A run that has not ended by then has failed.
MOST_SECONDS = 30


class Handling:
    """Counts from the first event published to the last one acknowledged and handled."""

    #: Chunks of the first, uncounted run that finds out how many make a run long enough.
    trial = 40

    key = "a"
    title = "Acknowledged events/s through a Python handler"
    how = (
        f"Chunks of {payload.CHUNK:,} events on {CONNECTIONS} connections, {WINDOW} chunks unanswered on each: a "
        "Forward chunk for eventd, a pipeline of single-event messages for the others. The events have the same bytes "
        "for all, and every consumer decodes each with msgspec and adds up one field; the sum is checked. Counted from "
        "the first event published to the last one acknowledged to the publisher and handled. All processes may use "
        "all processors, since the peers are two processes each; the load generator needs next to nothing."
    )
    columns: Sequence[Column] = (
        Column("rate", "events/s"),
        Column("published", "published/s"),
        Column("server_cpu", "CPU s per million", "{:.2f}"),
        Column("load_cpu", "generator CPU", "{:.0%}"),
    )
    aims: Sequence[Aim] = (
        Aim("rate", "JetStream, nats-py", 15),
        Aim("rate", "Redis Streams, redis-py", 5),
    )

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        self._generator = generator
        self._processors = processors
        self._seconds = seconds
        self._chunks: dict[str, int] = {}
        self.contestants: Sequence[Contestant] = (
            Eventd("forward"),
            JetStream("explicit"),
            JetStream("all"),
            RedisStreams("python"),
            RedisStreams("hiredis"),
            Ceiling(generator, payload.forward(), "Forward"),
            Ceiling(generator, payload.nats(), "NATS"),
            Ceiling(generator, payload.redis(), "Redis"),
        )

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One run that lasts about as long as asked for."""
        if contestant.name not in self._chunks:
            with tempfile.TemporaryDirectory(dir=directory) as place:
                rate = self._run(contestant, Path(place), self.trial)["rate"]
            chunks = int(rate * self._seconds / payload.CHUNK)
            self._chunks[contestant.name] = max(self.trial, min(chunks, MOST_CHUNKS))
        return self._run(contestant, directory, self._chunks[contestant.name])

    def _run(self, contestant: Contestant, directory: Path, chunks: int) -> Sample:
        events = chunks * payload.CHUNK
        everywhere = self._processors.every
        with contestant.start(directory, events, everywhere) as running:
            before = running.cpu()
            load = self._generator.run(
                contestant.message(), running.port, directory, everywhere,
                connections=CONNECTIONS, window=WINDOW, total=chunks, seconds=MOST_SECONDS,
            )  # fmt: skip
            running.wait(events, MOST_SECONDS)
            return self._sample(running, load, chunks, running.cpu() - before)

    def _sample(self, running: Running, load: Load, chunks: int, cpu: float) -> Sample:
        events, last = chunks * payload.CHUNK, load.last
        if running.meter is not None:
            reading = running.meter.read()
            if (reading.events, reading.total) != (events, chunks * payload.chunk_total()):
                raise RuntimeError(f"{events:,} events were sent, {reading.events:,} handled, and their sum is wrong")
            last = max(last, reading.last)
        seconds = (last - load.first) / 1e9
        return {
            "rate": events / seconds,
            "published": events / load.seconds,
            "server_cpu": cpu / events * 1e6,
            "load_cpu": load.cpu / load.seconds,
        }
