"""Plugins on the top level of a module: a worker imports them."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import signal
import stat
import sys
import time
from typing import Any

import msgspec

from eventd import Batch, Emitter, Event, Handler, Logger, Reject, Retry, State
from eventd.calls.messages import Outcome, frame


class Echo(Handler):
    """Does what the payload of each event says."""

    types = ("do.>",)
    run = "process"

    def __init__(self, emit: Emitter, log: Logger) -> None:
        self.emit, self.log, self.kept = emit, log, list[bytes]()

    def handle(self, batch: Batch) -> None:
        for index, event in enumerate(batch):
            self.emit("done", {"pid": os.getpid(), "data": event.data, "offset": event.offset}, subject=event.subject)
            getattr(self, event.type.removeprefix("do."))(batch, index, event.data)

    def nothing(self, batch: Batch, index: int, data: object) -> None: ...

    def fail(self, batch: Batch, index: int, data: object) -> None:
        batch.fail(index, ValueError("alone"))

    def error(self, batch: Batch, index: int, data: object) -> None:
        raise ValueError(data)

    def reject(self, batch: Batch, index: int, data: object) -> None:
        raise Reject("not this one")

    def retry(self, batch: Batch, index: int, data: object) -> None:
        raise Retry(0.0)

    def exit(self, batch: Batch, index: int, data: object) -> None:
        os._exit(3)

    def leave(self, batch: Batch, index: int, data: object) -> None:
        sys.exit(4)

    def crash(self, batch: Batch, index: int, data: object) -> None:
        ctypes.string_at(0)

    def deep(self, batch: Batch, index: int, data: Any) -> None:
        if data:
            self.deep(batch, index, data - 1)
        ctypes.string_at(0)

    def fill(self, batch: Batch, index: int, data: object) -> None:
        numbers = [int(number) for number in os.listdir("/proc/self/fd")]
        [file] = [number for number in numbers if "eventd-crash" in _link_of(number)]
        for _ in range(100):
            os.write(file, b"x" * 4096)

    def kill(self, batch: Batch, index: int, data: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def close(self, batch: Batch, index: int, data: object) -> None:
        os.closerange(3, 65536)

    def hang(self, batch: Batch, index: int, data: object) -> None:
        time.sleep(60)

    def spin(self, batch: Batch, index: int, data: object) -> None:
        re.match(r"(a+)+$", "a" * 40 + "b")

    def leak(self, batch: Batch, index: int, data: object) -> None:
        self.kept.append(b"x" * (64 << 20))

    def tell(self, batch: Batch, index: int, data: object) -> None:
        self.log.warning("hello from %s", data)


class Count(Handler):
    """Counts by subject, and tells the sums."""

    types = ("count",)
    run = "process"

    def __init__(self, state: State, emit: Emitter) -> None:
        self.state, self.emit = state, emit

    def handle(self, batch: Batch) -> None:
        for event in batch:
            self.emit("sum", self.state.add(f"of {event.subject}", 1), subject=event.subject)
            if event.data == "search":
                self.emit("keys", {"range": self.state.range("of "), "count": self.state.count("of ")})


class Much(Handler):
    """Writes, emits and searches as often as it is told to."""

    types = ("much",)
    run = "process"

    def __init__(self, state: State, emit: Emitter) -> None:
        self.state, self.emit = state, emit

    def handle(self, batch: Batch) -> None:
        for event in batch:
            found = self.state.range("k", limit=1_000_000)
            self.emit("found", [len(found), found == sorted(found)])
            for number in range(event.data):
                self.state.set(f"k{number:06}", "v" * 100)
                self.emit("done", number)


class Reading(Event):
    """An event type that runs in a worker."""

    type = "reading"

    class Data(msgspec.Struct):
        n: int

    data: Data

    def execute(self, state: State, emit: Emitter) -> None:
        if self.data.n < 0:
            raise ValueError("below nothing")
        emit("seen", {"n": state.add("n", self.data.n)}, subject=f"in {logging.getLogger().level}")


class Broken(Handler):
    """Cannot be started, at first."""

    types = ("count",)
    run = "process"

    def start(self) -> None:
        raise ValueError("not today")

    def handle(self, batch: Batch) -> None: ...


class Forger(Echo):
    """Answers for the daemon's next call, too, over the line that is not its own."""

    types = ("do.>",)

    def nothing(self, batch: Batch, index: int, data: object) -> None:
        if data == "forge":
            line = next(int(fd) for fd in os.listdir("/proc/self/fd") if _is_socket(int(fd)))
            forged = frame(Outcome([], {}, None, {}, [], spent=False, number=10**6))
            os.write(line, forged)
            # Its own answer, in the same read, would take the place of this one.
            time.sleep(0.3)


class Ignore(Handler):
    """Looks at what it gets."""

    types = ("done",)
    run = "green"

    def handle(self, batch: Batch) -> None:
        for event in batch:
            assert event.data is not None
            assert event.id


class Liar(Handler):
    """Says that it emitted what it did not."""

    types = ("lie",)
    run = "process"

    def __init__(self, emit: Emitter) -> None:
        self.emit = emit

    def handle(self, batch: Batch) -> None:
        for event in batch:
            self.emit("done", event.data)
            [draft] = self.emit._drafts  # type: ignore[attr-defined]  # it is a Collector
            if event.data == "count":
                draft.count = 1_000_000
            elif event.data == "body":
                draft.body = draft.body.replace(b"specversion", b"\xc1" * 11)
            elif event.data == "name":
                raise type("no name", (Exception,), {})
            elif event.data == "failure":
                batch.failures[1_000_000] = ValueError("of nobody")


def _link_of(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


class Early(Count):
    """Looks at its state before it is called."""

    def start(self) -> None:
        self.state.get("of s")


class Parent(Echo):
    """Leaves children behind."""

    types = ("do.>",)

    def nothing(self, batch: Batch, index: int, data: object) -> None:
        if data == "leave":
            os.system("sleep 300 &")
            os._exit(3)
        if data == "hang":
            os.system("sleep 300 &")
            time.sleep(300)
