"""Case (e): what it costs to keep a state: one update an event, against the handler that keeps none."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cases import Aim
from bench.daemon import Eventd
from bench.generator import Generator
from bench.handling import Handling
from bench.machine import Processors
from bench.running import Contestant

__all__ = ["Stateful"]

_PLAIN = "plain handler in eventd"


class Stateful(Handling):
    """The same run as case (a), with two handlers of eventd's."""

    key = "e"
    title = "Acknowledged events/s through a handler that keeps a state"
    how = (
        "As in (a). The stateful handler adds one to a number in its `State` for each event, under one of 100 keys; "
        "the state, and the place up to which events are handled, become durable together. The plain handler is the "
        "one of (a)."
    )
    aims: Sequence[Aim] = (Aim("rate", _PLAIN, 0.5),)

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        super().__init__(generator, processors, seconds)
        self.contestants: Sequence[Contestant] = (
            Eventd("forward", name="eventd, stateful handler", handler="Stateful"),
            Eventd("forward", name=_PLAIN),
        )
