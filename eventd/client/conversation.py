"""What is said on one connection after another, and what is heard.

What has no answer when a connection is lost is said again on the next one.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

from eventd.client.failures import ClientFailure, Refused, ServerFault, Wrong
from eventd.client.following import Following
from eventd.client.link import Link
from eventd.client.messages import (
    AckMessage,
    ByeMessage,
    Codec,
    ErrorMessage,
    EventsMessage,
    NackMessage,
    PresentMessage,
    SubscribedMessage,
    UnsubscribedMessage,
)
from eventd.client.options import WhenFull
from eventd.client.outbox import Ack, Outbox, Publication
from eventd.client.packing import Packed
from eventd.client.questions import Questions
from eventd.protocol.ops import CONNECTION, OutOfTurn, State, step

__all__ = ["ENOUGH_UNSENT", "Conversation"]

#: Bytes that wait for the socket: above this, publications stay in the outbox.
ENOUGH_UNSENT = 256 * 1024
#: The longest time that a nack can hold publications back, in seconds.
MOST_RETRY_AFTER = 3600.0

log = logging.getLogger("eventd.client")


class Conversation:
    """All that is to be said and heard.

    :param changed: called when a publication was answered, or the connection lost.
    """

    def __init__(self, codec: Codec, window: int, buffer: int, changed: Callable[[], None]) -> None:
        ids = itertools.count(1)
        self._codec = codec
        self._changed = changed
        self._link: Link | None = None
        self._state: State = "leaving"
        self.outbox = Outbox(window, buffer, ids)
        self.following = Following(codec, self._say, ids)
        self.questions = Questions(self._say, ids)
        #: The ``retry_after`` of the server's ``bye``.
        self.come_back: float | None = None
        #: What the server found wrong with all that we say.
        self.complaint: str | None = None
        self._hear: dict[type, Callable[[Any, float], None]] = {
            AckMessage: self._ack,
            NackMessage: self._nack,
            SubscribedMessage: lambda message, now: self.following.subscribed(message),
            UnsubscribedMessage: lambda message, now: self.following.unsubscribed(message),
            PresentMessage: self._present,
            ErrorMessage: self._error,
            ByeMessage: self._bye,
        }

    @property
    def open(self) -> bool:
        """Whether requests can be said now."""
        return self._state == "open"

    @property
    def unsent(self) -> bool:
        """Whether something waits for the socket."""
        return self._link is not None and self._link.unsent > 0

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is to be called, at the latest."""
        resume = self.outbox.resume if self.open else None
        return min((time for time in (resume, self.following.settle_at) if time is not None), default=None)

    def begin(self, link: Link) -> None:
        """A connection is there: say what is waiting."""
        self._link, self._state = link, "open"
        self.following.begin()
        self.questions.begin()

    def lost(self, fault: str | None = None) -> None:
        """The connection is gone; ``fault`` is what the server found wrong with what we sent."""
        self._link, self._state = None, "leaving"
        self.come_back = self.complaint = None
        self.following.lost()
        self.questions.lost()
        refused = self.outbox.cut(fault)
        if refused is not None:
            _tell(refused)
        self._changed()

    def end(self, failure: Callable[[], ClientFailure]) -> None:
        """The client is closed: nothing more will be answered."""
        self.outbox.fail(failure)
        self.questions.fail(failure)
        self.following.end()
        self._changed()

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.outbox.tick(now)
        settle_at = self.following.settle_at
        if settle_at is not None and now >= settle_at:
            self.following.settle_all()

    def has_room(self, packed: Packed, when_full: WhenFull) -> bool:
        """Whether ``packed`` can be kept now; where there is no connection, ``when_full`` tells how to make room.

        :raises BufferFull: when there is none, and it is not to be waited for.
        """
        if self.outbox.has_room(packed, connected=self.open):
            return True
        if self.open or when_full == "wait":
            return False
        self.outbox.make_room(packed, drop=when_full == "drop_oldest")
        return True

    def publish_waiting(self, now: float) -> None:
        """Send what the outbox has for now, as long as the socket takes it."""
        while self._link is not None and self.open and self._link.unsent < ENOUGH_UNSENT:
            publication = self.outbox.next(now)
            if publication is None:
                return
            self._link.send(self._codec.publish(publication.id, publication.count, publication.body))

    def hear(self, data: bytes, now: float) -> None:
        """Take one message of the server.

        :raises ServerFault: when it is none, or may not come now.
        """
        message = self._codec.read(data)
        try:
            if not self.open:
                step(CONNECTION, self._state, str(message.__struct_config__.tag))
            if isinstance(message, EventsMessage):
                self.following.events(message, data)
            else:
                self._hear[message.__class__](message, now)
        except OutOfTurn as error:
            raise ServerFault(f"out of turn: {error}") from None

    def _say(self, op: str, **fields: Any) -> bool:
        if self._link is None or not self.open:
            return False
        self._link.send(self._codec.say(op, **fields))
        return True

    def _ack(self, message: AckMessage, now: float) -> None:
        first, last = message.offsets or (None, None)
        if not self.outbox.ack(message.id, Ack(first, last, message.durability)):
            raise ServerFault(f"ack of {message.id}, which was not asked")
        self._changed()

    def _nack(self, message: NackMessage, now: float) -> None:
        errors = [Wrong(error.index, error.attribute, error.message) for error in message.errors]
        after = message.retry_after
        # "not >= 0" is true of what is no number, too.
        resume = None if after is None or not after >= 0 else now + min(after, MOST_RETRY_AFTER)
        publication = self.outbox.nack(message.id, errors, resume)
        if publication is None:
            raise ServerFault(f"nack of {message.id}, which was not asked")
        _tell(publication)
        self._changed()

    def _present(self, message: PresentMessage, now: float) -> None:
        if not self.questions.answer(message.id, message.subscriptions):
            raise ServerFault(f"present for {message.id}, which was not asked")

    def _error(self, message: ErrorMessage, now: float) -> None:
        refused = Refused(message.code, message.message)
        if message.id is None and message.sid is None:
            self._leave("error")
            self.complaint = str(refused)
        elif not (
            self.questions.answer(message.id, refused) or self.following.refuse(message.id, message.sid, refused)
        ):
            raise ServerFault(f"an error for nothing that was asked: {refused}")

    def _bye(self, message: ByeMessage, now: float) -> None:
        self._leave("bye")
        self.come_back = message.retry_after
        log.info("the server is going: %s", message.reason)

    def _leave(self, op: str) -> None:
        self._state = step(CONNECTION, self._state, op)
        self.following.pause()


def _tell(publication: Publication) -> None:
    """What is refused and nobody asks for must not vanish in silence."""
    if isinstance(publication.outcome, ClientFailure) and not publication.watched:
        log.warning("%d events were refused: %s", publication.count, publication.outcome)
