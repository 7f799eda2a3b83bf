"""Work that takes processor time and nothing else, in loops of Python: as many for every contestant."""

from __future__ import annotations

import time

__all__ = ["burn", "turns_in"]

_TRIAL = 20_000
_TRIALS = 25


def burn(turns: int) -> int:
    """Compute for so many turns."""
    total = 0
    for number in range(turns):
        total += number & 7
    return total


def turns_in(seconds: float) -> int:
    """How many turns take so long on this machine while nobody disturbs it."""
    times = []
    for _ in range(_TRIALS):
        begin = time.perf_counter()
        burn(_TRIAL)
        times.append(time.perf_counter() - begin)
    return round(_TRIAL * seconds / min(times))
