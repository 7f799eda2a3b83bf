"""Builds all parts in the order in which an event flows; starts them from the back, stops from the front.

    listeners ──► ingest ──► journal ──► dispatcher ──► plugins

This is the only file that knows every part. Each part is handed the next one as a callable, so that none imports what
stands to its right.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from eventd import green, systemd
from eventd.administration import administration
from eventd.backlog import Backlog
from eventd.client.script import script
from eventd.config.options import Configuration
from eventd.dispatch.dispatcher import Dispatcher
from eventd.dispatch.follow import follow
from eventd.dispatch.inhand import InHand
from eventd.dispatch.pruning import prune_journal
from eventd.doors import Doors
from eventd.duplicates import MOST_KNOWN, Duplicates
from eventd.errors import ConfigurationError, EventdError, Fault
from eventd.event import Draft
from eventd.formats.blocks import merge, split
from eventd.ingest import Done, Ingest
from eventd.journal import Committed, Journal, JournalOptions, Unit
from eventd.listen.admin import add_admin_routes
from eventd.listen.api import Answers, build_routes
from eventd.listen.door import Submit
from eventd.listen.maintenance import PRUNE, Wish, prune_route
from eventd.listen.routes import Route, Routes
from eventd.observe.books import Books
from eventd.observe.health import Health
from eventd.observe.histogram import Histogram
from eventd.observe.metrics import Metrics
from eventd.observe.page import page
from eventd.plugin.registry import Registry
from eventd.process import settle_memory
from eventd.protocol.messages import Request, Response
from eventd.report import Report
from eventd.subscriptions.desk import Subscriptions
from eventd.volatile import Volatile

__all__ = ["Daemon"]

log = logging.getLogger(__name__)

#: The listener under which events of sources are counted: they come through no socket.
SOURCES = "sources"

#: Bytes of events that may wait for the journal's writer before the doors stop reading.
MOST_PENDING = 64 * 1024 * 1024

#: Seconds that each part gets to stop, also where those before it took all of ``stop_timeout``.
LEAST_SECONDS = 1.0

#: Seconds behind ``stop_timeout`` after which a process that something holds up is ended.
GRACE = 10.0


class Daemon:
    """All parts of one eventd, from ``start`` to ``stop``."""

    def __init__(self, configuration: Configuration, registry: Registry) -> None:
        self.configuration = configuration
        self.registry = registry
        self.hub = green.hub()
        self.bridge = green.Bridge()
        self.group = green.Group("listeners")
        self.books = Books()
        self.health = Health()
        self.commits = Histogram()
        self.handlers: dict[str, Histogram] = defaultdict(Histogram)
        self._stopping = False
        self._hurried = green.Signal()
        self._deadline = 0.0
        self._after = ExitStack()
        #: Who has too much in memory.
        self._pressed: set[str] = set()
        self.journal = self._journal()
        self.ingest = Ingest(self._append, self.hub.call_soon, partial(self._pressure, "ingest"), MOST_PENDING)
        self.backlog = Backlog(partial(self._pressure, "backlog"), MOST_PENDING)
        self.books.refused = self.ingest.refused
        self.hub.turns.awaited = lambda: self.ingest.busy

    def start(self) -> None:
        """Open the journal, start the plugins, and only then let events in.

        Each part leaves behind how it is stopped, so that a start that fails half-way stops what had started.

        :raises ConfigurationError: when a directory, an address or a certificate cannot be had.
        :raises EventdError: when it cannot start for another reason; ``stop`` is still to be called.
        """
        after, in_time = self._after.callback, self._in_time
        after(self.bridge.close)
        self._make_state_dir()
        self.journal.open()
        in_time(self.journal.close)
        self.ingest.accepted = self.books.restore(self.journal.books)
        after(self._keep_books)
        self._build()
        self._watch()
        in_time(self.doors.close)
        self.dispatcher.start()
        in_time(self.dispatcher.stop)
        in_time(self.dispatcher.webhooks.stop)
        self.subscriptions.start()
        in_time(self.subscriptions.stop)
        after(self.ingest.stop)
        after(self.volatile.stop)
        self.dispatcher.sources.start()
        in_time(self.dispatcher.sources.stop)
        in_time(self.group.stop)
        after(self.doors.stop)
        after(self._leave)
        self.doors.open()
        self._tell_systemd()
        settle_memory()
        systemd.notify(READY="1", STATUS=f"listening at {', '.join(self.doors.addresses)}")
        log.info("ready")

    def stop(self) -> None:
        """Let nobody in, tell those who are in to go, finish what was read, then stop plugins and journal."""
        self._stopping = True
        timeout = self.configuration.eventd.stop_timeout
        self._deadline = time.monotonic() + (0.0 if self._hurried.is_set() else timeout)
        needed = int((timeout + GRACE) * 1e6)
        systemd.notify(STOPPING="1", STATUS="telling clients to go", EXTEND_TIMEOUT_USEC=needed)
        log.info("stopping")
        self._after.close()
        log.info("stopped")

    def hurry(self) -> None:
        """Finish ``stop`` soon: acknowledgements that are owed are sent, and handlers' work is left to the journal."""
        if not self._hurried.is_set():
            log.warning("stopping at once: what handlers have in hand comes again after the next start")
        self._hurried.set()
        self._deadline = time.monotonic()
        green.hurry(LEAST_SECONDS)

    def _leave(self) -> None:
        self.doors.leave(self.configuration.eventd.stop_timeout / 2, self._hurried)
        systemd.notify(STATUS="finishing what was read")

    def _in_time(self, stop: Callable[[float], object]) -> None:
        """Have a part stopped within what is then left of ``stop_timeout``."""
        self._after.callback(lambda: stop(max(LEAST_SECONDS, self._deadline - time.monotonic())))

    def _make_state_dir(self) -> None:
        path = Path(self.configuration.eventd.state_dir)
        try:
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError([Fault(f"[eventd] state_dir {path}: {error.strerror}")]) from error

    def _watch(self) -> None:
        """Have those named that hold the hub, and plugins broken off that hold it for too long."""
        options = self.configuration.eventd
        self.hub.stall_limit, self.hub.on_stall = options.stall_limit, self._stalled
        watchdog = green.Watchdog(self.hub, options.stall_most)
        watchdog.start()
        self._after.callback(watchdog.stop)

    def _tell_systemd(self) -> None:
        interval = systemd.watchdog_interval()
        if interval is not None:
            ended = green.Signal()
            self.group.spawn("watchdog", self._tell_watchdog, interval / 2, ended)
            self._after.callback(ended.set)

    @staticmethod
    def _tell_watchdog(pause: float, ended: green.Signal) -> None:
        """A hub that hangs tells nothing, and systemd starts the daemon again."""
        while not ended.wait(pause):
            systemd.notify(WATCHDOG="1")

    def _build(self) -> None:
        """Make the parts that need the open journal, from the back to the front."""
        registry, node = self.registry, self.configuration.eventd.node
        in_hand = InHand(Path(self.configuration.eventd.state_dir) / "in-hand")
        in_hand.open({name: record.offset for name, record in self.journal.consumers.items()})
        self._after.callback(in_hand.close)
        self.dispatcher = Dispatcher(
            self.journal, registry, self.hub, self.bridge, self._submit_source, self._observe, in_hand
        )
        self.volatile = Volatile(registry.volatile, self.dispatcher.post.deliver, self.hub.call_soon, self.books)
        self._sources = self.volatile.before(self.ingest.submit_all)
        limits = self.configuration.limits
        self.subscriptions = Subscriptions(
            node, self.journal, self.dispatcher.feed, self.hub, limits.subscription_window,
            limits.durable_subscriptions, self.dispatcher.paused,
        )  # fmt: skip
        self.dispatcher.post.along = self.subscriptions.deliver
        self.report = Report(
            node, self.hub, self.books, self.health, self.journal, self.ingest, self.dispatcher, registry,
            self.subscriptions, self.backlog,
        )  # fmt: skip
        self.doors = Doors(
            self.configuration, self._front(), self.books, registry.schemas, self._routes(), self.group,
            self.volatile.count if registry.volatile else None, self.subscriptions,
        )  # fmt: skip
        self.report.doors = self.doors
        self.health.add(lambda: self.journal.problem)
        self.health.add(self.ingest.problem)
        self.health.add(lambda: "the daemon is stopping" if self._stopping else None)

    def _front(self) -> Submit:
        """What the doors submit to: ingest, behind what takes out volatile events and duplicates."""
        window = self.configuration.journal.dedupe_window
        if not window:
            return self.backlog.before(self._sources) if self.registry.volatile else self._sources
        duplicates = Duplicates(self.ingest.submit_all, self.hub.call_soon, self.books, window)
        offset = max(self.journal.offset_at(time.time_ns() - int(window * 1e9)), self.journal.end - MOST_KNOWN)
        while blocks := self.journal.read(offset):
            duplicates.learn(blocks)
            offset = blocks[-1].end
        return self.backlog.before(self.volatile.before(duplicates.submit_all))

    def _routes(self) -> Routes:
        routes = build_routes(Answers(
            reasons=self.health.reasons,
            status=self.report.status,
            metrics=Metrics(self.report.status, self.commits, lambda: self.handlers).render,
            plugins=self.report.plugins,
            follow=lambda patterns, start, forever: follow(self.journal, patterns, start, forever),
            page=page,
            script=script,
        ))
        add_admin_routes(
            routes,
            administration(self.journal, self.dispatcher, self.subscriptions.groups, self.report.handlers),
        )
        routes.add("POST", PRUNE, prune_route(self._prune), admin=True)
        for path, receive in self.dispatcher.webhooks.routes().items():
            routes.add("POST", path, _webhook(receive), metered=True)
        return routes

    def _journal(self) -> Journal:
        options = self.configuration.journal
        return Journal(
            Path(self.configuration.eventd.state_dir) / "journal.sqlite",
            self.bridge,
            JournalOptions(
                fsync=options.fsync,
                memory=options.memory,
                retention_time=options.retention_time,
                retention_size=options.retention_size,
                dead_count=options.dead_count,
                dead_time=options.dead_time,
                node=self.configuration.eventd.node,
                on_commit=lambda seconds, events, size: self.commits.observe(seconds),
            ),
        )

    def _append(self, drafts: list[Draft], done: Done) -> None:
        changed = self.books.changes(accepted=sum([draft.count for draft in drafts]))

        def committed(outcome: Committed | EventdError) -> None:
            if isinstance(outcome, EventdError):
                self.books.take_back(changed)
                done(-1, outcome)
            else:
                done(outcome.first, None)

        parts = [part for draft in merge(drafts) for part in split(draft)]
        self.journal.submit(Unit(drafts=parts, books=changed), committed)

    def _keep_books(self) -> None:
        """What was refused since the last events came, before the journal is closed."""
        self.journal.submit(Unit(books=self.books.changes(accepted=0)), lambda outcome: None)

    def _submit_source(self, draft: Draft, done: Done) -> None:
        self.books.receive(SOURCES, draft.count)
        self._sources([draft], draft.count, done)

    def _prune(self, wish: Wish) -> object:
        return prune_journal(self.journal, wish.before, wish.size, wish.unsettled)

    def _pressure(self, who: str, pressed: bool) -> None:
        (self._pressed.add if pressed else self._pressed.discard)(who)
        self.doors.pressure(bool(self._pressed))

    def _observe(self, consumer: str, seconds: float) -> None:
        self.handlers[consumer].observe(seconds)

    def _stalled(self, label: str, seconds: float) -> None:
        self.report.stalled(label)
        log.warning("%s held the event loop for %.3f s", label, seconds)


def _webhook(receive: Callable[[Request], Response]) -> Route:
    return lambda request, door: receive(request)
