"""All subscriptions of a client, on one connection after another.

What is said of each is in ``tracking``; here is which of them a message is about, and
when the server is told what was settled and how much more may come.
"""

from __future__ import annotations

from collections.abc import Iterator

from eventd.client.arrivals import arrival
from eventd.client.failures import Refused, ServerFault
from eventd.client.messages import Codec, EventsMessage, SubscribedMessage, UnsubscribedMessage
from eventd.client.questions import Say
from eventd.client.tracking import Track

__all__ = ["SETTLE_WITHIN", "Following"]

#: Seconds that a settled event waits for others to be told together.
SETTLE_WITHIN = 0.05


class Following:
    """Subscriptions that have not ended.

    :param say: says a message.
    :param ids: numbers that no other request has.
    """

    def __init__(self, codec: Codec, say: Say, ids: Iterator[int]) -> None:
        self._codec = codec
        self._say = say
        self._ids = ids
        self._tracks: dict[Track, None] = {}
        self._asked: dict[int, Track] = {}
        self._running: dict[int, Track] = {}
        self._connected = False
        #: When what was settled is to be told, on the clock of ``settle_later``.
        self.settle_at: float | None = None

    def begin(self) -> None:
        """There is a connection: go on with all of them."""
        self._connected = True
        for track in self._tracks:
            self._subscribe(track)

    def pause(self) -> None:
        """The server is going: it takes no more requests, and may still deliver."""
        self._connected = False

    def lost(self) -> None:
        """The connection is gone."""
        self._connected = False
        self.settle_at = None
        self._asked.clear()
        self._running.clear()
        for track in list(self._tracks):
            track.lost()
            if track.ended:
                del self._tracks[track]

    def add(self, track: Track) -> None:
        """Follow a subscription, from now on or from the next connection on."""
        self._tracks[track] = None
        if self._connected:
            self._subscribe(track)

    def remove(self, track: Track) -> None:
        """The program wants nothing more of it."""
        self.settle(track)
        track.close()
        if self._connected and track.sid is not None and track.say("unsubscribe"):
            self._say("unsubscribe", id=next(self._ids), sid=track.sid)
        elif track.state == "new":
            self._tracks.pop(track, None)

    def advance(self, track: Track) -> bool:
        """Make ready what came next for a subscription; tell the server how far the program is.

        :raises ClientFailure: what ``Track.advance`` raises.
        """
        if track.durable:
            self.settle(track)
        try:
            return track.advance()
        finally:
            self._grant(track)

    def settle(self, track: Track) -> None:
        """Tell what was settled; grant as much again."""
        told = track.settling.take()
        if track.sid is None or not self._connected:
            return
        for settled in told:
            if track.say("settle"):
                self._say("settle", sid=track.sid, **settled._asdict())
        self._grant(track)

    def settle_later(self, now: float) -> None:
        """Something was settled: tell it within a moment, together with what follows."""
        if self.settle_at is None:
            self.settle_at = now + SETTLE_WITHIN

    def settle_all(self) -> None:
        """Tell all that was settled."""
        self.settle_at = None
        for track in self._tracks:
            if track.durable:
                self.settle(track)

    def end(self) -> None:
        """The client is closed."""
        for track in self._tracks:
            track.close()
            track.finish()
        self._tracks.clear()

    def subscribed(self, message: SubscribedMessage) -> None:
        """One of them begins, or goes on behind a gap.

        :raises ServerFault: when none has asked for it.
        :raises OutOfTurn: when it has ended.
        """
        track, running = self._asked.pop(message.id, None), self._running.get(message.sid)
        if track is not None and running is not None:
            raise ServerFault(f"subscription {message.sid} is another one already")
        track = track or running
        if track is None:
            raise ServerFault(f"subscribed to {message.sid}, which was not asked")
        track.subscribed(message)
        self._running[message.sid] = track
        if track.closed and track.state == "live":
            self.remove(track)

    def events(self, message: EventsMessage, data: bytes) -> None:
        """Events of one of them.

        :raises ServerFault: when there is no such one, or they cannot be.
        :raises OutOfTurn: when it does not run.
        """
        track = self._running.get(message.sid)
        if track is None:
            raise ServerFault(f"events of {message.sid}, which is not subscribed")
        track.arrive(arrival(self._codec, message, data))

    def unsubscribed(self, message: UnsubscribedMessage) -> None:
        """Nothing more comes of one.

        :raises ServerFault: when that was not asked.
        """
        track = self._running.get(message.sid)
        if track is None or not track.say("unsubscribed"):
            raise ServerFault(f"unsubscribed from {message.sid}, which was not asked")
        self._forget(track)

    def refuse(self, id: int | None, sid: int | None, refused: Refused) -> bool:
        """The server does not have one, or ends it; false when it means none of them."""
        track = None if id is None else self._asked.pop(id, None)
        if track is None and sid is not None:
            track = self._running.get(sid)
        if track is None or not track.say("error"):
            return False
        if track.state == "ended":
            self._forget(track)
            track.finish(refused)
        return True

    def _subscribe(self, track: Track) -> None:
        id = next(self._ids)
        self._asked[id] = track
        self._say("subscribe", id=id, **track.asking())

    def _forget(self, track: Track) -> None:
        self._tracks.pop(track, None)
        if track.sid is not None:
            self._running.pop(track.sid, None)

    def _grant(self, track: Track) -> None:
        granted = track.credit() if self._connected else 0
        if granted and track.say("credit"):
            self._say("credit", sid=track.sid, n=granted)
