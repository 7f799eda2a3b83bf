"""A subscription of ``Client``: events, in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from eventd.client.failures import Closed, Gap
from eventd.client.messages import Epoch
from eventd.client.session import Session
from eventd.client.settling import check_outcome, offsets_of
from eventd.client.tracking import Track
from eventd.event import Event

__all__ = ["GapCall", "Subscription"]

#: Called with a ``Gap`` where events were missed.
GapCall = Callable[[Gap], object]


class Subscription:
    """Made by ``Client.subscribe``. Several threads may read it: each event goes to one of them.

    :param news: told by ``track``; its lock is that of the session.
    :param wake: tells the thread that moves bytes that there is something to send.
    """

    def __init__(
        self,
        track: Track,
        news: threading.Condition,
        session: Session,
        wake: Callable[[], None],
        on_gap: GapCall | None = None,
    ) -> None:
        self._track = track
        self._ready = track.ready
        self._news = news
        self._session = session
        self._wake = wake
        self._on_gap = on_gap

    @property
    def offset(self) -> int | None:
        """Where a program would go on that has seen what was handed out; ``None`` before that is known."""
        with self._news:
            return self._track.offset

    @property
    def epoch(self) -> Epoch | None:
        """The sequence that ``offset`` belongs to."""
        return self._track.epoch

    @property
    def end(self) -> int | None:
        """The offset behind the newest event, when it last subscribed."""
        return self._track.end

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        """The next event.

        :raises StopIteration: when the subscription or the client was closed.
        :raises Gap: once, where events were missed; go on behind it.
        :raises Refused: once, when the daemon has refused or ended it.
        """
        while True:
            try:
                event = self._ready.popleft()
            except IndexError:
                if not self._advance(None):
                    raise StopIteration from None
                continue
            self._track.hand(event)
            return event

    def batches(self) -> Iterator[list[Event]]:
        """Lists of events, as they came together; raises what ``next`` raises."""
        while self._ready or self._advance(None):
            events = self._drain()
            if events:
                yield events

    def get(self, timeout: float | None = None) -> Event | None:
        """The next event; ``None`` when nothing came within ``timeout`` seconds.

        :raises Closed: when the subscription or the client was closed.
        :raises Gap: once, where events were missed.
        :raises Refused: once, when the daemon has refused or ended it.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._ready or self._advance(deadline):
                events = self._drain(1)
                if events:
                    return events[0]
            elif self._track.ended:
                raise Closed("the subscription is closed")
            else:
                return None

    def settle(
        self, what: Event | int | Iterable[Event | int], outcome: str = "done", after: float | None = None
    ) -> None:
        """Say what became of events: ``done``, ``retry`` (``after`` seconds) or ``reject``.

        It is told together with others, within a moment. What came before the connection
        was lost is passed over: it comes again.

        :raises ValueError: for an unknown outcome, or a subscription that is not durable.
        :raises TypeError: for what is neither an event nor an offset, nor several of them.
        """
        check_outcome(outcome, durable=self._track.durable)
        offsets = (what.offset,) if isinstance(what, Event) else offsets_of(what)
        if self._track.settling.put(offsets, outcome, after):
            with self._news:
                self._session.talk.following.settle_later(time.monotonic())
            self._wake()

    def close(self) -> None:
        """Unsubscribe. What a durable one has not settled goes to somebody else."""
        with self._news:
            self._session.talk.following.remove(self._track)
        self._wake()

    def _advance(self, deadline: float | None) -> bool:
        """Wait until events are ready; false when there are none by then, or will never be.

        :raises ClientFailure: what ``Track.advance`` raises.
        """
        while True:
            try:
                with self._news:
                    return self._wait(deadline)
            except Gap as gap:
                if self._on_gap is None:
                    raise
                self._on_gap(gap)

    def _wait(self, deadline: float | None) -> bool:
        while not (self._ready or self._step()):
            left = None if deadline is None else deadline - time.monotonic()
            if self._track.ended or (left is not None and left <= 0):
                return False
            self._news.wait(left)
        return True

    def _step(self) -> bool:
        try:
            return self._session.talk.following.advance(self._track)
        finally:
            if self._session.talk.unsent:
                self._wake()

    def _drain(self, most: int | None = None) -> list[Event]:
        """Take what is ready; less where other threads take it, too."""
        events: list[Event] = []
        while self._ready and len(events) != most:
            try:
                events.append(self._ready.popleft())
            except IndexError:
                break
        if events:
            self._track.hand(events[-1])
        return events

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
