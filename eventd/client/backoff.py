"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["FIRST", "LONGEST", "MOST_ASKED", "Backoff"]

#: Seconds: the pause doubles from the first to the longest.
FIRST, LONGEST = 0.1, 30.0
#: No server can send a client away for longer, in seconds: its clock or its sums may be wrong.
MOST_ASKED = 3600.0


class Backoff:
    """Pauses that double, half of each random, so that clients of one daemon do not come back together.

    :param chance: gives a number from 0 to 1.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._base = FIRST

    def reset(self) -> None:
        """The last connection was a good one."""
        self._base = FIRST

    def pause(self, *, asked: float | None = None, spread: bool = False, longest: bool = False) -> float:
        """Seconds to wait now.

        :param asked: what the server asked for; it is kept, but not for nothing.
        :param spread: it asked for whole seconds: come some time later, others were asked for the same.
        :param longest: nothing will change soon: wait as long as is ever waited.
        """
        base = LONGEST if longest else self._base
        self._base = min(2 * base, LONGEST)
        if asked is not None and asked >= 0:
            later = self._chance() * max(1.0, asked / 4) if spread else 0.0
            return min(max(asked + later, self._jittered(FIRST)), MOST_ASKED)
        return self._jittered(base)

    def _jittered(self, base: float) -> float:
        return base / 2 + self._chance() * base / 2
