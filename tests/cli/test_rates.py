"""Rates of two statuses, and nothing but these."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventd.cli.rates import Rates, rates
from tests.cli.statuses import status

RATES = ("received", "accepted", "rejected", "settled", "emitted")


def test_what_was_done_in_between_by_the_daemons_own_clock() -> None:
    now = rates(status(10), status(14))

    assert now.seconds == 4
    assert [getattr(now, name) for name in RATES] == [100, 90, 10, 10, 3]
    assert [(row.name, row.connections, row.received) for row in now.listeners] == [("http", 0, 50), ("forward", 1, 50)]
    assert [(row.name, row.settled, row.pending, row.change) for row in now.consumers] == [
        ("handler:n0", 0, 0, 0), ("handler:n1", 10, 1070, 5),
    ]  # fmt: skip
    assert (now.lag, now.stalls, now.journal_growth, now.dead) == (0.0012, 3, 2048, 7)
    assert now.subscriptions == {"live": 2, "durable": 1}


def test_the_first_one_has_no_rates() -> None:
    now = rates(None, status(10))

    assert (now.seconds, now.restarted) == (None, False)
    assert {getattr(now, name) for name in (*RATES, "journal_growth", "missed")} == {None}
    assert {row.received for row in now.listeners} | {row.settled for row in now.consumers} == {None}
    assert now.consumers[1].pending == 1050


def test_one_that_began_anew_has_none_either_until_the_next() -> None:
    began = status(0, uptime=0.5)
    now = rates(status(100), began)

    assert (now.restarted, now.seconds, now.received) == (True, None, None)
    assert rates(began, status(1, uptime=1.5)).received == 100


def test_a_counter_that_goes_back_is_no_negative_rate() -> None:
    now = rates(status(100), status(0, uptime=1101.0))

    assert [getattr(now, name) for name in RATES] == [0] * 5
    assert [row.settled for row in now.consumers] == [0, 0]


def test_the_same_status_twice_tells_nothing_new() -> None:
    assert rates(status(5), status(5)).received is None


def test_who_was_not_there_before_has_no_rate_yet() -> None:
    now = rates(status(1, 2), status(2, 3))

    assert [row.settled for row in now.consumers] == [0, 10, None]
    assert now.settled == 10


def test_volatile_events_count_with_the_others() -> None:
    def told(second: int) -> dict[str, Any]:
        made = status(second, 1)
        made["consumers"][0]["volatile"] = {"settled": 7 * second, "dead": second, "pending": 2 * second}
        return made

    (row,) = rates(told(1), told(2)).consumers

    assert (row.settled, row.given_up, row.pending, row.change, row.dead) == (7, 1, 4, 2, 6)


def test_stalls_of_a_consumer_where_they_are_told() -> None:
    made = status(1)
    made["consumers"][1]["stalls"] = {"x": 2, "y": 3}

    assert [row.stalls for row in rates(None, made).consumers] == [None, 5]


def test_an_older_daemon_that_tells_less_and_a_newer_one_that_tells_more() -> None:
    now = rates({}, {"version": "0", "queues": [{"name": "x", "n": 1}], "news": 1, "consumers": [None, {}]})

    assert (now.version, now.node, now.ready, now.imbalances) == ("0", "?", False, None)
    assert now.queues == [{"name": "x", "n": 1}]
    assert [row.name for row in now.consumers] == ["None"]


@pytest.mark.parametrize(
    ("changes", "before"),
    [
        ({"state": "failing"}, {"state": "retrying", "pending": 9999}),
        ({"state": "stuck"}, {"dead": 9}),
        ({"state": "disabled"}, {"dead": 9}),
        ({"dead": 9}, {"state": "retrying"}),
        ({"state": "retrying"}, {"state": "paused", "paused": True}),
        ({"state": "paused", "paused": True}, {"pending": 99999}),
        ({"pending": 2000}, {"pending": 500}),
        ({"pending": 3000}, {"pending": 2000}),
        ({"pending": 900}, {}),
    ],
)
def test_who_needs_attention_stands_first(changes: dict[str, Any], before: dict[str, Any]) -> None:
    first, second = status(1, 1), status(2, 1)
    first["consumers"] = [{**first["consumers"][0], "name": name, "pending": 1000} for name in ("b", "a")]
    second["consumers"] = [{**first["consumers"][0], "name": "b", **changes}, {**first["consumers"][1], **before}]

    rows = sorted(rates(first, second).consumers, key=lambda row: row.attention)

    assert [row.name for row in rows] == (["b", "a"] if changes != {"pending": 900} else ["a", "b"])


NAMES = st.sampled_from(("name", "pending", "settled", "count", "dropped", "stalls", "volatile", "lag", "x"))
json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
PARTS = ("uptime", "listeners", "journal", "events", "consumers", "hub", "subscriptions", "queues", "reasons")


@settings(max_examples=100)
@given(*[st.dictionaries(st.sampled_from(PARTS), json)] * 2)
def test_whatever_is_told_is_taken(before: dict[str, Any], after: dict[str, Any]) -> None:
    now = rates(before, after)

    assert msgspec.json.decode(msgspec.json.encode(now), type=Rates).node == "?"
