"""Puts the status together from what each part counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

import msgspec

from eventd import __version__
from eventd.backlog import Backlog
from eventd.dispatch import commits
from eventd.dispatch.dispatcher import Dispatcher
from eventd.doors import CONTROL, Doors
from eventd.green import Hub
from eventd.ingest import Ingest
from eventd.journal import Journal
from eventd.observe.balance import imbalances
from eventd.observe.books import Books
from eventd.observe.health import Health
from eventd.observe.status import (
    Consumer,
    Events,
    FailedPlugin,
    HubStatus,
    JournalStatus,
    ListenerStatus,
    Queue,
    Source,
    Status,
    SubscriptionStatus,
    VolatileStatus,
)
from eventd.plugin.registry import Registry
from eventd.subscriptions.desk import Subscriptions

__all__ = ["Report"]

#: Before the name of a consumer, whose dead letters are of a replay.
REPLAY = "replay:"
#: What the names of durable subscriptions begin with.
SUBSCRIPTION = "subscription"


class Report:
    """Asks every part when somebody wants to know."""

    def __init__(
        self,
        node: str,
        hub: Hub,
        books: Books,
        health: Health,
        journal: Journal,
        ingest: Ingest,
        dispatcher: Dispatcher,
        registry: Registry,
        subscriptions: Subscriptions,
        backlog: Backlog,
    ) -> None:
        self._node = node
        self._hub = hub
        self._books = books
        self._health = health
        self._journal = journal
        self._ingest = ingest
        self._dispatcher = dispatcher
        self._registry = registry
        self._subscriptions = subscriptions
        self._backlog = backlog
        self._started = time.monotonic()
        #: Set by the daemon when the listeners are known.
        self.doors: Doors | None = None
        #: How often a callback held the hub, by its name.
        self.stalls: Counter[str] = Counter()

    def stalled(self, label: str) -> None:
        """Count a stall; those of durable subscriptions, whose names are the clients', together."""
        self.stalls[f"{SUBSCRIPTION}s" if label.startswith(f"{SUBSCRIPTION}:") else label] += 1

    def status(self) -> Status:
        """The whole daemon at this instant."""
        status = self._status()
        status.imbalances = imbalances(status)
        return status

    def handlers(self) -> list[Mapping[str, object]]:
        """Every consumer, with the patterns of the types that it wants."""
        types = {loaded.full_name: list(loaded.types) for loaded in self._registry.loaded}
        types |= {name: list(patterns) for name, patterns in self._subscriptions.groups.terms().items()}
        return [{**msgspec.structs.asdict(row), "types": types.get(row.name, [])} for row in self._consumers()]

    def _status(self) -> Status:
        reasons = self._health.reasons()
        return Status(
            version=__version__,
            node=self._node,
            uptime=round(time.monotonic() - self._started, 3),
            ready=not reasons,
            reasons=reasons,
            listeners=self._listeners(),
            journal=self._journal_status(),
            events=self._events(),
            consumers=self._consumers(),
            sources=[Source(s.name, s.emitted, s.restarts, s.state) for s in self._dispatcher.sources.status()],
            plugins_failed=[FailedPlugin(name, str(error)) for name, error in self._registry.failed],
            hub=HubStatus(self._hub.lag(), dict(self.stalls)),
            subscriptions=SubscriptionStatus(self._subscriptions.count, dict(self._subscriptions.dropped)),
            queues=self._queues(),
        )

    def plugins(self) -> list[Mapping[str, str]]:
        """Every plugin that is loaded."""
        return [
            {"kind": p.kind, "name": p.name, "package": p.package, "version": p.version, "summary": p.summary}
            for p in self._registry.loaded
        ]

    def _listeners(self) -> list[ListenerStatus]:
        return [
            ListenerStatus(
                listener.door.name,
                listener.protocol,
                listener.bound,
                len(listener.connections),
                self._books.received[listener.door.name],
            )
            for listener in (self.doors.listeners if self.doors is not None else [])
            if listener.door.name != CONTROL or self._books.received[CONTROL]
        ]

    def _queues(self) -> list[Queue]:
        """Every place where what clients send, or are sent, waits in memory."""
        ingest, journal, post = self._ingest, self._journal, self._dispatcher.post
        committing = len([*self._dispatcher.consumers, *self._subscriptions.groups])
        return [
            Queue("ingest", ingest.pending_bytes, ingest.most_pending),
            Queue("backlog", self._backlog.size, self._backlog.most),
            Queue("journal_writer", journal.pending_bytes, ingest.most_pending + committing * commits.MOST_BYTES),
            Queue("journal_memory", journal.tail.size, journal.tail.limit),
            Queue("volatile", post.size, post.most),
            *(Queue(*queue) for queue in (self.doors.queues() if self.doors is not None else ())),
        ]

    def _consumers(self) -> list[Consumer]:
        letters = self._journal.dead
        return [
            Consumer(
                c.name, c.kind, c.cursor, c.pending, c.settled, c.dead, c.retries, c.state, c.passed, c.since,
                letters.get(c.name, 0) + letters.get(f"{REPLAY}{c.name}", 0),
                None if c.volatile is None else VolatileStatus(*msgspec.structs.astuple(c.volatile)),
                workers=c.workers, restarts=c.restarts, paused=c.name in self._dispatcher.paused,
                run=c.run, moved=c.moved, stalls=self.stalls[c.name],
            )
            for c in [*self._dispatcher.status(), *self._subscriptions.status()]
        ]  # fmt: skip

    def _journal_status(self) -> JournalStatus:
        journal = self._journal
        return JournalStatus(
            journal.first,
            journal.end,
            journal.bytes,
            journal.dead_count,
            journal.pending_bytes,
            journal.problem,
            journal.damaged,
            dict(journal.dropped),
            self._counted("dead_dropped:"),
            self._counted("dead_raised:"),
        )

    def _counted(self, prefix: str) -> dict[str, int]:
        """The journal's counters whose names begin so, by the rest of the name."""
        return {name.removeprefix(prefix): n for name, n in self._journal.books.items() if name.startswith(prefix)}

    def _events(self) -> Events:
        return Events(
            received=sum(self._books.received.values()),
            accepted=self._ingest.accepted,
            pending=self._ingest.pending + self._books.held,
            rejected=dict(self._books.rejected + self._ingest.refused),
            faults=dict(self._books.faults),
            duplicates=self._books.duplicates,
            doors={row.name: 0 for row in self._listeners()} | self._books.received,
            emitted=self._counted("emitted:"),
            volatile=self._books.volatile,
        )
