"""One subscription without a connection: where it is, what came for it, and what it may ask.

    queue    what came and was not looked at: arrivals, and the gaps between them
    ready    the events of the arrival that is being handed out

``resume`` is behind everything that came, ``offset`` behind what was handed out. What a
live subscription holds survives a lost connection, and it goes on at ``resume``; what a
durable one holds comes again, and is dropped.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventd.client.arrivals import Arrival
from eventd.client.failures import ClientFailure, Gap, ServerFault
from eventd.client.messages import Epoch, SubscribedMessage
from eventd.client.settling import Settling
from eventd.event import Event
from eventd.protocol.ops import SUBSCRIPTION, OutOfTurn, State, step

__all__ = ["FIRST_CREDIT", "LIVE_BYTES", "LIVE_CREDIT", "Track", "Wanted"]

#: Events that may wait for a program that reads a live subscription, where it does not say,
#: and their bytes, about: with large events there are fewer of them.
LIVE_CREDIT, LIVE_BYTES = 10_000, 64 << 20
#: Events that are asked for before it is known how large they are.
FIRST_CREDIT = 100


class Wanted:
    """What was asked for: the fields of ``subscribe``."""

    __slots__ = ("credit", "epoch", "filters", "name", "start", "types")

    def __init__(
        self,
        types: Sequence[str],
        filters: Sequence[Mapping[str, Any]] = (),
        start: str | int | dt.datetime = "now",
        epoch: Epoch | None = None,
        name: str | None = None,
        credit: int | None = None,
    ) -> None:
        if not types:
            raise ValueError("subscribe to at least one pattern of types, such as '>'")
        if credit is not None and credit < 1:
            raise ValueError("credit is 1 or more")
        self.types = tuple(types)
        self.filters = tuple(filters)
        self.start = start.isoformat() if isinstance(start, dt.datetime) else start
        self.epoch = epoch
        self.name = name
        self.credit = credit


class Track:
    """A subscription on its way along ``ops.SUBSCRIPTION``.

    :param notify: called when there is something new to look at.
    """

    def __init__(self, wanted: Wanted, notify: Callable[[], None]) -> None:
        self.wanted = wanted
        self.notify = notify
        self.state: State = "new"
        self.sid: int | None = None
        #: The program has closed it.
        self.closed = False
        #: Why it ended, until that is raised.
        self.failure: ClientFailure | None = None
        self.ready: deque[Event] = deque()
        self.settling = Settling()
        self.epoch: Epoch | None = wanted.epoch
        #: The offset behind the newest event, when it last subscribed.
        self.end: int | None = None
        self.resume: int | None = wanted.start if isinstance(wanted.start, int) else None
        #: Behind the last event that was handed out.
        self.handed: int | None = self.resume
        self._behind: int | None = self.resume
        self._queue: deque[Arrival | Gap] = deque()
        self._waiting = 0
        #: Events that the server may still send, and how many may be there and under way.
        self._granted = 0
        self._window = wanted.credit or FIRST_CREDIT

    @property
    def durable(self) -> bool:
        """Whether the server keeps its place."""
        return self.wanted.name is not None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.closed or self.state == "ended"

    @property
    def offset(self) -> int | None:
        """Where a program would go on that has seen what was handed out."""
        if self.ready:
            return self.handed
        if self._queue and isinstance(first := self._queue[0], Arrival) and not first.events:
            return first.end
        return self._behind

    def asking(self) -> dict[str, Any]:
        """The fields of a ``subscribe``, said now."""
        self.state = step(SUBSCRIPTION, self.state, "subscribe")
        wanted = self.wanted
        goes_on = self.resume is not None and not self.durable
        self._granted = max(1, self._window - self._waiting)
        return {
            "types": wanted.types,
            "filters": wanted.filters or None,
            "from_": self.resume if goes_on else wanted.start,
            "epoch": self.epoch if goes_on else wanted.epoch,
            "credit": None if self._unlimited else self._granted,
            "name": wanted.name,
        }

    def subscribed(self, message: SubscribedMessage) -> None:
        """It begins, or goes on behind what was lost.

        :raises OutOfTurn: when it did not ask, or has ended.
        """
        self.state = step(SUBSCRIPTION, self.state, "subscribed")
        if not message.recovered:
            self._miss(message)
        self.sid, self.end = message.sid, message.end
        self.epoch, self.resume = message.epoch, message.offset
        if self._behind is None:
            self.handed = self._behind = message.offset
        self.notify()

    def arrive(self, arrival: Arrival) -> None:
        """Take what came.

        :raises OutOfTurn: when it does not run.
        :raises ServerFault: when it came before.
        """
        self.state = step(SUBSCRIPTION, self.state, "events")
        if self.closed:
            return
        if self.durable:
            self.settling.hold(arrival.events)
        else:
            self._check(arrival)
        self.resume = max(arrival.end, self.resume or 0)
        self._waiting += len(arrival.events)
        self._granted -= len(arrival.events)
        if self.wanted.credit is None and arrival.events:
            self._window = max(1, min(LIVE_CREDIT, LIVE_BYTES * len(arrival.events) // (arrival.size or 1)))
        last = self._queue[-1] if self._queue else None
        if not arrival.events and isinstance(last, Arrival):
            last.end = arrival.end
        else:
            self._queue.append(arrival)
        self.notify()

    def say(self, op: str) -> bool:
        """Whether ``op`` may be said now; the state is then the one behind it."""
        try:
            self.state = step(SUBSCRIPTION, self.state, op)
        except OutOfTurn:
            return False
        return True

    def lost(self) -> None:
        """The connection is gone."""
        self.sid = None
        if self.state == "ended":
            return
        self.state = "ended" if self.closed else "new"
        if self.durable:
            self._queue.clear()
            self.ready.clear()
            self._waiting = 0
            self._behind = self.handed
            self.settling.lost()
        self.notify()

    def close(self) -> None:
        """The program wants nothing more of it."""
        self.closed = True
        self._queue.clear()
        self.ready.clear()
        self.notify()

    def finish(self, failure: ClientFailure | None = None) -> None:
        """Nothing more will come, and perhaps why."""
        self.state = "ended"
        self.failure = failure
        self.notify()

    def advance(self) -> bool:
        """Make ready what came next; false when there is nothing.

        :raises Gap: once, where events were missed.
        :raises ClientFailure: once, when it ended for a reason.
        """
        while self._queue:
            item = self._queue.popleft()
            self.handed = self._behind
            self._behind = item.end
            if isinstance(item, Gap):
                self.handed = item.end
                raise item
            if item.events:
                self._waiting -= len(item.events)
                self.ready.extend(item.events)
                return True
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return False

    def hand(self, event: Event) -> None:
        """The program has got it, and all before it."""
        if event.offset >= 0:
            self.handed = event.offset + 1

    def credit(self) -> int:
        """How many more events the server is to be granted now; 0 while they are too few to tell."""
        there = self.settling.held if self.durable else self._waiting
        more = self._window - there - self._granted
        if self._unlimited or self.sid is None or more < max(1, self._window // 2):
            return 0
        self._granted += more
        return more

    @property
    def _unlimited(self) -> bool:
        """Whether it is the server's business how much it sends."""
        return self.durable and self.wanted.credit is None

    def _miss(self, message: SubscribedMessage) -> None:
        same = self.epoch is None or self.epoch == message.epoch
        start = self.resume if same and (self.resume or 0) <= message.offset else None
        self._queue.append(Gap(start, message.offset, message.epoch))

    def _check(self, arrival: Arrival) -> None:
        """Hold a message against what came before."""
        first = next((event.offset for event in arrival.events if event.offset >= 0), None)
        last = next((event.offset for event in reversed(arrival.events) if event.offset >= 0), -1)
        least = self.resume or 0
        if arrival.end < max(least, last + 1) or (first is not None and first < least):
            raise ServerFault(f"events from {first} to before {arrival.end} where {least} comes next")
