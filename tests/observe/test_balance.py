"""An event that is in no column, or in two, is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eventd.observe.balance import imbalances
from eventd.observe.status import Status
from tests.observe.samples import STATUS


def with_events(**changed: Any) -> Status:
    return msgspec.structs.replace(STATUS, events=msgspec.structs.replace(STATUS.events, **changed))


def with_consumer(**changed: Any) -> Status:
    return msgspec.structs.replace(STATUS, consumers=[msgspec.structs.replace(STATUS.consumers[0], **changed)])


def test_a_status_as_it_should_be_balances() -> None:
    assert imbalances(STATUS) == []


@pytest.mark.parametrize("name", ["accepted", "duplicates", "volatile", "pending"])
def test_an_event_that_the_doors_lost_is_missing(name: str) -> None:
    found = imbalances(with_events(**{name: getattr(STATUS.events, name) - 1}))

    assert len(found) == 1
    assert "1 are missing" in found[0]


def test_an_event_that_was_counted_twice_is_too_many() -> None:
    assert "2 too many" in imbalances(with_events(rejected={"too_large": 4}))[0]


def test_an_event_of_no_door_is_told() -> None:
    assert imbalances(with_events(doors={"http": 12})) == ["20 events were received, but 12 by all doors together"]


@pytest.mark.parametrize("name", ["settled", "dead", "passed", "pending"])
def test_an_event_that_a_consumer_lost_is_missing(name: str) -> None:
    found = imbalances(with_consumer(**{name: 0}))

    assert len(found) == 1
    assert found[0].startswith("handler:jsonl: 13 events came since it started, but ")
    assert found[0].endswith("are missing")


def test_an_event_that_a_consumer_counted_twice_is_too_many() -> None:
    assert "1 too many" in imbalances(with_consumer(settled=8))[0]


@pytest.mark.parametrize("name", ["settled", "dead", "dropped", "pending"])
def test_a_volatile_event_that_is_in_no_column_is_told(name: str) -> None:
    row = STATUS.consumers[0].volatile
    assert row is not None
    found = imbalances(with_consumer(volatile=msgspec.structs.replace(row, **{name: 0})))

    assert len(found) == 1
    assert found[0].startswith("handler:jsonl: 10 volatile events came, but ")
