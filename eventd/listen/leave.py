"""Tells connections to go, one after the other: those who are told together come back together."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Protocol

from eventd.green import Signal

__all__ = ["AT_ONCE", "PAUSE", "come_back", "dismiss"]

#: Connections that are told together, and the seconds until the next ones are.
AT_ONCE, PAUSE = 50, 0.1


class Guest(Protocol):
    """A connection."""

    def dismiss(self) -> None:
        """Let it finish what it has read, say goodbye, and end."""


def dismiss(guests: Iterable[Guest], within: float, hurried: Signal) -> None:
    """Tell all within so many seconds, few at once; until it is told, each goes on as before.

    When it is ``hurried``, the rest is told at once.
    """
    waiting = list(guests)
    together = max(AT_ONCE, math.ceil(len(waiting) * PAUSE / within)) if within > 0 else len(waiting)
    for number, guest in enumerate(waiting):
        if number and number % together == 0:
            hurried.wait(PAUSE)
        guest.dismiss()


def come_back(after: float) -> float:
    """About ``after`` seconds, different for each that is told."""
    return round(after * random.uniform(0.5, 1.5), 3)
