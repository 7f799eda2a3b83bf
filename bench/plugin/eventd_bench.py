"""The handlers of the benchmarks: most read one field of each event, all of them count."""

from __future__ import annotations

from pathlib import Path

import msgspec

import eventd
from bench.burning import burn
from bench.meter import Meter
from eventd import Batch, Handler

KEYS = [f"sensor-{number}" for number in range(100)]


class Count(Handler):
    """Adds up field ``n``, so that lost and doubled events are found."""

    types = ("bench.>",)

    class Config(msgspec.Struct):
        """``meter`` is the file in which it counts, ``turns`` are what ``Compute`` burns for each event."""

        meter: str
        turns: int = 0

    def __init__(self, config: Config) -> None:
        self._meter = Meter(Path(config.meter))

    def start(self) -> None:
        """Say that events may come."""
        self._meter.ready()

    def handle(self, batch: Batch) -> None:
        """What the peers' consumers do with what they fetched."""
        total = 0
        for event in batch.events:
            total += event.data["n"]
        self._meter.add(len(batch), total)


class Pass(Count):
    """Looks at each event, and does nothing with it."""

    def handle(self, batch: Batch) -> None:
        """Nothing is added up: only their number is known."""
        for _ in batch.events:
            pass
        self._meter.add(len(batch), 0)


class Compute(Count):
    """The same as ``Count``, and computes for each event."""

    def __init__(self, config: Count.Config) -> None:
        super().__init__(config)
        self._turns = config.turns

    def handle(self, batch: Batch) -> None:
        """It holds its thread from the first event to the last."""
        for _ in batch.events:
            burn(self._turns)
        super().handle(batch)


class Stateful(Count):
    """The same, and keeps how often each of 100 keys came."""

    def __init__(self, config: Count.Config, state: eventd.State) -> None:
        super().__init__(config)
        self._state = state

    def handle(self, batch: Batch) -> None:
        """One update of the state an event."""
        for event in batch.events:
            self._state.add(KEYS[event.data["n"] % len(KEYS)])
        super().handle(batch)
