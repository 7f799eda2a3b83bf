"""This machine: its processors, its disk, and who may run where."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Disturbance", "Processors", "describe", "processors", "sync_microseconds"]

_SYNCS = 200


@dataclass(frozen=True)
class Processors:
    """Who may run where, for all contestants alike."""

    every: frozenset[int]
    server: frozenset[int]
    load: frozenset[int]


def processors() -> Processors:
    """One processor for the server, the others for the load; the same one where there is but one."""
    usable = sorted(os.sched_getaffinity(0))
    first, rest = frozenset(usable[:1]), frozenset(usable[1:2] or usable[:1])
    return Processors(frozenset(usable), first, rest)


class Disturbance:
    """How much processor time others used, while the benchmark thought the machine its own."""

    def __init__(self) -> None:
        self._begin = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        machine, own = psutil.cpu_times(), os.times()
        own_seconds = own.user + own.system + own.children_user + own.children_system
        return time.monotonic(), machine.user + machine.nice + machine.system, own_seconds

    def share(self) -> float:
        """Processors' worth of others' work since this was made; children must have been waited for."""
        wall, machine, own = (now - begin for now, begin in zip(self._now(), self._begin, strict=True))
        return max(0.0, (machine - own) / wall)


def sync_microseconds(directory: Path) -> tuple[float, float]:
    """The median and the 99th percentile of fdatasync after an append of 4 KiB."""
    path, times = directory / "sync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(bytes(4096))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e6)
    path.unlink()
    times.sort()
    return times[_SYNCS // 2], times[_SYNCS * 99 // 100]


def _processor_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(directory: Path) -> str:
    inside = [p for p in psutil.disk_partitions(all=True) if directory.resolve().is_relative_to(p.mountpoint)]
    return max(inside, key=lambda p: len(p.mountpoint)).fstype if inside else "unknown"


def describe(directory: Path) -> list[str]:
    """What a reader needs to judge the numbers by, a fact a line."""
    median, late = sync_microseconds(directory)
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"{_processor_model()}, {os.cpu_count()} processors, {memory:.0f} GiB of memory",
        f"Linux {platform.release()}, Python {platform.python_version()}",
        f"{_file_system(directory)}; fdatasync after an append of 4 KiB takes {median:.0f} µs (p99 {late:.0f} µs)",
        f"load average at the start {os.getloadavg()[0]:.2f}",
    ]
