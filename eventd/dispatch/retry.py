"""When to try again, and when to give up."""

from __future__ import annotations

import random
from typing import NamedTuple

from eventd.plugin.contract import Reject, Retry

__all__ = ["Poisoned", "Policy"]

#: Doublings after which a pause is the longest there can be; keeps the power of two small.
MOST_DOUBLINGS = 32


class Poisoned(Reject):
    """An event with which processes die is not tried again."""

    @classmethod
    def after(cls, deaths: int, error: BaseException) -> Poisoned:
        """Told of the last one."""
        poisoned = cls(f"a process died {deaths} times while it handled this event; at last: {error}")
        poisoned.__cause__ = error
        return poisoned


class Policy(NamedTuple):
    """How often something is tried, and the pauses in seconds: doubling from ``first`` to ``most``.

    ``deaths`` is how often a process may die of it; 0 is no limit.
    """

    attempts: int
    first: float
    most: float
    deaths: int = 0

    def exhausted(self, attempts: int) -> bool:
        """Whether there is no further attempt after this many; never where ``attempts`` is 0."""
        return 0 < self.attempts <= attempts

    def poisoned(self, deaths: int) -> bool:
        """Whether so many deaths are enough."""
        return 0 < self.deaths <= deaths

    def pause(self, attempts: int, error: BaseException) -> float | None:
        """Seconds until the next attempt after this many, the last of which raised ``error``; ``None`` to give up."""
        if isinstance(error, Reject) or self.exhausted(attempts):
            return None
        if isinstance(error, Retry) and error.after is not None:
            return max(0.0, error.after)
        return self.backoff(attempts)

    def backoff(self, attempts: int) -> float:
        """Seconds to pause: between half and all of the doubled pause, so that many do not come back at once."""
        doubled: float = self.first * 2 ** min(attempts - 1, MOST_DOUBLINGS)
        longest = min(self.most, doubled)
        return longest * random.uniform(0.5, 1.0)
