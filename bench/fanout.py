"""Cases (i) and (j): one publisher and many subscribers, as fast as it goes and at a fixed rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench import fan
from bench.brokers import BroadcastServer, Nats, Redis
from bench.cases import Aim, Column, Sample
from bench.contestants import Ceiling
from bench.daemon import Eventd
from bench.generator import Generator
from bench.machine import Processors
from bench.publishing import PINNED, WARM
from bench.running import Contestant

__all__ = ["Delay", "FanOut"]

#: Events that are published at once, and those that may be on their way to the subscribers.
TOGETHER = 100
WINDOW = 1000


class _Subscribers:
    """What both cases share: one run."""

    options: dict[str, object]
    contestants: Sequence[Contestant]

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        self._generator = generator
        self._processors = processors
        self._seconds = seconds

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One run; it fails where a subscriber does not get each event once."""
        with contestant.start(directory, 0, self._processors.server) as running:
            before = []
            load = self._generator.fan_out(
                contestant.message(), running.port, directory, self._processors.load,
                lambda: before.append(running.cpu()), warm=WARM, seconds=WARM + self._seconds, **self.options,
            )  # fmt: skip
            return load.sample(running.cpu() - before[0])


class FanOut(_Subscribers):
    """Case (i): how many."""

    key = "i"
    title = "Fan-out to 1,000 subscribers, deliveries/s"
    how = (
        f"One publisher, 1,000 subscribers to all it publishes, events with {fan.EVENT} bytes of payload. For eventd "
        "these are the string in `data`, and its attributes come on top, so that a delivery has twice the bytes of the "
        f"others'. {TOGETHER} events are published at once, in the way of each protocol; the next ones when no "
        f"more than {WINDOW:,} are on their way to the subscribers, so that no server has a reason to drop any. The "
        "generator is the publisher and all subscribers; each subscriber must have got each event once. eventd checks "
        "the events, writes them to the journal, syncs it and acknowledges them; the others keep nothing. " + PINNED
    )
    columns: Sequence[Column] = (
        Column("rate", "deliveries/s"),
        Column("server_cpu", "server CPU", "{:.0%}"),
        Column("load_cpu", "generator CPU", "{:.0%}"),
    )
    aims: Sequence[Aim] = (Aim("rate", "websockets.broadcast", 10), Aim("rate", "nats-server", 0.5))
    options: dict[str, object] = {"subscribers": 1000, "together": TOGETHER, "window": WINDOW}  # noqa: RUF012  # never changed

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        super().__init__(generator, processors, seconds)
        self.contestants: Sequence[Contestant] = (
            Eventd("http", handler=None, message=fan.native(TOGETHER)),
            Eventd("http", name="eventd, one event a publish", handler=None, message=fan.native(1)),
            BroadcastServer(),
            BroadcastServer(TOGETHER),
            Nats(),
            Redis(),
            Ceiling(generator, fan.ceiling(), "NATS", fan=True),
        )


class Delay(_Subscribers):
    """Case (j): how long."""

    key = "j"
    title = "Publish → delivery at 1,000 events/s to 100 subscribers"
    how = (
        "The events of (i), one by one, published by the clock; the time counts from when an event was due to when a "
        "subscriber read it. eventd delivers what it has synced to the disk; the others keep nothing. " + PINNED
    )
    columns: Sequence[Column] = (
        Column("p99", "p99 ms", "{:.2f}"),
        Column("p50", "p50 ms", "{:.2f}"),
        Column("p999", "p99.9 ms", "{:.2f}"),
        Column("most", "longest ms", "{:.1f}"),
        Column("rate", "deliveries/s"),
        Column("server_cpu", "server CPU", "{:.0%}"),
        Column("load_cpu", "generator CPU", "{:.0%}"),
    )
    aims: Sequence[Aim] = (Aim("p99", most=5.0),)
    options: dict[str, object] = {"subscribers": 100, "rate": 1000}  # noqa: RUF012  # never changed

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        super().__init__(generator, processors, seconds)
        self.contestants: Sequence[Contestant] = (
            Eventd("http", handler=None, message=fan.native(1)),
            BroadcastServer(),
            Nats(),
            Redis(),
            Ceiling(generator, fan.ceiling(), "NATS", fan=True),
        )
