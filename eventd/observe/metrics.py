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
        received = {listener.name: listener.received for listener in status.listeners}
        yield _counter("eventd_events_received", "Events read at the doors.", "listener", received)
        yield _counter("eventd_events_accepted", "Events made durable.", "", {"": status.events.accepted})
        yield _counter("eventd_events_rejected", "Events refused.", "reason", status.events.rejected)
        faults = status.events.faults
        yield _counter("eventd_input_faults", "Input refused that held no countable event.", "reason", faults)

    def _consumers(self, status: Status) -> Iterable[Metric]:
        rows = status.consumers
        yield _counter("eventd_events_settled", "Events handled.", "consumer", {c.name: c.settled for c in rows})
        yield _counter("eventd_events_dead", "Events put aside.", "consumer", {c.name: c.dead for c in rows})
        yield _counter("eventd_handler_retries", "Calls tried again.", "handler", {c.name: c.retries for c in rows})
        pending = {c.name: c.pending for c in rows}
        yield _gauge("eventd_consumer_pending_events", "Events not handled yet.", "consumer", pending)

    def _daemon(self, status: Status) -> Iterable[Metric]:
        connections = {listener.name: listener.connections for listener in status.listeners}
        yield _gauge("eventd_connections", "Open connections.", "listener", connections)
        yield _gauge("eventd_journal_bytes", "Size of the journal on disk.", "", {"": status.journal.bytes})
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


def _histogram(name: str, help_: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, help_, labels=[label] if label else [])
    for key, histogram in values.items():
        family.add_metric([key] if label else [], histogram.buckets(), histogram.total)
    return family
