"""How much of the hub's time those who catch up may take, live and durable ones alike."""

from __future__ import annotations

from collections.abc import Callable

from eventd.green import sleep

__all__ = ["Pace"]

#: Seconds of one pass of the hub that all who catch up may take together.
SECONDS_A_PASS = 0.005


class Pace:
    """Keeps those who catch up, however many, from taking the hub from everybody else.

    :param passes: how many passes the hub has made.
    """

    def __init__(self, passes: Callable[[], int]) -> None:
        self._passes = passes
        self._now = -1
        self._spent = 0.0

    def wait(self) -> None:
        """Wait for a pass that has time left."""
        while self._passes() == self._now and self._spent >= SECONDS_A_PASS:
            sleep(0)

    def took(self, seconds: float) -> None:
        """Count what one of them took in this pass."""
        if self._passes() != self._now:
            self._now, self._spent = self._passes(), 0.0
        self._spent += seconds
