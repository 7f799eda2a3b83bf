"""Cases (b) and (d): one event a message over WebSockets, as fast as it goes and at a fixed rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import payload
from bench.cases import Aim, Column, Sample
from bench.contestants import BareServer, Ceiling
from bench.daemon import Eventd
from bench.generator import Generator
from bench.machine import Processors
from bench.running import Contestant

__all__ = ["Latency", "Publishing"]

#: Seconds at the start that are not counted.
WARM = 0.5
PINNED = (
    "The server has one processor for all its threads and the load generator another, so that neither takes time from "
    "the other and every server has the same."
)


class _OneEventMessages:
    """What both cases share: the contestants and one run."""

    options: dict[str, object]

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        self._generator = generator
        self._processors = processors
        self._seconds = seconds
        self.contestants: Sequence[Contestant] = (
            Eventd("http"),
            BareServer("websockets", "json"),
            BareServer("websockets", "msgspec"),
            BareServer("aiohttp", "json"),
            BareServer("aiohttp", "msgspec"),
            Ceiling(generator, payload.native(), "WebSocket"),
        )

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One run; where there is a handler, it must have had every acknowledged event."""
        with contestant.start(directory, 0, self._processors.server) as running:
            before = running.cpu()
            load = self._generator.run(
                contestant.message(), running.port, directory, self._processors.load,
                warm=WARM, seconds=WARM + self._seconds, **self.options,
            )  # fmt: skip
            used = running.cpu() - before
            running.wait(load.answered, 30)
            return load.sample(used)


class Publishing(_OneEventMessages):
    """Case (b): how many."""

    key = "b"
    title = "WebSocket publish → acknowledgement, events/s"
    how = (
        "One event a message, 100 connections, 16 unanswered messages on each. eventd checks the event, writes it to "
        "the journal, syncs it, acknowledges it and hands it to a handler; the bare servers only decode the JSON and "
        "reply. " + PINNED
    )
    columns: Sequence[Column] = (
        Column("rate", "events/s"),
        Column("p50", "p50 ms", "{:.2f}"),
        Column("p99", "p99 ms", "{:.2f}"),
        Column("server_cpu", "server CPU", "{:.0%}"),
        Column("load_cpu", "generator CPU", "{:.0%}"),
    )
    aims: Sequence[Aim] = (Aim("rate", "websockets", 2), Aim("rate", "aiohttp", 1.3))
    options: dict[str, object] = {"connections": 100, "window": 16}  # noqa: RUF012  # never changed


class Latency(_OneEventMessages):
    """Case (d): how long."""

    key = "d"
    title = "Publish → acknowledgement at 10,000 events/s over 1,000 connections"
    how = (
        "One event a message, sent by the clock whether or not earlier ones were answered; the time counts from when a "
        "message was due. " + PINNED
    )
    columns: Sequence[Column] = (
        Column("p99", "p99 ms", "{:.2f}"),
        Column("p50", "p50 ms", "{:.2f}"),
        Column("p999", "p99.9 ms", "{:.2f}"),
        Column("most", "longest ms", "{:.1f}"),
        Column("rate", "events/s"),
        Column("server_cpu", "server CPU", "{:.0%}"),
        Column("load_cpu", "generator CPU", "{:.0%}"),
    )
    aims: Sequence[Aim] = (Aim("p99", most=5.0),)
    options: dict[str, object] = {"connections": 1000, "window": 256, "rate": 10_000}  # noqa: RUF012  # never changed
