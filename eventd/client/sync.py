"""The client for threads and plain scripts."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar, Unpack

from eventd.client import address
from eventd.client.failures import Closed, TimedOut
from eventd.client.messages import Epoch, Present
from eventd.client.options import Choices, Options
from eventd.client.outbox import Ack, Publication
from eventd.client.packing import Packer, Publishable
from eventd.client.promise import Promise
from eventd.client.questions import Question
from eventd.client.session import Session
from eventd.client.subscription import GapCall, Subscription
from eventd.client.tracking import Track, Wanted
from eventd.client.wire import Wire

__all__ = ["Client", "Pending"]

T = TypeVar("T")

#: Seconds that ``close`` gives to what has no answer yet.
CLOSE_WITHIN = 5.0


class Client:
    """A connection to a daemon that comes back by itself; any thread may use it.

    It connects in the background. ``options`` are the fields of ``Options``.

    :raises ValueError: for a URL or an option that cannot be used.
    """

    def __init__(self, url: str, **options: Unpack[Choices]) -> None:
        chosen = Options(**options)
        where = address.parse(url)
        self._options = chosen
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._packing = threading.Lock()
        self._packer = Packer(json=chosen.format == "json", source=chosen.source)
        self._session = Session(where, chosen, self._changed.notify_all)
        self._closed = False
        self._wire = Wire(self._session, self._lock, where, chosen)
        self._wire.start()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._session.connected

    @property
    def problem(self) -> str | None:
        """Why there is no connection; ``None`` while there is one, or before the first attempt has failed."""
        return self._session.problem

    def wait_connected(self, timeout: float | None = None) -> bool:
        """Wait for a connection; false when there is none within ``timeout`` seconds.

        :raises Closed: when the client is closed.
        """
        with self._changed:
            return self._wait(lambda: self._session.connected, _deadline(timeout))

    def publish(self, events: Publishable | Iterable[Publishable], timeout: float | None = None) -> Ack:
        """Publish one event or several, all or none, and wait until they are durable.

        :raises Nacked: when the daemon refuses them.
        :raises TimedOut: when there was no answer within ``timeout`` seconds. Events that
            were never sent will not be; the others may be stored or not.
        :raises BufferFull: see ``when_full``.
        :raises Closed: when the client is closed.
        """
        deadline = _deadline(timeout)
        publication = self._send(events, deadline)
        publication.watched = True
        with self._lock:
            try:
                if not _await(publication, self._lock, deadline):
                    raise self._session.late("answer")
            finally:
                self._session.talk.outbox.withdraw(publication, TimedOut("nobody waits for it any more"))
        return publication.value()

    def send(self, events: Publishable | Iterable[Publishable]) -> Pending:
        """Publish without waiting for the answer; for room, it waits.

        :raises BufferFull: see ``when_full``.
        :raises Closed: when the client is closed.
        """
        return Pending(self._send(events, None), self._session, self._lock)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until nothing that was sent before is without an answer.

        :raises TimedOut: when that takes longer than ``timeout`` seconds.
        :raises Closed: when the client is closed.
        """
        deadline = _deadline(timeout)
        with self._lock:
            for publication in self._session.talk.outbox:
                if not _await(publication, self._lock, deadline):
                    raise self._session.late("answers to all that was sent")
                if isinstance(publication.outcome, Closed):
                    raise publication.outcome

    def subscribe(
        self,
        *types: str,
        filters: Iterable[Mapping[str, Any]] = (),
        start: str | int | dt.datetime = "now",
        epoch: Epoch | None = None,
        name: str | None = None,
        credit: int | None = None,
        on_gap: GapCall | None = None,
    ) -> Subscription:
        """Subscribe to patterns of types; ``docs/clients.md`` tells what the others are.

        Where there is a connection, it waits for the daemon's answer; else, that comes later.

        :raises Refused: when the daemon will not have it.
        :raises Closed: when the client is closed.
        """
        news = threading.Condition(self._lock)
        track = Track(Wanted(types, tuple(filters), start, epoch, name, credit), news.notify_all)
        with news:
            self._check_open()
            self._session.talk.following.add(track)
            self._wire.wake()
            try:
                news.wait_for(lambda: track.state != "asked")
            except BaseException:
                self._session.talk.following.remove(track)
                raise
            if track.failure is not None:
                raise track.failure
        return Subscription(track, news, self._session, self._wire.wake, on_gap)

    def presence(self, *types: str, timeout: float | None = None) -> list[Present]:
        """Who is subscribed to types that one of ``types`` could match.

        :raises Refused: when the daemon will not tell.
        :raises TimedOut: when there was no answer within ``timeout`` seconds.
        :raises Closed: when the client is closed.
        """
        question = Question(types)
        with self._lock:
            self._check_open()
            self._session.talk.questions.ask(question)
            self._wire.wake()
            try:
                if not _await(question, self._lock, _deadline(timeout)):
                    raise self._session.late("answer")
            finally:
                self._session.talk.questions.forget(question)
        return question.value()

    def close(self, timeout: float = CLOSE_WITHIN) -> None:
        """Wait up to ``timeout`` seconds for answers, then end. Calling it again does nothing.

        What has no answer by then fails with ``Closed``, and subscriptions end.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not len(self._session.talk.outbox), timeout)
        self._wire.stop(max(0.1, deadline - time.monotonic()))
        with self._changed:
            self._session.talk.end(lambda: Closed("the client was closed"))

    def _send(self, events: Publishable | Iterable[Publishable], deadline: float | None) -> Publication:
        with self._packing:
            packed = self._packer.pack(events)
        publication = Publication(packed)
        with self._changed:
            self._check_open()
            if not self._wait(lambda: self._session.talk.has_room(packed, self._options.when_full), deadline):
                raise self._session.late("room")
            self._check_open()
            self._session.talk.outbox.add(publication)
        self._wire.wake()
        return publication

    def _wait(self, condition: Callable[[], bool], deadline: float | None) -> bool:
        """Wait for something under the lock; false when the time is up.

        :raises Closed: when the client is closed.
        """
        while not condition():
            self._check_open()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._changed.wait(left)
        return True

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the client is closed")

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Pending:
    """A publish whose answer was not waited for."""

    __slots__ = ("_lock", "_publication", "_session")

    def __init__(self, publication: Publication, session: Session, lock: threading.Lock) -> None:
        self._publication = publication
        self._session = session
        self._lock = lock

    @property
    def done(self) -> bool:
        """Whether there is an answer."""
        return self._publication.outcome is not None

    def result(self, timeout: float | None = None) -> Ack:
        """Wait for the answer.

        :raises Nacked: when the daemon refused the events.
        :raises TimedOut: when there was none within ``timeout`` seconds; it may come later.
        :raises BufferFull: when it was given up for newer ones.
        :raises Closed: when the client was closed before.
        """
        self._publication.watched = True
        with self._lock:
            if not _await(self._publication, self._lock, _deadline(timeout)):
                raise self._session.late("answer")
        return self._publication.value()


def _await(promise: Promise[T], lock: threading.Lock, deadline: float | None) -> bool:
    """Wait under the lock for an outcome; false when the time is up."""
    if promise.outcome is None:
        done = threading.Condition(lock)
        promise.when_done(done.notify_all)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        done.wait_for(lambda: promise.outcome is not None, left)
    return promise.outcome is not None


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout
