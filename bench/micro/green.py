"""What green threads, streams and the bridge cost: ``python -m bench.micro.green``.

Prints medians of three runs. Both ends of each connection are in this process, so a round
trip is two writes, two reads and four switches.
"""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from eventd import green

__all__ = ["main"]

RUNS = 3
PAYLOAD = b"x" * 64
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") / 1024
MICROSECONDS = 1e6
#: Enough that what else the process allocates does not show.
IDLE_CONNECTIONS = 4000


def main() -> None:
    """Measure and print, one line each."""
    green.run(_measure)


def _measure() -> None:
    for connections in (1, 100, 1000):
        trips = _median(partial(round_trips, connections, 60_000))
        print(f"{trips:10,.0f}  echo round trips/s over {connections} connections")
    print(f"{_median(watch_callback):10.2f}  µs a watch callback")
    print(f"{_median(yielding):10.2f}  µs a sleep(0)")
    print(f"{_median(guarding):10.2f}  µs a call on watch, more than the call")
    print(f"{_median(spawning):10.2f}  µs a green thread, from spawn to end")
    print(f"{_median(bridge_call):10.2f}  µs a bridge.call")
    print(f"{idle_memory():10.2f}  KiB an idle green thread in Stream.recv, socket included")


def round_trips(connections: int, total: int) -> float:
    """Round trips a second, shared by all connections."""
    group = green.Group("bench")
    for _ in range(connections):
        ours, theirs = socket.socketpair()
        group.spawn("echo", _echo, green.Stream(ours))
        group.spawn("client", _client, green.Stream(theirs), total // connections)
    began = time.perf_counter()
    group.stop(60)
    return total / (time.perf_counter() - began)


def watch_callback(total: int = 200_000, descriptors: int = 100) -> float:
    """Microseconds of one callback, polling included."""
    count, done = 0, green.Signal()

    def ready(_events: int) -> None:
        nonlocal count
        count += 1
        if count == total:
            done.set()

    fds = [os.eventfd(1) for _ in range(descriptors)]
    watches = [green.hub().watch(fd, ready) for fd in fds]
    began = time.perf_counter()
    done.wait()
    took = time.perf_counter() - began
    for watch, fd in zip(watches, fds, strict=True):
        watch.close()
        os.close(fd)
    return took / total * MICROSECONDS


def yielding(total: int = 100_000) -> float:
    """Microseconds of one turn of the loop."""
    return _each(total, green.sleep)


def guarding(total: int = 200_000) -> float:
    """Microseconds that it costs to have a call watched."""
    watched = _each(total, lambda: green.guard("bench", 0.0, _nobody, int))
    return watched - _each(total, int)


def _nobody(_seconds: float, _locked: bool) -> None:
    """Told of no stall."""


def spawning(total: int = 20_000) -> float:
    """Microseconds from spawning a green thread to its end."""
    group = green.Group("bench")
    began = time.perf_counter()
    for _ in range(total):
        group.spawn("bench", int)
    group.stop(60)
    return (time.perf_counter() - began) / total * MICROSECONDS


def bridge_call(total: int = 10_000) -> float:
    """Microseconds until a native thread has answered."""
    bridge = green.Bridge("bench")
    try:
        return _each(total, lambda: bridge.call(int))
    finally:
        bridge.close()


def idle_memory() -> float:
    """KiB that one connection holds while nothing happens on it."""
    group = green.Group("bench")
    gc.collect()
    before = _resident()
    for _ in range(IDLE_CONNECTIONS // 2):
        for end in socket.socketpair():
            group.spawn("echo", _echo, green.Stream(end))
    green.sleep(0.1)
    grown = _resident() - before
    group.kill()
    group.stop(10)
    return grown / IDLE_CONNECTIONS


def _echo(stream: green.Stream) -> None:
    try:
        while data := stream.recv():
            stream.write(data)
    finally:
        stream.close()


def _client(stream: green.Stream, trips: int) -> None:
    for _ in range(trips):
        stream.write(PAYLOAD)
        stream.recv()
    stream.close()


def _each(total: int, fn: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(total):
        fn()
    return (time.perf_counter() - began) / total * MICROSECONDS


def _median(measure: Callable[[], float]) -> float:
    return median(measure() for _ in range(RUNS))


def _resident() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE_KIB


if __name__ == "__main__":
    main()
