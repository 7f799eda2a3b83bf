"""The event types of a host's readings, and what is in each.

Sizes are in bytes, rates per second since the reading before, shares in percent.
"""

from __future__ import annotations

import msgspec

from eventd import Event

__all__ = ["EVENT_TYPES", "Cpu", "Disk", "Memory", "Network"]


class Cpu(Event):
    """What the processors did since the reading before."""

    type = "eventd.host.cpu"

    class Data(msgspec.Struct):
        """``percent`` is all that was not idle, over all processors and for ``each`` of them."""

        percent: float
        user: float
        system: float
        iowait: float
        each: list[float]
        #: Processes that ran or wanted to, averaged over 1, 5 and 15 minutes.
        load: tuple[float, float, float]

    data: Data


class Memory(Event):
    """How the memory is used now."""

    type = "eventd.host.memory"

    class Data(msgspec.Struct):
        """``available`` is what programs can have without swapping; ``percent`` is the rest of ``total``."""

        total: int
        available: int
        used: int
        percent: float
        swap_total: int
        swap_used: int

    data: Data


class Disk(Event):
    """How full a file system is, and how busy the device under it; ``subject`` is where it is mounted."""

    type = "eventd.host.disk"

    class Data(msgspec.Struct):
        """The rates are absent where the system does not count for the device."""

        mount: str
        device: str
        filesystem: str
        total: int
        used: int
        free: int
        percent: float
        read_rate: float | None = None
        write_rate: float | None = None

    data: Data


class Network(Event):
    """What went through a network interface; ``subject`` is its name."""

    type = "eventd.host.network"

    class Data(msgspec.Struct):
        """``received``, ``sent``, ``errors`` and ``dropped`` count from when the interface came up."""

        interface: str
        received: int
        sent: int
        receive_rate: float
        send_rate: float
        errors: int
        dropped: int

    data: Data


EVENT_TYPES: tuple[type[Event], ...] = (Cpu, Memory, Disk, Network)
