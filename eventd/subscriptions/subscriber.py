"""One live subscription: at the edge of the journal with the others of its shape, or behind it and catching up.

    begin ──► catch up ──► at the edge ──► (no credit, or slow) ──► catch up ──► …

While it catches up it has a green thread of its own, which waits for the client to read and
to grant credit. What it may have waiting to be sent is its window; it keeps nothing else.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Protocol

from eventd.errors import Unavailable
from eventd.green import Group, Signal, sleep
from eventd.journal import Journal
from eventd.subscriptions.frames import Cutter
from eventd.subscriptions.live import Live
from eventd.subscriptions.outlet import Outlet
from eventd.subscriptions.shape import Frame

__all__ = ["Subscriber"]

log = logging.getLogger(__name__)

#: Seconds after which a journal that could not be read is read again.
TRY_AGAIN = 1.0


class Drops(Protocol):
    """Where it is counted what subscribers did not get."""

    def drop(self, reason: str, events: int) -> None:
        """Count events."""


class Subscriber:
    """Drives one subscription.

    :param id: the request's, for what is said again. :param position: where it begins.
    :param credit: how many events may come, ``None`` for all. :param window: bytes that may wait to be sent.
    """

    def __init__(
        self,
        id: bytes,
        outlet: Outlet,
        cutter: Cutter,
        live: Live,
        journal: Journal,
        group: Group,
        drops: Drops,
        position: int,
        credit: int | None,
        window: int,
        gone: Callable[[Subscriber], object],
    ) -> None:
        self.sid = cutter.shape.sid
        self.durable = False
        self.stream = outlet.stream
        self.deflate = outlet.deflate
        self.window = window
        self.credit = math.inf if credit is None else credit
        self._id = id
        self._outlet = outlet
        self._cutter = cutter
        self._live = live
        self._journal = journal
        self._group = group
        self._drops = drops
        self._position = position
        #: The end that the client is told of: it hears when it is there, also where nothing was wanted on the way.
        self._end = journal.end
        self._gone = gone
        self._granted = Signal()
        self._catching_up = False
        self._closed = False

    def begin(self) -> None:
        """Deliver from now on; the client knows of the subscription."""
        self.fall_back(self._position)

    def grant(self, events: int) -> None:
        """Let so many more events come."""
        self.credit += events
        self._granted.set()

    def settle(self, ranges: object, outcome: str, after: float | None) -> None:
        """Nothing is to be settled here."""

    def close(self) -> None:
        """Deliver nothing more."""
        if not self._closed:
            self._closed = True
            self._live.leave(self)
            self._granted.set()
            self._gone(self)

    def restart(self, position: int) -> None:
        """Begin anew where offsets mean something else than before, and say so."""
        self._live.leave(self)
        self._say_again(position)
        self.fall_back(position)

    def fall_back(self, position: int) -> None:
        """Catch up from there, in a green thread."""
        self._position = position
        if not (self._closed or self._catching_up or self._join()):
            self._catching_up = True
            self._group.spawn("subscriber", self._catch_up)

    def _catch_up(self) -> None:
        try:
            while self._may_go_on() and not self._join():
                self._step()
        finally:
            self._catching_up = False

    def _step(self) -> None:
        """Deliver what there is next."""
        position = self._position
        try:
            frame = self._cutter.read(position, self._most)
        except Unavailable as error:
            log.warning("a subscriber of %s waits: %s", self._outlet.client, error)
            self._granted.clear()
            self._granted.wait(TRY_AGAIN)
            return
        # While it was read, the subscription may have been closed or begun anew elsewhere.
        # Another subscription of the connection may have written first: then this one waits its turn.
        if not self._closed and position == self._position and self.stream.buffered <= self.window:
            self._deliver(frame)
            if not frame.count and frame.end <= position:
                # At the end, and not let to the edge: others are written to first.
                self._journal.wait(position, TRY_AGAIN)

    def _may_go_on(self) -> bool:
        """Wait until the client has read what was written and takes more; false when it is gone."""
        if self.stream.buffered:
            self.stream.drain()
        else:
            # Much may be looked through without a byte to send.
            sleep(0)
        while self.credit < 1 and not self._closed and not self.stream.closed:
            self._granted.clear()
            self._granted.wait()
        return not self._closed and not self.stream.closed

    def _join(self) -> bool:
        """Go to the edge where nothing is left before it."""
        if self.credit < 1 or self.stream.buffered > self.window or self._position < self._end:
            return False
        if self._position > self._live.position:
            self._live.advance()
        if self._position != self._live.position:
            return False
        self._live.join(self)
        return True

    @property
    def _most(self) -> int | None:
        return None if self.credit == math.inf else int(self.credit)

    def _deliver(self, frame: Frame) -> None:
        if frame.missing:
            self._drops.drop("missing", max(0, frame.start - self._position))
            self._say_again(frame.start)
        if frame.count or frame.end > self._position:
            self.stream.write(frame.frame(self.deflate))
        self._position = frame.end
        self.credit -= frame.count

    def _say_again(self, position: int) -> None:
        journal, codec = self._journal, self._outlet.codec
        told = codec.subscribed(self._id, self.sid, journal.epoch, position, journal.end, recovered=False)
        self._outlet.send(told)
