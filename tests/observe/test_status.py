"""The status is one JSON document."""

from __future__ import annotations

import json

import msgspec

from eventd.observe.status import SubscriptionStatus
from tests.observe.samples import STATUS


def test_the_status_survives_json() -> None:
    document = msgspec.json.encode(STATUS)
    assert msgspec.json.decode(document, type=type(STATUS)) == STATUS
    assert json.loads(document)["events"]["rejected"] == {"too_large": 2}
    assert json.loads(document)["subscriptions"] == {"count": {"live": 4, "durable": 2}, "dropped": {"lagging": 9}}


def test_a_status_of_before_there_were_subscriptions_can_be_read() -> None:
    document = json.loads(msgspec.json.encode(STATUS))
    del document["subscriptions"]

    assert msgspec.convert(document, type(STATUS)).subscriptions == SubscriptionStatus()
