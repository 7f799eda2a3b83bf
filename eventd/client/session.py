"""A client without threads, sockets or a clock: the life of its connections.

The shell around it owns the socket. It calls ``begin``, ``receive`` and ``lost`` for what
happens to that, sends what ``outgoing`` gives, and calls ``tick`` at ``deadline``. What
programs ask for goes to ``talk``, from one thread at a time. Times are seconds on the
clock that the shell gives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from eventd.client.address import Address
from eventd.client.backoff import Backoff
from eventd.client.conversation import Conversation
from eventd.client.ends import CLOSING, End
from eventd.client.failures import Disconnected, ServerFault, TimedOut
from eventd.client.link import Link
from eventd.client.messages import CODECS
from eventd.client.options import Options

__all__ = ["Session"]

#: A connection that lived for so many seconds was a good one: the next pause is a short one again.
GOOD = 1.0
#: Close codes for something that we sent: not what we should, unreadable, too large.
OUR_FAULT = frozenset((1003, 1007, 1009))
#: HTTP statuses below 500 that may change by themselves.
PASSING = frozenset((408, 425, 429))

log = logging.getLogger("eventd.client")


class Session:
    """Connections, one after the other, and what is said on them.

    :param changed: called when something changed that a program may wait for.
    """

    def __init__(self, address: Address, options: Options, changed: Callable[[], None]) -> None:
        self._address = address
        self._options = options
        self._changed = changed
        self._codec = CODECS[options.format]
        self.talk = Conversation(self._codec, options.window, options.buffer, changed)
        self._backoff = Backoff()
        self._link: Link | None = None
        #: How the connection ended: the shell is to close it, and to call ``lost``.
        self.end: End | None = None
        #: Why there is no connection.
        self.problem: str | None = None
        self._states: list[str] = []
        self._told = ""
        self._opened_at: float | None = None
        self._heard_at = 0.0
        self._asked_at: float | None = None

    @property
    def connected(self) -> bool:
        """Whether requests can be said now."""
        return self.talk.open

    def begin(self, now: float) -> None:
        """The shell has a connection; ``outgoing`` has the opening handshake."""
        headers = self._options.request_headers()
        self._link = Link(self._address.uri, self._codec.name, headers, text=self._codec.text)
        self.end = None
        self._opened_at = self._asked_at = None
        self._heard_at = now

    def receive(self, data: bytes, now: float) -> None:
        """Take what came; empty ``data`` is the end of the stream. Look at ``end`` behind it."""
        link = self._link
        if link is None or self.end is not None:
            return
        self._heard_at, self._asked_at = now, None
        messages = link.receive(data)
        if link.opened and self._opened_at is None:
            self._open(link, now)
        try:
            for message in messages:
                self.talk.hear(message, now)
        except ServerFault as fault:
            self.end = End(f"the server broke the protocol: {fault}")
            return
        self.end = link.end

    def moved(self, now: float) -> None:
        """The other side takes what waited to be sent: it lives, however long its answer takes."""
        self._heard_at, self._asked_at = now, None

    def outgoing(self, now: float) -> bytes:
        """What is to be sent now."""
        if self._link is None:
            return b""
        self.talk.publish_waiting(now)
        return self._link.outgoing()

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is to be called, at the latest."""
        if self._link is None:
            return None
        own, due = self._patience(), self.talk.deadline
        return own if due is None else min(own, due)

    def tick(self, now: float) -> None:
        """Do what is due."""
        self.talk.tick(now)
        if self._link is None or self.end is not None or now < self._patience():
            return
        if self._opened_at is None:
            self.end = End(f"no answer to the handshake within {self._options.open_timeout:g} s")
        elif self._asked_at is None:
            self._asked_at = now
            self._link.ping()
        else:
            self.end = End("the server is silent")

    def farewell(self) -> bytes:
        """The last bytes of a connection that the program closes."""
        if self._link is None or not self.connected:
            return b""
        self.talk.following.settle_all()
        self._link.close()
        return self._link.outgoing()

    def lost(self, end: End, now: float) -> float:
        """There is no connection, or it is gone; return the seconds until the next attempt."""
        come_back, complaint = self.talk.come_back, self.talk.complaint
        lasting = end.lasting
        if self._opened_at is not None:
            if now - self._opened_at >= GOOD:
                self._backoff.reset()
            self._states.append("disconnected")
        elif end.code is not None:
            lasting = 300 <= end.code < 500 and end.code not in PASSING
        self._link = self.end = None
        self._opened_at = None
        self._tell(complaint or end.reason, closing=end is CLOSING)
        self.talk.lost((complaint or end.reason) if end.code in OUR_FAULT else None)
        if come_back is not None:
            return self._backoff.pause(asked=come_back)
        return self._backoff.pause(asked=end.retry_after, spread=True, longest=lasting)

    def late(self, what: str) -> TimedOut:
        """The failure of a call whose time is up, while it waited for ``what``."""
        if self.connected:
            return TimedOut(f"no {what} in time")
        return Disconnected(f"no connection: {self.problem or 'none yet'}")

    def states(self) -> list[str]:
        """What ``on_state`` is to be told since the last call."""
        states, self._states = self._states, []
        return states

    def _open(self, link: Link, now: float) -> None:
        self._opened_at = now
        self.problem, self._told = None, ""
        self._states.append("connected")
        log.info("connected to %s", self._address)
        self.talk.begin(link)
        self._changed()

    def _patience(self) -> float:
        """Until when the server may be silent."""
        if self._opened_at is None:
            return self._heard_at + self._options.open_timeout
        if self._asked_at is None:
            return self._heard_at + self._options.ping_interval
        return self._asked_at + self._options.ping_timeout

    def _tell(self, problem: str, *, closing: bool) -> None:
        """The log has each problem once, not each attempt."""
        self.problem = problem
        level = logging.DEBUG if problem == self._told or closing else logging.WARNING
        self._told = problem
        log.log(level, "no connection to %s: %s", self._address, problem)
