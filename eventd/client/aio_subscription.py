"""A subscription of ``AsyncClient``: events, in the order in which they came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType

from eventd.client.failures import Closed, Gap
from eventd.client.messages import Epoch
from eventd.client.news import News
from eventd.client.session import Session
from eventd.client.settling import check_outcome, offsets_of
from eventd.client.subscription import GapCall
from eventd.client.tracking import Track
from eventd.event import Event

__all__ = ["AsyncSubscription"]


class AsyncSubscription:
    """Made by ``AsyncClient.subscribe``. Several tasks may read it: each event goes to one of them.

    :param news: told by ``track``.
    :param wake: tells the task that holds the connection that there is something to send.
    """

    def __init__(
        self, track: Track, news: News, session: Session, wake: Callable[[], None], on_gap: GapCall | None = None
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
        return self._track.offset

    @property
    def epoch(self) -> Epoch | None:
        """The sequence that ``offset`` belongs to."""
        return self._track.epoch

    @property
    def end(self) -> int | None:
        """The offset behind the newest event, when it last subscribed."""
        return self._track.end

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event.

        :raises StopAsyncIteration: when the subscription or the client was closed.
        :raises Gap: once, where events were missed; go on behind it.
        :raises Refused: once, when the daemon has refused or ended it.
        """
        while not self._ready:
            if not await self._advance(None):
                raise StopAsyncIteration
        return self._next()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """Lists of events, as they came together; raises what iteration raises."""
        while self._ready or await self._advance(None):
            events = list(self._ready)
            self._ready.clear()
            if events:
                self._track.hand(events[-1])
                yield events

    async def get(self, timeout: float | None = None) -> Event | None:  # noqa: ASYNC109 - as Client has it
        """The next event; ``None`` when nothing came within ``timeout`` seconds.

        :raises Closed: when the subscription or the client was closed.
        :raises Gap: once, where events were missed.
        :raises Refused: once, when the daemon has refused or ended it.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ready:
            if await self._advance(deadline):
                continue
            if self._track.ended:
                raise Closed("the subscription is closed")
            return None
        return self._next()

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
            self._session.talk.following.settle_later(asyncio.get_running_loop().time())
            self._wake()

    async def close(self) -> None:
        """Unsubscribe. What a durable one has not settled goes to somebody else."""
        self._session.talk.following.remove(self._track)
        self._wake()

    def _next(self) -> Event:
        event = self._ready.popleft()
        self._track.hand(event)
        return event

    async def _advance(self, deadline: float | None) -> bool:
        """Wait until events are ready; false when there are none by then, or will never be.

        :raises ClientFailure: what ``Track.advance`` raises.
        """
        # However much is there already, other tasks and the connection get their turn.
        await asyncio.sleep(0)
        while True:
            try:
                while not (self._ready or self._step()):
                    if self._track.ended or not await self._news.wait(deadline):
                        return False
                return True
            except Gap as gap:
                if self._on_gap is None:
                    raise
                self._on_gap(gap)

    def _step(self) -> bool:
        try:
            return self._session.talk.following.advance(self._track)
        finally:
            if self._session.talk.unsent:
                self._wake()

    async def __aenter__(self) -> AsyncSubscription:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
