"""Starts a consumer for each handler and event type, and tells how they are.

Sources and webhooks stand at the front of the daemon: the dispatcher makes them, so that
they share one way in, and the daemon stops them with its doors. Sources are started by
the daemon, too; a webhook waits for requests, so it starts with the consumers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from eventd.dispatch.commits import NEW, Commits
from eventd.dispatch.consumer import Consumer
from eventd.dispatch.emitter import Deliver, Submit
from eventd.dispatch.feed import Feed
from eventd.dispatch.follow import place
from eventd.dispatch.inbox import Post
from eventd.dispatch.inhand import Hand, InHand
from eventd.dispatch.outside import OutsideWork
from eventd.dispatch.pausing import Paused
from eventd.dispatch.progress import ConsumerStatus
from eventd.dispatch.sources import Sources
from eventd.dispatch.volatile import VolatileLane
from eventd.dispatch.webhooks import Webhooks
from eventd.dispatch.work import Observe, Work
from eventd.green import Bridge, Group, Hub
from eventd.journal import ConsumerRecord, Journal, Unit
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry

__all__ = ["Dispatcher"]

log = logging.getLogger(__name__)


def _unobserved(consumer: str, seconds: float) -> None:
    """Where nobody asks how long calls take."""


class Dispatcher:
    """All consumers of the daemon.

    :param submit: the front door, for what sources and webhooks emit.
    :param observe: told how long each call of a handler took. :param in_hand: told what each plugin has in hand.
    """

    def __init__(
        self,
        journal: Journal,
        registry: Registry,
        hub: Hub,
        bridge: Bridge,
        submit: Submit,
        observe: Observe = _unobserved,
        in_hand: InHand | None = None,
    ) -> None:
        deliver = Deliver(submit, bridge)
        self.sources = Sources(registry, deliver, bridge)
        self.webhooks = Webhooks(registry, deliver, bridge)
        self._journal = journal
        self._registry = registry
        self._bridge = bridge
        self._observe = observe
        self._in_hand = in_hand
        self._group = Group("dispatch")
        self._feeds = Group("feed")
        self._hub = hub
        self.feed = Feed(journal, journal.end)
        #: Where volatile events come in.
        self.post = Post(registry.volatile, registry.types)
        self._volatile: dict[str, VolatileLane] = {}
        self.consumers: list[Consumer] = []
        #: Which consumers are handed nothing; subscriptions among them.
        self.paused = Paused(journal)

    def start(self) -> None:
        """Start all consumers where their cursors are, and the webhooks; consumers go on by themselves.

        Where a new consumer starts is written down first, before any event can come in.
        """
        self.paused.read()
        executed = [loaded for loaded in self._registry.event_types.values() if hasattr(loaded.subject, "execute")]
        for loaded in [*executed, *self._registry.handlers.values()]:
            self.consumers.append(self._consumer(loaded))
        self._feeds.spawn("feed", self.feed.run)
        for consumer in self.consumers:
            self._group.spawn(consumer.name, consumer.run)
        self.webhooks.start()

    def stop(self, timeout: float) -> bool:
        """Let each consumer finish what is in its hands, and write their places; whether all of it was in time."""
        for consumer in self.consumers:
            consumer.stop()
        in_time = self._group.stop(timeout)
        for consumer in self.consumers:
            consumer.close()
        self._feeds.kill()
        self._registry.injector.close()
        return in_time and not any(consumer.unsaved for consumer in self.consumers)

    def status(self) -> list[ConsumerStatus]:
        """How each consumer is now."""
        rows = [consumer.status() for consumer in self.consumers]
        for row in rows:
            if row.name in self._volatile:
                row.volatile = self._volatile[row.name].status
        return rows

    def _consumer(self, loaded: Loaded) -> Consumer:
        """A consumer that goes on where it was, or starts where its section says."""
        name, journal = loaded.full_name, self._journal
        record = journal.consumers.get(name)
        if record is None:
            position = place(journal, loaded.options.start)
            record = ConsumerRecord(position, since=position)
        made = OutsideWork if loaded.run == "process" else Work
        work = made(loaded, self._registry, self._bridge, journal.state(name), self._observe)
        work.sift = self.post.sift
        # Where a worker dies, the daemon knows.
        hand = Hand() if self._in_hand is None or loaded.run == "process" else self._in_hand.hand(name)
        consumer = Consumer(work, journal, self.feed, partial(self._door, name), self._registry.types, record, hand)
        inbox = self.post.subscribe(loaded.types, consumer.siding.loan.wake)
        if inbox is not None:
            consumer.siding.guest = self._volatile[name] = VolatileLane(consumer.siding.loan, journal, inbox)
        if name not in journal.consumers:
            consumer.save()
        consumer.hold(name in self.paused)
        return consumer

    def _door(
        self, name: str, record: ConsumerRecord, landed: Callable[[Unit], None], lost: Callable[[], None]
    ) -> Commits:
        durable = record.offset if name in self._journal.consumers else NEW
        return Commits(name, self._journal.submit, self._hub, record, durable, landed, lost)
