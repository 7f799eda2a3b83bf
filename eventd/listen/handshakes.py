"""How many TLS handshakes are under way: each holds the loop for a moment, and clients come back together."""

from __future__ import annotations

from collections.abc import Callable

from eventd.green import Timer, hub

__all__ = ["SILENT", "Handshake", "Handshakes"]

#: Seconds after which a handshake counts no more: its peer is silent and costs nothing, and must not lock others out.
SILENT = 0.25


class Handshakes:
    """Those of one listener.

    :param most: above it, ``full`` is called, and ``free`` once there is room again; 0 is no limit.
    """

    def __init__(self, most: int, full: Callable[[], None], free: Callable[[], None]) -> None:
        self._most = most
        self._full = full
        self._free = free
        self.under_way = 0

    def begin(self) -> Handshake:
        """Count one; whoever began it ends it."""
        self.under_way += 1
        if self.under_way == self._most:
            self._full()
        return Handshake(self)

    def ended(self) -> None:
        """Count one less."""
        if self.under_way == self._most:
            self._free()
        self.under_way -= 1


class Handshake:
    """One that is counted, until it ends or has been silent for too long."""

    __slots__ = ("_all", "_timer")

    def __init__(self, handshakes: Handshakes) -> None:
        self._all: Handshakes | None = handshakes
        self._timer: Timer = hub().call_later(SILENT, self.end)

    def end(self) -> None:
        """It is over; harmless when it was over before."""
        self._timer.cancel()
        handshakes, self._all = self._all, None
        if handshakes is not None:
            handshakes.ended()
