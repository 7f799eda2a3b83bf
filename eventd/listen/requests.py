"""What a connection asks beside publishing: its subscriptions, and their answers."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Protocol

from eventd.errors import EventdError, MalformedInput, RateLimited
from eventd.green import Stream
from eventd.protocol.asks import Ask, Credit, Presence, Settle, Subscribe, Unsubscribe
from eventd.protocol.framing import message_frame
from eventd.protocol.native import Codec
from eventd.protocol.ops import SUBSCRIPTION, State, step

__all__ = ["Opened", "Outlet", "Requests", "Subscription", "Subscriptions"]

_numbers = itertools.count(1)


class Outlet:
    """A connection, as its subscriptions know it."""

    __slots__ = ("client", "codec", "deflate", "number", "stream")

    def __init__(self, stream: Stream, codec: Codec, deflate: int) -> None:
        self.stream = stream
        self.codec = codec
        self.deflate = deflate
        self.client = stream.peer
        #: Unique while the daemon runs.
        self.number = next(_numbers)

    def send(self, message: bytes) -> None:
        """Send one message."""
        self.stream.write(message_frame(message, self.codec.text, self.deflate))


class Subscription(Protocol):
    """One that is open."""

    @property
    def sid(self) -> int: ...
    @property
    def durable(self) -> bool:
        """Whether its events are to be settled."""

    def begin(self) -> None:
        """Deliver from now on; the client knows of it."""

    def grant(self, events: int) -> None:
        """Let so many more events come."""

    def settle(self, ranges: Sequence[int | tuple[int, int]], outcome: str, after: float | None) -> None:
        """What became of events."""

    def close(self) -> None:
        """Deliver nothing more."""


class Opened(Protocol):
    """What the client is told of a new one."""

    @property
    def subscription(self) -> Subscription: ...
    @property
    def epoch(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def recovered(self) -> bool: ...


class Subscriptions(Protocol):
    """Those of the whole daemon."""

    def subscribe(self, id: bytes, ask: Subscribe, outlet: Outlet, taken: Collection[int]) -> Opened:
        """Open one; ``taken`` are the ``sid`` that mean something on this connection already.

        :raises EventdError: when it cannot be had; the connection goes on.
        """

    def presence(self, types: Sequence[str]) -> Sequence[object]:
        """Who is subscribed to types that one of these patterns could match."""


class Requests:
    """Those of one connection.

    :param most: subscriptions at once; 0 is no limit.
    """

    def __init__(self, subscriptions: Subscriptions, outlet: Outlet, most: int) -> None:
        self._subscriptions = subscriptions
        self._outlet = outlet
        self._codec = outlet.codec
        self._most = most
        self._open: dict[int, tuple[Subscription, State]] = {}

    @property
    def durable(self) -> bool:
        """Whether one of them is durable."""
        return any(subscription.durable for subscription, _ in self._open.values())

    def take(self, ask: Ask) -> EventdError | None:
        """Do what is asked; what is refused is answered, and returned to be counted.

        :raises MalformedInput: when something is settled that need not be.
        """
        if isinstance(ask, Credit | Settle):
            self._tell(ask)
            return None
        try:
            match ask:
                case Subscribe():
                    self._subscribe(bytes(ask.id), ask)
                case Unsubscribe():
                    self._unsubscribe(bytes(ask.id), ask.sid)
                case Presence():
                    present = self._subscriptions.presence(ask.types)
                    self._outlet.send(self._codec.present(bytes(ask.id), present))
        except EventdError as error:
            self.decline(bytes(ask.id), error)
            return error
        return None

    def decline(self, id: bytes, error: EventdError) -> None:
        """Refuse a request; the connection goes on."""
        hint = f" ({error.hint})" if error.hint else ""
        self._outlet.send(self._codec.error(id or self._codec.null, error.reason, error.message + hint))

    def close(self) -> None:
        """End all that is open: the connection does."""
        opened, self._open = self._open, {}
        for subscription, _ in opened.values():
            subscription.close()

    def _subscribe(self, id: bytes, ask: Subscribe) -> None:
        if self._most and len(self._open) >= self._most:
            raise RateLimited(f"this connection has {self._most} subscriptions", hint="[limits] subscriptions")
        opened = self._subscriptions.subscribe(id, ask, self._outlet, self._open.keys())
        subscription = opened.subscription
        self._open[subscription.sid] = (subscription, step(SUBSCRIPTION, "asked", "subscribed"))
        self._outlet.send(
            self._codec.subscribed(
                id, subscription.sid, opened.epoch, opened.offset, opened.end, recovered=opened.recovered
            )
        )
        subscription.begin()

    def _unsubscribe(self, id: bytes, sid: int) -> None:
        found = self._open.pop(sid, None)
        if found is not None:
            step(SUBSCRIPTION, found[1], "unsubscribe")
            found[0].close()
        self._outlet.send(self._codec.unsubscribed(id, sid))

    def _tell(self, ask: Credit | Settle) -> None:
        """What has no answer; it may have crossed the end of its subscription."""
        found = self._open.get(ask.sid)
        if found is None:
            return
        subscription, state = found
        step(SUBSCRIPTION, state, "credit" if isinstance(ask, Credit) else "settle")
        if isinstance(ask, Credit):
            subscription.grant(ask.n)
        elif not subscription.durable:
            raise MalformedInput(f"settle: subscription {ask.sid} is not durable", reason="not_durable")
        else:
            subscription.settle(ask.offsets, ask.outcome, ask.after)
