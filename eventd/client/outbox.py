"""What was published and has no answer yet, in the order in which it was published.

    fresh      was never sent
    returned   was sent, and is to be sent again: the connection was lost, or the server had no room
    under way  was sent on this connection

All that is returned is older than anything fresh, so that the oldest is always sent
first. Nothing is forgotten before its answer.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from eventd.client.failures import BufferFull, ClientFailure, Nacked, Wrong
from eventd.client.packing import Packed
from eventd.client.promise import Promise
from eventd.protocol.ops import PUBLISH, State, step

__all__ = ["Ack", "Outbox", "Publication"]


class Ack(NamedTuple):
    """The events of a publish are stored, at the offsets from ``first`` to ``last``.

    Both are ``None`` where all events are volatile. ``durability`` is ``memory``,
    ``disk`` or ``replicated``.
    """

    first: int | None
    last: int | None
    durability: str


class Publication(Promise[Ack]):
    """One publish, until it is answered."""

    __slots__ = ("body", "count", "id", "sent", "state", "suspect")

    def __init__(self, packed: Packed) -> None:
        super().__init__()
        self.count, self.body = packed
        #: Rises from one publication to the next; 0 before it is in the outbox.
        self.id = 0
        self.state: State = "new"
        #: Whether it was sent, on whichever connection.
        self.sent = False
        #: The server has ended a connection for our fault while this was under way.
        self.suspect = False

    def end(self, outcome: Ack | ClientFailure) -> None:
        """It is answered, or given up: its events need no more memory."""
        self.body = b""
        super().end(outcome)


class Outbox:
    """Publications on their way.

    :param window: events that may be under way at once.
    :param buffer: bytes that may be kept.
    :param ids: rising numbers.
    """

    def __init__(self, window: int, buffer: int, ids: Iterator[int]) -> None:
        self._window = window
        self._buffer = buffer
        self._fresh: deque[Publication] = deque()
        self._returned: list[tuple[int, Publication]] = []
        self._under_way: dict[int, Publication] = {}
        self._events_under_way = 0
        #: Nothing is sent beside what is under way.
        self._alone = False
        #: Nothing is sent before all that is under way is answered: it was sent behind something that has to come
        #: again, and may have to as well.
        self._drains = False
        self._ids = ids
        #: Events and bytes without an answer.
        self.events = 0
        self.bytes = 0
        #: When the server has room again, on the clock of ``nack``.
        self.resume: float | None = None

    def __len__(self) -> int:
        return len(self._fresh) + len(self._returned) + len(self._under_way)

    def __iter__(self) -> Iterator[Publication]:
        """What is without an answer now, in no order."""
        return iter([*self._under_way.values(), *(one for _, one in self._returned), *self._fresh])

    def has_room(self, packed: Packed, *, connected: bool) -> bool:
        """Whether ``add`` may be called: within the window where there is a connection, and within the buffer.

        :raises BufferFull: when there never will be.
        """
        if len(packed.body) > self._buffer:
            raise BufferFull(f"{len(packed.body)} bytes of events are more than the buffer of {self._buffer}")
        if self.bytes + len(packed.body) > self._buffer:
            return False
        return not (connected and self.events and self.events + packed.events > self._window)

    def add(self, publication: Publication) -> None:
        """Keep it until it is answered."""
        publication.id = next(self._ids)
        self.events += publication.count
        self.bytes += len(publication.body)
        self._fresh.append(publication)

    def make_room(self, packed: Packed, *, drop: bool) -> None:
        """Find room where there is no connection: with ``drop``, give up the oldest that were never sent.

        :raises BufferFull: when that is not enough, or not wanted.
        """
        while not self.has_room(packed, connected=False):
            if not drop or not self._fresh:
                raise BufferFull(f"{self.bytes} bytes of events wait for a connection")
            self._end(self._fresh.popleft(), BufferFull("given up for newer events"))

    def withdraw(self, publication: Publication, failure: ClientFailure) -> bool:
        """Give up a publication that was never sent; false when it was sent."""
        if publication.sent or publication.outcome is not None:
            return False
        self._fresh.remove(publication)
        self._end(publication, failure)
        return True

    def next(self, now: float) -> Publication | None:
        """The oldest that is to be sent, when it may be; it is then under way."""
        if self.resume is not None and now < self.resume:
            return None
        publication = self._returned[0][1] if self._returned else self._fresh[0] if self._fresh else None
        if publication is None or not self._fits(publication):
            return None
        if self._returned:
            heapq.heappop(self._returned)
        else:
            self._fresh.popleft()
        publication.state = step(PUBLISH, publication.state, "publish")
        publication.sent = True
        self._alone = publication.suspect
        self._under_way[publication.id] = publication
        self._events_under_way += publication.count
        return publication

    def tick(self, now: float) -> None:
        """It is so late."""
        if self.resume is not None and now >= self.resume:
            self.resume = None

    def ack(self, id: int, ack: Ack) -> bool:
        """It is stored; false when no such publication is under way."""
        publication = self._arrived(id, "ack")
        if publication is None:
            return False
        self._end(publication, ack)
        return True

    def nack(self, id: int, errors: Sequence[Wrong], resume: float | None) -> Publication | None:
        """It is refused; with ``resume``, it is sent again at that time, and nothing before that.

        :returns: the publication, ``None`` when no such one is under way.
        """
        publication = self._arrived(id, "nack")
        if publication is None:
            return None
        if resume is None:
            self._end(publication, Nacked(errors))
        else:
            self._return(publication)
            self._drains = True
            self.resume = max(resume, self.resume or resume)
        return publication

    def cut(self, fault: str | None = None) -> Publication | None:
        """The connection is lost: what was under way is to be sent again.

        :param fault: what the server found wrong with something that we sent. What was
            under way is suspected of it, and sent alone; what was alone is refused.
        :returns: the publication that was refused.
        """
        lost = list(self._under_way.values())
        self._under_way.clear()
        self._events_under_way = 0
        self._alone = False
        self.resume = None
        if fault is not None and len(lost) == 1 and lost[0].suspect:
            self._end(lost[0], Nacked([Wrong(0, "", fault)]))
            return lost[0]
        for publication in lost:
            publication.suspect = publication.suspect or fault is not None
            self._return(publication)
        return None

    def fail(self, failure: Callable[[], ClientFailure]) -> None:
        """Give up everything."""
        everything = list(self)
        self._under_way.clear()
        self._returned.clear()
        self._fresh.clear()
        self._events_under_way = 0
        for publication in everything:
            self._end(publication, failure())

    def _fits(self, publication: Publication) -> bool:
        if not self._under_way:
            self._drains = False
            return True
        if publication.suspect or self._alone or self._drains:
            return False
        return self._events_under_way + publication.count <= self._window

    def _arrived(self, id: int, op: str) -> Publication | None:
        publication = self._under_way.pop(id, None)
        if publication is not None:
            publication.state = step(PUBLISH, publication.state, op)
            self._events_under_way -= publication.count
            self._alone = False
        return publication

    def _return(self, publication: Publication) -> None:
        publication.state = "new"
        heapq.heappush(self._returned, (publication.id, publication))

    def _end(self, publication: Publication, outcome: Ack | ClientFailure) -> None:
        self.events -= publication.count
        self.bytes -= len(publication.body)
        publication.end(outcome)
