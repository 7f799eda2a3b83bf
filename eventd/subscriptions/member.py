"""One member of a durable subscription: what it holds, and how much more it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from eventd.subscriptions.outlet import Outlet
from eventd.subscriptions.shape import Shape
from eventd.subscriptions.unsettled import Ranges, held_of

__all__ = ["DEFAULT_CREDIT", "Member"]

#: Events that a member holds unsettled where it does not say how many it takes.
DEFAULT_CREDIT = 1000
#: Events in one message: more of them would only make it late.
MOST_AT_ONCE = 1000


class Owner(Protocol):
    """The durable subscription, as far as a member knows it."""

    def enter(self, member: Member) -> None:
        """Hand events to it from now on."""

    def settle(self, offsets: Sequence[int], outcome: str, after: float | None) -> None:
        """A member says what became of events that it held."""

    def leave(self, member: Member) -> None:
        """It takes no more; what it holds goes to others."""

    def look(self) -> None:
        """Somebody may take more than before."""


class Member:
    """One connection's place in the group.

    :param id: the request's, for what is said again. :param credit: how many events it takes, ``None`` for as
        many as keep ``DEFAULT_CREDIT`` unsettled. :param window: bytes that may wait to be sent.
    :param gone: told when it has left.
    """

    def __init__(
        self,
        id: bytes,
        outlet: Outlet,
        shape: Shape,
        owner: Owner,
        credit: int | None,
        window: int,
        gone: Callable[[Member], object],
    ) -> None:
        self.id = id
        self.sid = shape.sid
        self.durable = True
        self.outlet = outlet
        self.shape = shape
        self.held: set[int] = set()
        self._owner = owner
        self._credit = credit
        self._window = window
        self._gone = gone
        self.closed = False
        #: Somebody waits until it has read.
        self.draining = False

    def begin(self) -> None:
        """Hand events to it from now on; the client knows of the subscription."""
        self._owner.enter(self)

    def grant(self, events: int) -> None:
        """Let so many more events come."""
        self._credit = (self._credit or 0) + events
        self._owner.look()

    def settle(self, ranges: Ranges, outcome: str, after: float | None) -> None:
        """What became of events; those that it does not hold are passed over."""
        offsets = held_of(self.held, ranges)
        self.held.difference_update(offsets)
        self._owner.settle(offsets, outcome, after)

    def close(self) -> None:
        """Take no more."""
        if not self.closed:
            self.closed = True
            self._owner.leave(self)
            self._gone(self)

    @property
    def clogged(self) -> bool:
        """Whether it does not read as fast as events come."""
        return self.outlet.stream.buffered > self._window

    @property
    def room(self) -> int:
        """How many events it takes now."""
        if self.closed or self.clogged or self.outlet.stream.closed:
            return 0
        left = DEFAULT_CREDIT - len(self.held) if self._credit is None else self._credit
        return max(0, min(left, MOST_AT_ONCE))

    def drain(self) -> None:
        """Wait until it has read."""
        self.outlet.stream.drain()
        self.draining = False
        self._owner.look()

    def send(self, offsets: Sequence[int], events: Sequence[bytes], end: int) -> None:
        """Hand events to it."""
        self.held.update(offsets)
        if self._credit is not None:
            self._credit -= len(offsets)
        frame = self.shape.frame(events, offsets[0], end)
        self.outlet.stream.write(frame.frame(self.outlet.deflate))
