"""The client for asyncio."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, Unpack

from eventd.client import address
from eventd.client.aio_subscription import AsyncSubscription
from eventd.client.aio_wire import AioWire
from eventd.client.failures import Closed, TimedOut
from eventd.client.messages import Epoch, Present
from eventd.client.news import News
from eventd.client.options import Choices, Options
from eventd.client.outbox import Ack, Publication
from eventd.client.packing import Packer, Publishable
from eventd.client.promise import Promise
from eventd.client.questions import Question
from eventd.client.session import Session
from eventd.client.subscription import GapCall
from eventd.client.sync import CLOSE_WITHIN
from eventd.client.tracking import Track, Wanted

__all__ = ["AsyncClient", "AsyncPending"]


class AsyncClient:
    """A connection to a daemon that comes back by itself; all tasks of one event loop may use it.

    It connects when it is entered or first used. ``options`` are the fields of ``Options``.

    :raises ValueError: for a URL or an option that cannot be used.
    """

    def __init__(self, url: str, **options: Unpack[Choices]) -> None:
        self._options = Options(**options)
        self._address = address.parse(url)
        self._packer = Packer(json=self._options.format == "json", source=self._options.source)
        self._changed = News()
        self._session = Session(self._address, self._options, self._changed.tell)
        self._closed = False
        self._wire: AioWire | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._session.connected

    @property
    def problem(self) -> str | None:
        """Why there is no connection; ``None`` while there is one, or before the first attempt has failed."""
        return self._session.problem

    async def wait_connected(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - as Client has it
        """Wait for a connection; false when there is none within ``timeout`` seconds.

        :raises Closed: when the client is closed.
        """
        self._start()
        return await self._wait(lambda: self._session.connected, _deadline(timeout))

    async def publish(
        self,
        events: Publishable | Iterable[Publishable],
        timeout: float | None = None,  # noqa: ASYNC109 - as Client has it
    ) -> Ack:
        """Publish one event or several, all or none, and wait until they are durable.

        :raises Nacked: when the daemon refuses them.
        :raises TimedOut: when there was no answer within ``timeout`` seconds. Events that
            were never sent will not be; the others may be stored or not.
        :raises BufferFull: see ``when_full``.
        :raises Closed: when the client is closed.
        """
        deadline = _deadline(timeout)
        publication = await self._send(events, deadline)
        publication.watched = True
        try:
            if not await _await(publication, deadline):
                raise self._session.late("answer")
        finally:
            self._session.talk.outbox.withdraw(publication, TimedOut("nobody waits for it any more"))
        return publication.value()

    async def send(self, events: Publishable | Iterable[Publishable]) -> AsyncPending:
        """Publish without waiting for the answer; for room, it waits.

        :raises BufferFull: see ``when_full``.
        :raises Closed: when the client is closed.
        """
        return AsyncPending(await self._send(events, None))

    async def flush(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as Client has it
        """Wait until nothing that was sent before is without an answer.

        :raises TimedOut: when that takes longer than ``timeout`` seconds.
        :raises Closed: when the client is closed.
        """
        deadline = _deadline(timeout)
        for publication in self._session.talk.outbox:
            if not await _await(publication, deadline):
                raise self._session.late("answers to all that was sent")
            if isinstance(publication.outcome, Closed):
                raise publication.outcome

    async def subscribe(
        self,
        *types: str,
        filters: Iterable[Mapping[str, Any]] = (),
        start: str | int | dt.datetime = "now",
        epoch: Epoch | None = None,
        name: str | None = None,
        credit: int | None = None,
        on_gap: GapCall | None = None,
    ) -> AsyncSubscription:
        """Subscribe to patterns of types; ``docs/clients.md`` tells what the others are.

        Where there is a connection, it waits for the daemon's answer; else, that comes later.

        :raises Refused: when the daemon will not have it.
        :raises Closed: when the client is closed.
        """
        news = News()
        track = Track(Wanted(types, tuple(filters), start, epoch, name, credit), news.tell)
        wire = self._start()
        self._session.talk.following.add(track)
        wire.wake()
        try:
            while track.state == "asked":
                await news.wait(None)
        except asyncio.CancelledError:
            self._session.talk.following.remove(track)
            wire.wake()
            raise
        if track.failure is not None:
            raise track.failure
        return AsyncSubscription(track, news, self._session, wire.wake, on_gap)

    async def presence(self, *types: str, timeout: float | None = None) -> list[Present]:  # noqa: ASYNC109 - the same
        """Who is subscribed to types that one of ``types`` could match.

        :raises Refused: when the daemon will not tell.
        :raises TimedOut: when there was no answer within ``timeout`` seconds.
        :raises Closed: when the client is closed.
        """
        question = Question(types)
        wire = self._start()
        self._session.talk.questions.ask(question)
        wire.wake()
        try:
            if not await _await(question, _deadline(timeout)):
                raise self._session.late("answer")
        finally:
            self._session.talk.questions.forget(question)
        return question.value()

    async def close(self, timeout: float = CLOSE_WITHIN) -> None:  # noqa: ASYNC109 - as Client has it
        """Wait up to ``timeout`` seconds for answers, then end. Calling it again does nothing.

        What has no answer by then fails with ``Closed``, and subscriptions end.
        """
        if self._closed:
            return
        self._closed = True
        self._changed.tell()
        deadline = time.monotonic() + timeout
        while len(self._session.talk.outbox) and await self._changed.wait(deadline):
            pass
        if self._wire is not None and self._task is not None:
            await self._wire.farewell()
            self._task.cancel()
            await asyncio.wait({self._task})
            # The transport tells of its end in the next turn of the loop; its owner may close that now.
            await asyncio.sleep(0)
        self._session.talk.end(lambda: Closed("the client was closed"))

    def _start(self) -> AioWire:
        """Connect, if that was not done.

        :raises Closed: when the client is closed.
        """
        if self._closed:
            raise Closed("the client is closed")
        if self._wire is None:
            self._wire = AioWire(self._session, self._address, self._options)
            self._task = asyncio.create_task(self._wire.run(), name="eventd-client")
        return self._wire

    async def _send(self, events: Publishable | Iterable[Publishable], deadline: float | None) -> Publication:
        wire = self._start()
        packed = self._packer.pack(events)
        publication = Publication(packed)
        if not await self._wait(lambda: self._session.talk.has_room(packed, self._options.when_full), deadline):
            raise self._session.late("room")
        self._start()
        self._session.talk.outbox.add(publication)
        wire.wake()
        return publication

    async def _wait(self, condition: Callable[[], bool], deadline: float | None) -> bool:
        """Wait for something; false when the time is up.

        :raises Closed: when the client is closed.
        """
        while not condition():
            if self._closed:
                raise Closed("the client is closed")
            if not await self._changed.wait(deadline):
                return False
        return True

    async def __aenter__(self) -> AsyncClient:
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncPending:
    """A publish whose answer was not waited for: awaiting it does, and gives the ``Ack``.

    It raises ``Nacked`` when the daemon refused the events, ``BufferFull`` when it was
    given up for newer ones, and ``Closed`` when the client was closed before.
    """

    __slots__ = ("_publication",)

    def __init__(self, publication: Publication) -> None:
        self._publication = publication

    @property
    def done(self) -> bool:
        """Whether there is an answer."""
        return self._publication.outcome is not None

    def __await__(self) -> Generator[Any, None, Ack]:
        self._publication.watched = True
        yield from _await(self._publication, None).__await__()
        return self._publication.value()


async def _await(promise: Promise[Any], deadline: float | None) -> bool:
    """Wait for an outcome; false when the time is up."""
    if promise.outcome is None:
        news = News()
        promise.when_done(news.tell)
        while promise.outcome is None and await news.wait(deadline):
            pass
    return promise.outcome is not None


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
