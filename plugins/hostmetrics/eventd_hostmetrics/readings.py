"""Takes the readings by psutil and makes events of them.

What it does not do: wait, or send. A rate needs two readings; ``Readings`` keeps
the counters of the last one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from logging import Logger
from typing import NamedTuple

import psutil

from eventd import Event

from .types import Cpu, Disk, Memory, Network

__all__ = ["Readings"]


class _Counters(NamedTuple):
    """Two counters that only rise, and when they were read."""

    at: float
    first: int
    second: int


class Readings:
    """Everything that is read of a machine at one moment, as events.

    A reading that the system does not give (in a container, say) is told once and
    left out from then on until it is there again; the others go on.
    """

    def __init__(self, log: Logger, *, without_interfaces: tuple[str, ...] = ("lo",)) -> None:
        self._log = log
        self._without = without_interfaces
        self._before: dict[str, _Counters] = {}
        self._missing: set[str] = set()
        # The first call has nothing to compare with: it only remembers where the counters are.
        psutil.cpu_times_percent()
        psutil.cpu_percent(percpu=True)
        self.take()

    def take(self) -> list[Event]:
        """Read all now."""
        kinds: tuple[Callable[[], Iterator[Event]], ...] = (self._cpu, self._memory, self._disks, self._networks)
        return [event for kind in kinds for event in self._reading(kind)]

    def _reading(self, kind: Callable[[], Iterator[Event]]) -> list[Event]:
        name = kind.__name__.strip("_")
        try:
            events = list(kind())
        except (OSError, RuntimeError, AttributeError, psutil.Error) as error:
            if name not in self._missing:
                self._missing.add(name)
                self._log.warning("no readings of the %s: %s", name, error)
            return []
        self._missing.discard(name)
        return events

    def _cpu(self) -> Iterator[Event]:
        times = psutil.cpu_times_percent()
        data = Cpu.Data(
            percent=round(100.0 - times.idle - getattr(times, "iowait", 0.0), 1),
            user=times.user,
            system=times.system,
            iowait=getattr(times, "iowait", 0.0),
            each=psutil.cpu_percent(percpu=True),
            load=os.getloadavg(),
        )
        yield Cpu(data=data)

    def _memory(self) -> Iterator[Event]:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        data = Memory.Data(
            total=memory.total,
            available=memory.available,
            used=memory.used,
            percent=memory.percent,
            swap_total=swap.total,
            swap_used=swap.used,
        )
        yield Memory(data=data)

    def _disks(self) -> Iterator[Event]:
        counters = psutil.disk_io_counters(perdisk=True) or {}
        for mount, device, filesystem in _filesystems():
            try:
                usage = psutil.disk_usage(mount)
            except OSError:
                continue  # unmounted since, or not for our eyes
            counted = counters.get(os.path.basename(os.path.realpath(device)))
            rates = self._rates(f"disk {mount}", counted.read_bytes, counted.write_bytes) if counted else (None, None)
            data = Disk.Data(
                mount=mount,
                device=device,
                filesystem=filesystem,
                total=usage.total,
                used=usage.used,
                free=usage.free,
                percent=usage.percent,
                read_rate=rates[0],
                write_rate=rates[1],
            )
            yield Disk(data=data, subject=mount)

    def _networks(self) -> Iterator[Event]:
        for name, counted in psutil.net_io_counters(pernic=True).items():
            if any(fnmatchcase(name, pattern) for pattern in self._without):
                continue
            receive_rate, send_rate = self._rates(f"network {name}", counted.bytes_recv, counted.bytes_sent)
            data = Network.Data(
                interface=name,
                received=counted.bytes_recv,
                sent=counted.bytes_sent,
                receive_rate=receive_rate,
                send_rate=send_rate,
                errors=counted.errin + counted.errout,
                dropped=counted.dropin + counted.dropout,
            )
            yield Network(data=data, subject=name)

    def _rates(self, key: str, first: int, second: int) -> tuple[float, float]:
        now = _Counters(time.monotonic(), first, second)
        before = self._before.get(key, now)
        self._before[key] = now
        seconds = now.at - before.at
        if seconds <= 0:
            return 0.0, 0.0
        # A counter that fell was set back: the device was taken away and came again.
        risen = max(now.first - before.first, 0), max(now.second - before.second, 0)
        return round(risen[0] / seconds, 1), round(risen[1] / seconds, 1)


def _filesystems() -> Iterator[tuple[str, str, str]]:
    """Where each device is mounted first; only the root where the system lists no device."""
    seen = set()
    for partition in psutil.disk_partitions(all=False):
        if partition.device not in seen and os.path.isdir(partition.mountpoint):
            seen.add(partition.device)
            yield partition.mountpoint, partition.device, partition.fstype
    if not seen:
        yield "/", "", ""
