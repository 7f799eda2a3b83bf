"""``GET /metrics``: the status and the histograms in Prometheus's text format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from eventd.observe.histogram import Histogram
from eventd.observe.status import Status

__all__ = ["Metrics"]

#: States of a consumer in which it handles nothing, without being told to.
TROUBLES = ("disabled", "failing", "starting", "stuck")


class Metrics(Collector):
    """Asks for the status when somebody scrapes: the hot path only counts plain integers."""

    def __init__(
        self,
        status: Callable[[], Status],
        commits: Histogram,
        handlers: Callable[[], Mapping[str, Histogram]],
    ) -> None:
        self._status = status
        self._commits = commits
        self._handlers = handlers
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """The page that a Prometheus server scrapes."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known when they are collected."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """All metrics of this instant."""
        status = self._status()
        yield from self._events(status)
        yield from self._consumers(status)
        yield from self._daemon(status)
        yield _histogram("eventd_journal_commit_seconds", "Time of one durable commit.", "", {"": self._commits})
        yield _histogram("eventd_handler_seconds", "Time of one call of a handler.", "handler", self._handlers())

    def _events(self, status: Status) -> Iterable[Metric]:
        events = status.events
        yield _counter("eventd_events_received", "Events read at the doors.", "listener", events.doors)
        yield _counter("eventd_events_accepted", "Events of the doors made durable.", "", {"": events.accepted})
        yield _counter("eventd_events_rejected", "Events refused.", "reason", events.rejected)
        duplicates = {"": events.duplicates}
        yield _counter("eventd_duplicates", "Events acknowledged again and not stored again.", "", duplicates)
        yield _counter("eventd_events_volatile", "Events delivered from memory.", "", {"": events.volatile})
        yield _gauge("eventd_events_pending", "Events neither durable nor refused yet.", "", {"": events.pending})
        yield _counter("eventd_events_emitted", "Events that handlers made durable.", "consumer", events.emitted)
        yield _counter("eventd_input_faults", "Input refused that held no countable event.", "reason", events.faults)

    def _consumers(self, status: Status) -> Iterable[Metric]:
        rows = status.consumers
        yield _counter("eventd_events_settled", "Events handled.", "consumer", {c.name: c.settled for c in rows})
        # What a retry settles is dead no more, but a counter never goes back.
        settled_later = status.journal.dead_settled
        dead = {c.name: c.dead + settled_later.get(c.name, 0) for c in rows}
        yield _counter("eventd_events_dead", "Events put aside.", "consumer", dead)
        passed = {c.name: c.passed for c in rows}
        yield _counter("eventd_events_passed", "Events not wanted, or gone.", "consumer", passed)
        yield _counter("eventd_handler_retries", "Calls tried again.", "handler", {c.name: c.retries for c in rows})
        pending = {c.name: c.pending for c in rows}
        yield _gauge("eventd_consumer_pending_events", "Events not handled yet.", "consumer", pending)
        since = {c.name: c.since for c in rows}
        paused = {c.name: float(c.paused) for c in rows}
        yield _gauge("eventd_consumer_paused", "1 while it is paused.", "consumer", paused)
        yield _troubled(status)
        yield _gauge("eventd_consumer_since_offset", "The journal's end when it began.", "consumer", since)
        workers = {c.name: c.workers for c in rows}
        yield _gauge("eventd_workers", "Worker processes that run.", "handler", workers)
        restarts = {c.name: c.restarts for c in rows}
        yield _counter("eventd_worker_restarts", "Worker processes that took others' place.", "handler", restarts)
        yield from self._volatile(status)
        yield from self._dead_letters(status)

    def _volatile(self, status: Status) -> Iterable[Metric]:
        rows = {c.name: c.volatile for c in status.consumers if c.volatile is not None}
        settled = {name: row.settled for name, row in rows.items()}
        yield _counter("eventd_volatile_settled", "Volatile events handled.", "consumer", settled)
        dead = {name: row.dead for name, row in rows.items()}
        yield _counter("eventd_volatile_dead", "Volatile events put aside.", "consumer", dead)
        dropped = {name: row.dropped for name, row in rows.items()}
        yield _counter("eventd_volatile_dropped", "Volatile events dropped: memory was full.", "consumer", dropped)
        pending = {name: row.pending for name, row in rows.items()}
        yield _gauge("eventd_volatile_pending_events", "Volatile events not handled yet.", "consumer", pending)

    def _dead_letters(self, status: Status) -> Iterable[Metric]:
        journal = status.journal
        kept = {c.name: c.dead_letters for c in status.consumers}
        yield _gauge("eventd_dead_letters", "Dead letters kept.", "consumer", kept)
        yield _counter("eventd_dead_dropped", "Dead letters dropped.", "consumer", journal.dead_dropped)
        yield _counter("eventd_dead_settled", "Dead letters settled by a retry.", "consumer", journal.dead_settled)

    def _daemon(self, status: Status) -> Iterable[Metric]:
        connections = {listener.name: listener.connections for listener in status.listeners}
        yield _gauge("eventd_connections", "Open connections.", "listener", connections)
        subscriptions = status.subscriptions
        yield _gauge("eventd_subscriptions", "Open subscriptions.", "kind", subscriptions.count)
        missed = subscriptions.dropped
        yield _counter("eventd_subscription_dropped", "Events that subscribers did not get.", "reason", missed)
        held, most = {q.name: q.bytes for q in status.queues}, {q.name: q.limit for q in status.queues}
        yield _gauge("eventd_queue_bytes", "What waits in memory.", "queue", held)
        yield _gauge("eventd_queue_limit_bytes", "What may wait in memory.", "queue", most)
        yield _gauge("eventd_journal_bytes", "Size of the journal on disk.", "", {"": status.journal.bytes})
        yield _gauge("eventd_journal_end_offset", "The offset of the next event.", "", {"": status.journal.end})
        damaged = {"": status.journal.damaged}
        yield _counter("eventd_journal_damaged_events", "Events that cannot be read.", "", damaged)
        dropped = status.journal.dropped
        yield _counter("eventd_journal_dropped_events", "Events dropped before they were settled.", "consumer", dropped)
        yield _gauge("eventd_books_balance", "1 while the books balance.", "", {"": float(not status.imbalances)})
        yield _gauge("eventd_hub_lag_seconds", "How late the event loop runs.", "", {"": status.hub.lag})
        stalls = status.hub.stalls
        yield _counter("eventd_hub_stalls", "Times that one callback held the event loop.", "handler", stalls)
        yield _gauge("eventd_ready", "1 while the daemon is ready.", "", {"": float(status.ready)})


def _fill(family: CounterMetricFamily | GaugeMetricFamily, label: str, values: Mapping[str, float]) -> Metric:
    for name, value in values.items():
        family.add_metric([name] if label else [], value)
    return family


def _counter(name: str, help_: str, label: str, values: Mapping[str, float]) -> Metric:
    return _fill(CounterMetricFamily(name, help_, labels=[label] if label else []), label, values)


def _gauge(name: str, help_: str, label: str, values: Mapping[str, float]) -> Metric:
    return _fill(GaugeMetricFamily(name, help_, labels=[label] if label else []), label, values)


def _troubled(status: Status) -> Metric:
    help_ = "1 while it handles nothing, for this reason."
    family = GaugeMetricFamily("eventd_consumer_troubled", help_, labels=["consumer", "state"])
    for consumer in status.consumers:
        for state in TROUBLES:
            family.add_metric([consumer.name, state], float(consumer.state == state))
    return family


def _histogram(name: str, help_: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, help_, labels=[label] if label else [])
    for key, histogram in values.items():
        family.add_metric([key] if label else [], histogram.buckets(), histogram.total)
    return family
