"""What all connections of one listener share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Protocol

from eventd.errors import ClientError, EventdError, InvalidEvent
from eventd.event import Draft
from eventd.formats import Schemas
from eventd.green import Signal
from eventd.listen.gate import Room
from eventd.listen.rates import Rates
from eventd.listen.requests import Subscriptions
from eventd.protocol.limits import Limits

__all__ = ["Book", "Door", "Durability", "Submit"]

log = logging.getLogger(__name__)

#: Takes drafts that a door has checked, with the number of events in all of them;
#: answers with the first offset, -1 where no event has one, or an error.
Submit = Callable[[list[Draft], int, Callable[[int, EventdError | None], None]], None]

#: What an ack of this daemon promises: ``memory``, ``disk`` or ``replicated``.
Durability = str


class Book(Protocol):
    """Where a door writes down what it read."""

    def receive(self, listener: str, count: int) -> None:
        """Count events handed on."""

    def reject(self, listener: str, reason: str, count: int = 1) -> None:
        """Count events refused."""

    def fault(self, error: EventdError) -> None:
        """Count input that held no event that one could count."""


class Door:
    """The way in for one listener's connections: limits and checks before, acks after.

    ``open`` is set while connections may read; pressure from behind clears it.
    """

    def __init__(
        self,
        name: str,
        submit: Submit,
        book: Book,
        limits: Limits,
        schemas: Schemas,
        *,
        origin: str,
        idle_timeout: float = 0.0,
        handshake_timeout: float = 10.0,
        durability: Durability = "disk",
        in_a_row: bool = True,
        volatile: Callable[[Draft], int] | None = None,
        admin: bool = False,
        web_origins: Collection[str] = (),
        room: Room | None = None,
        rates: Rates | None = None,
        subscriptions: Subscriptions | None = None,
        most_subscriptions: int = 0,
    ) -> None:
        self.name = name
        self.limits = limits
        self.schemas = schemas
        self.book = book
        self.origin = origin
        self.idle_timeout = idle_timeout
        self.handshake_timeout = handshake_timeout
        self.durability = durability
        #: Whether drafts that are submitted together get offsets in a row, whatever is in them.
        self.in_a_row = in_a_row
        #: How many events of a draft skip the journal; ``None`` where no type is volatile.
        self.volatile = volatile
        self.admin = admin
        #: Origins of web pages that may open a WebSocket, besides this host's own.
        self.web_origins = web_origins
        #: For the unfinished messages of all connections, of other listeners, too.
        self.room = room or Room()
        #: What each connection and each user may send, over other listeners, too.
        self.rates = rates or Rates()
        #: Where subscriptions are opened, and how many one connection may have; 0 is no limit.
        self.subscriptions = subscriptions
        self.most_subscriptions = most_subscriptions
        self.open = Signal()
        self.open.set()
        self.stopping = False
        self._submit = submit

    def submit(self, draft: Draft, done: Callable[[int, EventdError | None], None]) -> None:
        """Count the draft's events and hand them on."""
        self.submit_all([draft], draft.count, done)

    def submit_all(
        self, drafts: list[Draft], count: int, done: Callable[[int, EventdError | None], None]
    ) -> None:
        """The same for several drafts, which get consecutive offsets and one answer."""
        self.book.receive(self.name, count)
        self._submit(drafts, count, done)

    def refuse(self, error: EventdError, peer: str) -> None:
        """Write down input that is refused, and tell the log who sent it."""
        if isinstance(error, InvalidEvent):
            self.book.reject(self.name, error.reason, error.events)
        elif isinstance(error, ClientError):
            self.book.fault(error)
        log.info("%s: refused input of %s: %s: %s", self.name, peer, error.reason, error)

    def pressure(self, pressed: bool) -> None:
        """Stop reading while those behind have more than they can hold."""
        if not pressed:
            self.open.set()
        elif not self.stopping:
            self.open.clear()
