"""Who may connect, and how much the unfinished messages of all connections may take."""

from __future__ import annotations

from collections import Counter

from eventd.errors import RateLimited

__all__ = ["Gate", "NoRoom", "Room", "TooManyConnections"]

#: An unfinished message of up to so many bytes is never refused for what others hold:
#: it is in the middle of an ordinary read.
ORDINARY = 64 * 1024


class TooManyConnections(RateLimited):
    """No room for another connection, in all or from this address."""

    reason = "too_many_connections"


class NoRoom(RateLimited):
    """All connections together hold too much of messages that are not complete."""

    reason = "no_room"


class Gate:
    """Counts the connections of all listeners; a bound of 0 is no bound.

    Over the numbers a connection is refused; over the rate it is only late: ``delay``
    says for how long the listeners should leave new connections in the kernel's queue.

    :param connections: at the same time, in all. :param per_address: of one peer's address.
    :param rate: new connections a second.
    """

    def __init__(self, connections: int = 0, per_address: int = 0, rate: int = 0) -> None:
        self._most = connections
        self._most_per_address = per_address
        self._rate = rate
        self._tokens = float(rate)
        self._filled = 0.0
        self._total = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str) -> None:
        """Count a new connection.

        :raises TooManyConnections: when it may not stay; then it is not counted.
        """
        if self._most and self._total >= self._most:
            raise TooManyConnections(f"{self._total} connections are open", hint="[limits] connections")
        here = self._by_address[address]
        if self._most_per_address and here >= self._most_per_address:
            hint = "[limits] connections_per_address"
            raise TooManyConnections(f"{here} connections of {address} are open", hint=hint)
        self._total += 1
        self._by_address[address] += 1

    def leave(self, address: str) -> None:
        """Count a connection out."""
        self._total -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def delay(self, now: float) -> float:
        """Take one token; the seconds until there is another one, 0 where there are more.

        :param now: monotonic seconds.
        """
        if not self._rate:
            return 0.0
        self._tokens = min(float(self._rate), self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        self._tokens -= 1.0
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / self._rate


class Room:
    """Bytes held of all messages that are not complete; a bound of 0 is no bound.

    A limit on each message alone would let a few hundred connections fill the memory.
    """

    def __init__(self, most: int = 0) -> None:
        self.most = most
        self.used = 0

    def change(self, before: int, now: int) -> None:
        """Count what one connection holds, which was ``before``.

        :raises NoRoom: when it grew and there is no room for that; it is counted all the same.
        """
        self.used += now - before
        if self.most and self.used > self.most and now > max(before, ORDINARY):
            raise NoRoom(f"{self.used} bytes of unfinished messages are held", hint="[limits] unfinished_size")
