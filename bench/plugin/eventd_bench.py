"""The handler of the benchmarks: reads one field of each event and counts."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.meter import Meter
from eventd import Batch, Handler


class Count(Handler):
    """Adds up field ``n``, so that lost and doubled events are found."""

    types = ("bench.>",)

    class Config(msgspec.Struct):
        """``meter`` is the file in which it counts."""

        meter: str

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
