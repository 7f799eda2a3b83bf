"""Handlers that commit one sin each, and a healthy one; the tests install this file as a plugin package."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
import time
from typing import Any

from eventd import Batch, Emitter, Handler, State


class Healthy(Handler):
    """Does its work, whatever the others do."""

    types = ("healthy.>",)

    def __init__(self, emit: Emitter, state: State) -> None:
        self.emit, self.state = emit, state

    def handle(self, batch: Batch) -> None:
        for event in batch:
            self.emit("done", {"n": event.data, "sum": self.state.add("events")})


class Sinner(Handler):
    """Sins with each event of its type."""

    def __init_subclass__(cls) -> None:
        cls.types = (f"rogue.{cls.__name__.lower()}",)

    def __init__(self, emit: Emitter) -> None:
        self.emit, self.kept = emit, list[Any]()

    def handle(self, batch: Batch) -> Any:
        for event in batch:
            self.sin(event.data)
        return None

    def sin(self, data: Any) -> None: ...


class Raises(Sinner):
    def sin(self, data: Any) -> None:
        raise ValueError("as it likes")


class Sleeps(Sinner):
    def sin(self, data: Any) -> None:
        time.sleep(0.7)


class Spins(Sinner):
    def sin(self, data: Any) -> None:
        while True:
            data = not data


class Regex(Sinner):
    def sin(self, data: Any) -> None:
        re.match(r"(a+)+$", "a" * 50 + "b")


class Leaks(Sinner):
    def sin(self, data: Any) -> None:
        while True:
            self.kept.append(b"x" * (16 << 20))


class Exits(Sinner):
    def sin(self, data: Any) -> None:
        os._exit(3)


class Segfaults(Sinner):
    def sin(self, data: Any) -> None:
        ctypes.string_at(0)


class Leaves(Sinner):
    def sin(self, data: Any) -> None:
        sys.exit(4)


class Closes(Sinner):
    def sin(self, data: Any) -> None:
        os.closerange(3, 65536)


class Floods(Sinner):
    def sin(self, data: Any) -> None:
        while True:
            self.emit("flood", "x" * 100_000)


class Hangs(Sinner):
    def sin(self, data: Any) -> None:
        threading.Event().wait()


class Nonsense(Sinner):
    def handle(self, batch: Batch) -> Any:
        return {"nonsense": batch, 5: object()}


class Slow(Sinner):
    def start(self) -> None:
        time.sleep(1.5)


class Fails(Sinner):
    def stop(self) -> None:
        raise RuntimeError("not like this")
