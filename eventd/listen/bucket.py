"""A token bucket: what may pass in a second, and a second's worth at once."""

from __future__ import annotations

__all__ = ["Bucket"]

#: What sums of fractions may be off by, as a part of the burst.
SLACK = 1e-9


class Bucket:
    """Holds the tokens of one second at most; it begins full.

    An amount larger than that passes when the bucket is full, and leaves a debt: whoever
    sends one has to wait, and is not locked out. It has no clock: times are seconds on
    that of its caller.

    :param rate: tokens that come in a second, more than 0.
    """

    __slots__ = ("_filled", "_rate", "_tokens")

    def __init__(self, rate: float) -> None:
        self._rate = self._tokens = float(rate)
        self._filled = 0.0

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` may pass; 0 when it may now."""
        self._fill(now)
        missing = min(amount, self._rate) - self._tokens
        return missing / self._rate if missing > SLACK * self._rate else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take ``amount``, whether it is there or not: what is missing is a debt."""
        self._fill(now)
        self._tokens -= amount

    def full(self, now: float) -> bool:
        """Whether it is like a new one."""
        return self.wait(self._rate, now) == 0.0

    def _fill(self, now: float) -> None:
        if now > self._filled:
            self._tokens = min(self._rate, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
