"""Cases (l), (m) and (n): a handler in worker processes beside the same one in the daemon."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import payload
from bench.burning import turns_in
from bench.cases import Aim, Column, Sample
from bench.daemon import Eventd
from bench.filling import Filled
from bench.generator import Generator, Load
from bench.handling import Handling
from bench.machine import Processors
from bench.running import Contestant, Running
from bench.stored import Replay

__all__ = ["Computing", "Lag", "Passing"]

#: Seconds of Python that each event costs the handler of (l) and (m).
EACH = 0.001
_GREEN = "green in eventd"
_TWO = "eventd, two workers"

#: Case (m): events of a chunk, and events and pings per second.
CHUNK = 100
EVENTS = 50_000
PINGS = 500
#: Chunks unanswered on a connection, with which no other is sent: half a second's on all four.
WINDOW = 64
#: Seconds of load before the pings, and of pings that are not counted.
WARM = 1.0
#: Case (n): single events whose way is timed.
SINGLE = 200


def _computing() -> Sequence[Contestant]:
    """The same handler in two workers and in the daemon, which is not to move it to a thread."""
    turns = turns_in(EACH)
    return (
        Eventd("forward", name=_TWO, handler="Compute", options={"turns": turns, **_workers(2)}),
        Eventd("forward", name=_GREEN, handler="Compute", options={"turns": turns, "on_stall": "warn"}),
    )


def _workers(count: int) -> dict[str, object]:
    return {"run": "process", "workers": count}


class Computing(Handling):
    """Case (l): the run of case (a) with a handler that computes."""

    trial = 2

    key = "l"
    title = "Events/s through a handler that computes for 1 ms"
    how = (
        "As in (a), with a handler that runs a loop of Python for each event: the same number of turns for all, which "
        "take 1 ms on this machine when nobody disturbs it. In the daemon, `on_stall = warn` keeps it where it holds "
        "the hub. All processes may use all processors."
    )
    columns: Sequence[Column] = (Column("rate", "events/s"), Column("server_cpu", "CPU s per million"))
    aims: Sequence[Aim] = (Aim("rate", _GREEN, 1.8),)

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        super().__init__(generator, processors, seconds)
        self.contestants = _computing()


class Lag:
    """Case (m): how long the hub lets others wait meanwhile."""

    key = "m"
    title = "Lag of the hub while a handler computes and 50,000 events/s come in"
    how = (
        f"The handler of (l), and {EVENTS:,} events/s in Forward chunks of {CHUNK} by the clock, of which it "
        f"handles what it can; one that is due while {WINDOW} are unanswered on its connection is not sent. On "
        f"another connection {PINGS} WebSocket pings/s, by the clock, too: only the hub can answer them, and they "
        "wait for nothing else. The time counts from when a ping was due to when its pong was read, so that it "
        "has what the ping's own process waited for a processor. All processes may use all processors."
    )
    columns: Sequence[Column] = (
        Column("p99", "p99 ms", "{:.2f}"),
        Column("p50", "p50 ms", "{:.2f}"),
        Column("p999", "p99.9 ms", "{:.2f}"),
        Column("most", "longest ms", "{:.1f}"),
        Column("published", "published/s"),
        Column("handled", "handled/s"),
        Column("server_cpu", "server CPU", "{:.0%}"),
    )
    aims: Sequence[Aim] = (Aim("p99", most=10.0),)

    def __init__(self, generator: Generator, processors: Processors, seconds: float) -> None:
        self._generator = generator
        self._everywhere = processors.every
        self._seconds = seconds
        self.contestants = _computing()

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One run of both generators."""
        with contestant.start(directory, 0, self._everywhere) as running, ThreadPoolExecutor(1) as other:
            loading = other.submit(self._load, running, directory)
            time.sleep(WARM)
            cpu, handled, begin = running.cpu(), _handled(running), time.monotonic()
            pings = self._pings(running, directory)
            seconds = time.monotonic() - begin
            handled, cpu = _handled(running) - handled, running.cpu() - cpu
            load = loading.result()
            return {
                **pings.sample(0.0),
                "published": load.rate * CHUNK,
                "handled": handled / seconds,
                "server_cpu": cpu / seconds,
            }

    def _load(self, running: Running, directory: Path) -> Load:
        place = directory / "load"
        place.mkdir()
        return self._generator.run(
            payload.forward(CHUNK), running.port, place, self._everywhere,
            connections=4, window=WINDOW, rate=EVENTS / CHUNK, seconds=3 * WARM + self._seconds,
        )  # fmt: skip

    def _pings(self, running: Running, directory: Path) -> Load:
        return self._generator.run(
            payload.ping(), running.doors["http"], directory, self._everywhere,
            connections=1, window=4096, rate=PINGS, warm=WARM, seconds=WARM + self._seconds,
        )  # fmt: skip


class Passing(Replay):
    """Case (n): what the way through a worker costs, with a handler that costs next to nothing."""

    key = "n"
    title = "Events/s through a handler that does nothing, in a worker"
    columns: Sequence[Column] = (
        Column("rate", "events/s"),
        Column("server_cpu", "CPU s per million", "{:.2f}"),
        Column("single", "one event, p50 ms", "{:.2f}"),
    )
    aims: Sequence[Aim] = (Aim("rate", _GREEN, 0.5),)

    def __init__(self, processors: Processors, filled: Filled) -> None:
        super().__init__(processors, filled)
        self._total = 0
        self.how = (
            "The replay of (h), with a handler that looks at each event and does nothing with it. Then "
            f"{SINGLE} single events by the Forward protocol, each when the one before was handled: the time from "
            "when it is sent to when it is handled has the sync to the disk. All processes may use all processors."
        )
        self.contestants: Sequence[Contestant] = (
            Eventd("http", name="eventd, one worker", handler="Pass", options=_workers(1), filled=filled),
            Eventd("http", name=_TWO, handler="Pass", options=_workers(2), filled=filled),
            Eventd("http", name=_GREEN, handler="Pass", filled=filled),
        )

    def measure(self, contestant: Contestant, directory: Path) -> Sample:
        """One replay, and then one event after the other."""
        with contestant.start(directory, 0, self._processors.every) as running:
            return {**self._replay(running, directory), "single": _single(running) * 1e3}


def _handled(running: Running) -> int:
    assert running.meter is not None
    return running.meter.read().events


def _single(running: Running) -> float:
    """The median of seconds from sent to handled."""
    meter, times = running.meter, []
    assert meter is not None
    message = payload.forward(1).body
    with socket.create_connection(("127.0.0.1", running.doors["forward"])) as door:
        for _ in range(SINGLE):
            begin = time.monotonic_ns()
            door.sendall(message)
            running.wait(_handled(running) + 1, 10)
            times.append((meter.read().last - begin) / 1e9)
            door.recv(4096)
    return statistics.median(times)
