"""How many events and bytes a second may come of one connection, and of one user.

A user is whoever the listener takes the peer for; today that is its address. The buckets
of a user outlive its connections until they are full again: coming back is no way to have
a full one.
"""

from __future__ import annotations

import math
import random

from eventd.errors import RateLimited
from eventd.listen.bucket import Bucket

__all__ = ["MOST_GONE", "Allowance", "Meter", "Rates"]

#: Users without a connection whose buckets are kept while they fill.
MOST_GONE = 10_000
#: Seconds: nobody is asked to come back sooner.
LEAST_WAIT = 0.05
#: Seconds behind that time for which what was refused first is waited for, once: who does not send again what was
#: refused has no order to keep, and would only lose by it.
PATIENCE = 2.0
#: Up to this part more than needed is asked for, so that those who were refused together do not return together.
JITTER = 0.25
#: The settings of a connection's rates and of a user's, and which of them count bytes.
CONNECTION, USER = ("connection_events", "connection_bytes"), ("user_rate", "user_bytes")
BYTES = frozenset({"connection_bytes", "user_bytes"})


class Meter:
    """The two buckets of one sender; a rate of 0 is no limit.

    :param names: of the settings that have the rates.
    """

    __slots__ = ("_bytes", "_events", "_names", "connections")

    def __init__(self, events: int, size: int, names: tuple[str, str]) -> None:
        self._events = Bucket(events) if events else None
        self._bytes = Bucket(size) if size else None
        self._names = names
        #: How many share it now.
        self.connections = 0

    def wait(self, events: int, size: int, now: float) -> tuple[float, str]:
        """Seconds until both may pass, and the setting that says so."""
        pairs = ((self._events, events), (self._bytes, size))
        waits = [bucket.wait(amount, now) if bucket is not None else 0.0 for bucket, amount in pairs]
        return max(zip(waits, self._names, strict=True))

    def take(self, events: int, size: int, now: float) -> None:
        """Take both."""
        for bucket, amount in ((self._events, events), (self._bytes, size)):
            if bucket is not None:
                bucket.take(amount, now)

    def full(self, now: float) -> bool:
        """Whether it is like a new one."""
        return all(bucket is None or bucket.full(now) for bucket in (self._events, self._bytes))


class Allowance:
    """What one connection may send: by its own meter, and by the one that it shares with its user's others."""

    __slots__ = ("_again", "_by", "_first", "_meters", "_patience", "user")

    def __init__(self, user: str, *meters: Meter) -> None:
        self.user = user
        self._meters = meters
        #: When who was refused is to come back.
        self._again = 0.0
        #: The setting by which it was.
        self._by = ""
        #: The id of what was refused first, which is to be the first to pass.
        self._first: bytes | None = None
        self._patience = PATIENCE

    def ask(self, events: int, size: int, now: float, id: bytes | None = None) -> None:
        """Let events pass whose sender can be told no.

        What is sent behind something refused is refused until that is there again: so it does not overtake, and
        the sender's order stays. The time alone does not tell: a sender that has not heard of the refusal yet goes on
        sending. Where there is no id, or it never comes again, the time has to do.

        :param id: by which it is known when it is sent again.
        :raises RateLimited: when they are to be sent again later; none is taken.
        """
        if self._is_next(id, now):
            wait, by = max(meter.wait(events, size, now) for meter in self._meters)
            if not wait:
                self._take(events, size, now)
                self._first = None
                return
            self._first, self._by = id, by
            self._again = now + max(LEAST_WAIT, wait) * (1 + JITTER * random.random())
        later = math.ceil(max(LEAST_WAIT, self._again - now) * 1000) / 1000
        unit = "bytes" if self._by in BYTES else "events"
        raise RateLimited(f"too many {unit} a second", hint=f"[limits] {self._by}", retry_after=later)

    def _is_next(self, id: bytes | None, now: float) -> bool:
        if now < self._again:
            return False
        if self._first is None or id == self._first:
            return True
        if now < self._again + self._patience:
            return False
        self._patience = 0.0
        return True

    def spend(self, events: int, size: int, now: float) -> float:
        """Let events pass whose sender cannot be told no; the seconds for which it is not to be read."""
        self._take(events, size, now)
        return max(meter.wait(0, 0, now)[0] for meter in self._meters)

    def _take(self, events: int, size: int, now: float) -> None:
        for meter in self._meters:
            meter.take(events, size, now)


class Rates:
    """The rates of all listeners; 0 is no limit."""

    def __init__(
        self, *, connection_events: int = 0, connection_bytes: int = 0, user_events: int = 0, user_bytes: int = 0
    ) -> None:
        self._of_connection = (connection_events, connection_bytes)
        self._of_user = (user_events, user_bytes)
        self._limited = any(self._of_connection + self._of_user)
        self._here: dict[str, Meter] = {}
        #: Those without a connection, who has gone first before the others.
        self._gone: dict[str, Meter] = {}

    def enter(self, user: str) -> Allowance | None:
        """What a new connection may send; none where nothing is limited. ``leave`` when it ends."""
        if not self._limited:
            return None
        meter = self._here.get(user) or self._gone.pop(user, None) or Meter(*self._of_user, USER)
        self._here[user] = meter
        meter.connections += 1
        return Allowance(user, Meter(*self._of_connection, CONNECTION), meter)

    def leave(self, allowance: Allowance, now: float) -> None:
        """A connection ended."""
        user = allowance.user
        meter = self._here[user]
        meter.connections -= 1
        if not meter.connections:
            del self._here[user]
            self._gone[user] = meter
        self._forget(now)

    def _forget(self, now: float) -> None:
        while self._gone:
            user, meter = next(iter(self._gone.items()))
            if len(self._gone) <= MOST_GONE and not meter.full(now):
                return
            del self._gone[user]
