"""Reads one resource of a WebSocket in a native thread, a few events ahead of who handles them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from eventd.app.resources import Resource
from eventd.client import Closed, Subscription
from eventd.event import Event

__all__ = ["Message", "Reading", "Trouble"]

#: Events that are handed over and not handled yet: behind them, the daemon waits.
AHEAD = 16


class Message(NamedTuple):
    """An event that is to be handled."""

    reading: Reading
    event: Event


class Trouble(NamedTuple):
    """Something that went wrong with a resource."""

    resource: str
    error: BaseException


class Reading(threading.Thread):
    """Makes messages of what a subscription has, in order.

    :param subscribe: called in this thread; it may wait.
    :param put: takes what came; it does not wait.
    """

    def __init__(
        self,
        resource: Resource,
        subscribe: Callable[[Resource], Subscription],
        put: Callable[[Message | Trouble], object],
    ) -> None:
        super().__init__(name=f"eventd-reads-{resource.name}", daemon=True)
        self._resource = resource
        self._subscribe = subscribe
        self._put = put
        self._room = threading.Semaphore(AHEAD)
        self._ending = False
        self._subscription: Subscription | None = None
        #: The first event that came and was not handled, when it ended.
        self._left: int | None = None

    @property
    def resource(self) -> str:
        """The name of what it reads."""
        return self._resource.name

    def run(self) -> None:
        """Read until the client is closed, or the daemon will not have it."""
        try:
            self._subscription = self._subscribe(self._resource)
            while not self._ending:
                self._next(self._subscription)
        except (StopIteration, Closed):
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the program is to hear of it
            self._put(Trouble(self.resource, error))

    def handled(self, event: Event, outcome: str) -> None:
        """Say what became of a message: ``done``, or ``retry``."""
        subscription = self._subscription
        assert subscription is not None
        if self._resource.durable and event.offset >= 0:
            subscription.settle(event, outcome)
        self._room.release()

    def leave(self, event: Event) -> None:
        """A message is not handled any more."""
        if event.offset >= 0:
            self._left = event.offset if self._left is None else min(self._left, event.offset)

    def end(self) -> None:
        """Have it read no further; the client's end ends its wait for the next event."""
        self._ending = True
        self._room.release()

    def remember(self) -> None:
        """It has ended, and what it left is known: note where it is to be continued."""
        subscription = self._subscription
        if subscription is None or subscription.offset is None:
            return
        self._resource.start = subscription.offset if self._left is None else self._left
        self._resource.epoch = subscription.epoch

    def _next(self, subscription: Subscription) -> None:
        """:raises StopIteration: when there is no next one. :raises Closed: the same."""
        try:
            event = next(subscription)
        except (StopIteration, Closed):
            raise
        except Exception as error:  # noqa: BLE001 - a gap, behind which it goes on, or why it ended
            self._put(Trouble(self.resource, error))
            return
        self._room.acquire()
        if self._ending:
            self.leave(event)
        else:
            self._put(Message(self, event))
