"""Prometheus's text format, read back by its own parser."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from eventd.observe.histogram import Histogram
from eventd.observe.metrics import TROUBLES, Metrics
from tests.observe.samples import STATUS


@pytest.fixture
def samples() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    commits = Histogram()
    commits.observe(0.002)
    text = Metrics(lambda: STATUS, commits, lambda: {"handler:jsonl": Histogram()}).render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("eventd_events_received_total", (("listener", "http"),), 12),
        ("eventd_events_accepted_total", (), 10),
        ("eventd_events_rejected_total", (("reason", "too_large"),), 2),
        ("eventd_events_settled_total", (("consumer", "handler:jsonl"),), 7),
        # One is dead, four were and are settled now.
        ("eventd_events_dead_total", (("consumer", "handler:jsonl"),), 5),
        ("eventd_dead_settled_total", (("consumer", "handler:jsonl"),), 4),
        ("eventd_dead_dropped_total", (("consumer", "handler:jsonl"),), 8),
        ("eventd_dead_letters", (("consumer", "handler:jsonl"),), 1),
        ("eventd_events_passed_total", (("consumer", "handler:jsonl"),), 3),
        ("eventd_events_emitted_total", (("consumer", "handler:jsonl"),), 3),
        ("eventd_consumer_since_offset", (("consumer", "handler:jsonl"),), 1),
        ("eventd_consumer_paused", (("consumer", "handler:jsonl"),), 1),
        ("eventd_consumer_troubled", (("consumer", "handler:jsonl"), ("state", "stuck")), 0),
        ("eventd_journal_end_offset", (), 14),
        ("eventd_journal_damaged_events_total", (), 5),
        ("eventd_journal_dropped_events_total", (("consumer", "handler:jsonl"),), 6),
        ("eventd_events_received_total", (("listener", "sources"),), 8),
        ("eventd_events_pending", (), 2),
        ("eventd_duplicates_total", (), 1),
        ("eventd_events_volatile_total", (), 5),
        ("eventd_volatile_settled_total", (("consumer", "handler:jsonl"),), 4),
        ("eventd_volatile_dead_total", (("consumer", "handler:jsonl"),), 3),
        ("eventd_volatile_dropped_total", (("consumer", "handler:jsonl"),), 2),
        ("eventd_volatile_pending_events", (("consumer", "handler:jsonl"),), 1),
        ("eventd_books_balance", (), 1),
        ("eventd_consumer_pending_events", (("consumer", "handler:jsonl"),), 2),
        ("eventd_handler_retries_total", (("handler", "handler:jsonl"),), 3),
        ("eventd_connections", (("listener", "http"),), 3),
        ("eventd_subscriptions", (("kind", "live"),), 4),
        ("eventd_subscriptions", (("kind", "durable"),), 2),
        ("eventd_subscription_dropped_total", (("reason", "lagging"),), 9),
        ("eventd_journal_bytes", (), 4096),
        ("eventd_queue_bytes", (("queue", "ingest"),), 512),
        ("eventd_queue_limit_bytes", (("queue", "ingest"),), 1024),
        ("eventd_hub_lag_seconds", (), 0.001),
        ("eventd_hub_stalls_total", (("handler", "consumer handler:jsonl"),), 2),
        ("eventd_journal_commit_seconds_count", (), 1),
        ("eventd_journal_commit_seconds_bucket", (("le", "0.0025"),), 1),
        ("eventd_handler_seconds_count", (("handler", "handler:jsonl"),), 0),
    ],
)
def test_the_promised_names_are_there(
    name: str,
    labels: tuple[tuple[str, str], ...],
    value: float,
    samples: dict[tuple[str, tuple[tuple[str, str], ...]], float],
) -> None:
    assert samples[name, labels] == value


@pytest.mark.parametrize("state", TROUBLES)
def test_what_troubles_a_consumer_is_there(state: str) -> None:
    (row,) = STATUS.consumers
    status = msgspec.structs.replace(STATUS, consumers=[msgspec.structs.replace(row, state=state)])
    text = Metrics(lambda: status, Histogram(), dict).render().decode()
    lines = [line for line in text.splitlines() if line.startswith("eventd_consumer_troubled{")]
    assert len(lines) == len(TROUBLES)
    assert [line for line in lines if line.endswith(" 1.0")] == [
        f'eventd_consumer_troubled{{consumer="handler:jsonl",state="{state}"}} 1.0'
    ]


def test_the_books_balance_by_the_metrics_alone(samples: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> None:
    def total(name: str) -> float:
        return sum(value for (found, _), value in samples.items() if found == f"eventd_{name}")

    came = total("events_received_total")
    assert came == sum(map(total, (
        "events_accepted_total", "duplicates_total", "events_volatile_total", "events_rejected_total", "events_pending",
    )))  # fmt: skip
    known = total("events_settled_total") + total("events_dead_total") - total("dead_settled_total")
    known += total("events_passed_total") + total("consumer_pending_events")
    assert known == total("journal_end_offset") - total("consumer_since_offset")
