"""The source: takes the readings at a steady beat and emits them together."""

from __future__ import annotations

import time

import msgspec

from eventd import Duration, Emitter, Logger, Source, Stop

from .readings import Readings

__all__ = ["HostMetrics"]

#: Nobody reads the counters faster: at the kernel's 10 ms ticks, shares would be noise.
SHORTEST_INTERVAL = 0.1


class HostMetrics(Source):
    """Emits ``eventd.host.cpu``, ``.memory``, ``.disk`` and ``.network`` at a steady beat."""

    class Config(msgspec.Struct):
        """The keys of ``[source:hostmetrics]``."""

        #: From one reading to the next.
        interval: Duration = 1.0
        #: Network interfaces to leave out; ``*`` stands for any characters.
        without_interfaces: tuple[str, ...] = ("lo", "veth*")

        def __post_init__(self) -> None:
            if not self.interval >= SHORTEST_INTERVAL:
                raise ValueError(f"interval is {self.interval:g} s: the shortest is {SHORTEST_INTERVAL:g} s")

    def __init__(self, config: Config, log: Logger, stop: Stop) -> None:
        self._config = config
        self._log = log
        self._stop = stop

    def run(self, emit: Emitter) -> None:
        """Emit until told to stop.

        What cannot be made durable raises here, and eventd starts the source again
        later: an old reading is worth nothing, so that none is kept back.
        """
        readings = Readings(self._log, without_interfaces=self._config.without_interfaces)
        beat = time.monotonic() + self._config.interval
        while not self._stop.wait(max(0.0, beat - time.monotonic())):
            emit.emit(*readings.take())
            # A beat that was missed is left out; the next ones keep the time.
            beat += self._config.interval * max(1, 1 + (time.monotonic() - beat) // self._config.interval)
