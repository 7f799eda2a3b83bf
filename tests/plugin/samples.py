"""Plugins that the tests of this room register: good ones, and one for each fault."""

from __future__ import annotations

from typing import Any

import msgspec

from eventd.event import Batch, Event
from eventd.plugin.contract import Emitter, Handler, Logger, Source, StateDirectory, Stop, Webhook


class Clock:
    """A service without a constructor."""

    def __init__(self) -> None:
        self.started = 0

    def start(self) -> None:
        self.started += 1


class Reading(Event):
    """A temperature reading.

    Of a sensor.
    """

    type = "com.example.reading"

    class Data(msgspec.Struct):
        celsius: float

    class Config(msgspec.Struct):
        limit: float = 30.0

    data: Data

    def execute(self, config: Config, emit: Emitter, clock: Clock) -> None:
        if self.data.celsius > config.limit:
            emit("com.example.alarm", clock.started)


class Silent(Event):
    type = "com.example.silent"


class Nameless(Event):
    pass


class Loose(Event):
    type = "com.example.loose"
    Data = dict


class Greedy(Event):
    type = "com.example.greedy"

    def execute(self, state: dict[str, Any]) -> None: ...


SEVERAL = (Silent, Nameless, Greedy)


class Archive(Handler):
    types = ("com.example.>",)

    class Config(msgspec.Struct):
        directory: str = "var"
        keep: int = 3

    def __init__(self, config: Config, log: Logger, place: StateDirectory, colour: str = "red") -> None:
        self.config, self.log, self.place, self.colour = config, log, place, colour

    def handle(self, batch: Batch) -> None: ...


class Idle(Handler):
    types = (">",)


class Everything(Handler):
    types = ">"  # type: ignore[assignment]  # the fault

    def handle(self, batch: Batch) -> None: ...


class BadPattern(Handler):
    types = ("a..b",)

    def handle(self, batch: Batch) -> None: ...


class Untyped(Handler):
    types = (">",)

    def __init__(self, config) -> None: ...  # type: ignore[no-untyped-def]  # the fault

    def handle(self, batch: Batch) -> None: ...


class Misspelt(Handler):
    types = (">",)

    def __init__(self, log: Loger) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - the fault

    def handle(self, batch: Batch) -> None: ...


class Coroutine(Handler):
    types = (">",)

    async def handle(self, batch: Batch) -> None: ...  # type: ignore[override]  # the fault


class Short(Handler):
    types = (">",)

    def handle(self) -> None: ...  # type: ignore[override]  # the fault


class Elsewhere(Handler):
    types = (">",)
    run = "moon"

    def handle(self, batch: Batch) -> None: ...


class Shadowing(Handler):
    types = (">",)

    class Config(msgspec.Struct):
        timeout: float = 1.0

    def handle(self, batch: Batch) -> None: ...


class BadConfig(Handler):
    types = (">",)
    Config = dict

    def handle(self, batch: Batch) -> None: ...


class Ticker(Source):
    def __init__(self, stop: Stop) -> None: ...

    def run(self, emit: Emitter) -> None: ...


class Hook(Webhook):
    path = "/hooks/example"

    def receive(self, request: Any, emit: Emitter) -> None: ...


class OtherHook(Hook):
    pass


class Pathless(Webhook):
    def receive(self, request: Any, emit: Emitter) -> None: ...


class Left:
    def __init__(self, right: Right) -> None: ...


class Right:
    def __init__(self, left: Left) -> None: ...


def make_clock() -> Clock:
    return Clock()


def make_nothing():  # type: ignore[no-untyped-def]  # the fault
    return None
