"""Opens subscriptions for connections: live ones, durable ones, and who is there."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Collection, Container, Sequence
from typing import NamedTuple

from eventd.dispatch.feed import Feed
from eventd.dispatch.progress import ConsumerStatus
from eventd.errors import InvalidSubscription
from eventd.event import Block
from eventd.green import Group as Greens
from eventd.green import Hub, Signal
from eventd.journal import Journal
from eventd.protocol.asks import Subscribe
from eventd.protocol.limits import UNLIMITED
from eventd.routing import valid_pattern
from eventd.subscriptions.groups import Groups
from eventd.subscriptions.lines import Line, Lines
from eventd.subscriptions.member import Member
from eventd.subscriptions.outlet import Outlet
from eventd.subscriptions.places import begin
from eventd.subscriptions.presence import Presence, Present
from eventd.subscriptions.shape import Shape
from eventd.subscriptions.subscriber import Subscriber

__all__ = ["Opened", "Subscriptions"]

log = logging.getLogger(__name__)

#: Seconds between two looks whether offsets still mean the same, and looks after which subscribers are told
#: how far the journal is.
LOOK_EVERY, TELL_EVERY = 1.0, 10


class Opened(NamedTuple):
    """A subscription that begins when its client has been told of it, by ``subscription.begin``."""

    subscription: Subscriber | Member
    epoch: str
    offset: int
    end: int
    recovered: bool


class Subscriptions:
    """All subscriptions of the daemon.

    :param window: bytes that may wait to be sent to one connection, 0 for no limit.
    :param most_durable: how many durable ones there may be, 0 for no limit.
    :param paused: the durable ones that hand out nothing.
    """

    def __init__(
        self, node: str, journal: Journal, feed: Feed, hub: Hub, window: int, most_durable: int,
        paused: Container[str] = (),
    ) -> None:  # fmt: skip
        self._journal = journal
        self._window = window or UNLIMITED
        self._sids = itertools.count(1)
        self._lines = Lines(journal, feed, hub, lambda: next(self._sids))
        self._greens = Greens("subscribers")
        self._presence = Presence(node)
        self._stop = Signal()
        self._epoch = journal.epoch
        self.groups = Groups(journal, feed, hub, most_durable, paused)
        #: Events that a live subscription wanted and did not get, by reason.
        self.dropped: Counter[str] = Counter()

    def start(self) -> None:
        """Go on with the durable ones."""
        self.groups.start()
        self._greens.spawn("subscriptions", self._tend)

    def stop(self, timeout: float) -> bool:
        """End all; the durable ones write where they are. Whether that was in time."""
        self._stop.set()
        in_time = self.groups.stop(timeout)
        self._greens.kill()
        return in_time

    def subscribe(self, id: bytes, ask: Subscribe, outlet: Outlet, taken: Collection[int]) -> Opened:
        """Open a subscription; ``taken`` are the ``sid`` that mean something on that connection already.

        :raises InvalidSubscription: when a pattern, a filter, a place or a name cannot be had.
        :raises RateLimited: when there are too many durable ones.
        :raises JournalUnavailable: when the disk does not answer.
        """
        if ask.name is not None:
            return self._durable(ask.name, id, ask, outlet)
        position, recovered = begin(self._journal, ask)
        line = self._lines.find(outlet.codec, ask.types, ask.filters, taken)
        subscriber = Subscriber(
            id, outlet, line.cutter, line.live, self._journal, self._greens, self, position, ask.credit, self._window,
            lambda gone: self._gone(gone, line),
        )  # fmt: skip
        line.subscribers.add(subscriber)
        self._join(subscriber, Present.of(line.shape, outlet, None))
        return Opened(subscriber, self._journal.epoch, position, self._journal.end, recovered)

    def presence(self, types: Sequence[str]) -> list[Present]:
        """Who is subscribed to types that one of these patterns could match.

        :raises InvalidSubscription: when one is no pattern.
        """
        for pattern in types:
            if not valid_pattern(pattern):
                raise InvalidSubscription(f"{pattern!r} is no pattern")
        return self._presence.among(types)

    def deliver(self, block: Block) -> None:
        """Hand out volatile events."""
        self._lines.deliver(block, lambda events: self.drop("lagging", events))

    def drop(self, reason: str, events: int) -> None:
        """Count events that a subscription wanted and did not get."""
        if events:
            self.dropped[reason] += events

    def status(self) -> list[ConsumerStatus]:
        """How the durable ones are."""
        return self.groups.status()

    @property
    def count(self) -> dict[str, int]:
        """How many subscriptions there are now, by kind."""
        return {
            "live": sum(len(line.subscribers) for line in self._lines),
            "durable": sum(len(group.admitted) for group in self.groups),
        }

    def _durable(self, name: str, id: bytes, ask: Subscribe, outlet: Outlet) -> Opened:
        shape = Shape(outlet.codec, ask.types, ask.filters, next(self._sids))
        self.groups.await_leaving(name)
        position, recovered = (self._journal.end, True) if self.groups.knows(name) else begin(self._journal, ask)
        group, told = self.groups.find(name, shape, position)
        member = Member(id, outlet, shape, group, ask.credit, self._window, self._leave)
        group.admitted.add(member)
        if told:
            group.remember()
        # Nobody is told of a place that a crash could forget.
        group.known.wait()
        self._join(member, Present.of(shape, outlet, name))
        offset = group.record.offset
        recovered = recovered and offset >= self._journal.first
        return Opened(member, self._journal.epoch, offset, self._journal.end, recovered)

    def _join(self, key: object, present: Present) -> None:
        self._lines.announce(self._presence.join(key, present))

    def _leave(self, key: object) -> None:
        block = self._presence.leave(key)
        if block is not None:
            self._lines.announce(block)

    def _gone(self, subscriber: Subscriber, line: Line) -> None:
        line.subscribers.discard(subscriber)
        self._lines.let_go(line)
        self._leave(subscriber)

    def _tend(self) -> None:
        for number in itertools.count(1):
            if self._stop.wait(LOOK_EVERY):
                return
            if self._journal.epoch != self._epoch:
                self._begin_anew()
            if number % TELL_EVERY == 0:
                for line in self._lines:
                    line.live.tell()

    def _begin_anew(self) -> None:
        """The journal was mended, and offsets mean something else than before: everyone is told."""
        log.warning("subscriptions begin anew: the journal is another one")
        self._epoch = self._journal.epoch
        self._lines.forget_frames()
        for line in self._lines:
            for subscriber in list(line.subscribers):
                subscriber.restart(self._journal.first)
