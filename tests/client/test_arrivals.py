"""Messages of the server as events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eventd.client.arrivals import Arrival, arrival
from eventd.client.failures import ServerFault
from eventd.client.messages import CODECS, EventsMessage
from eventd.event import UNSET

PLAIN = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b", "time": "2026-01-31T12:00:00Z"}


def came(events: list[dict[str, Any]], offset: int = 100, name: str = "json") -> Arrival:
    codec = CODECS[name]
    module = msgspec.json if codec.text else msgspec.msgpack
    data = module.encode({"op": "events", "sid": 1, "events": events, "offset": offset})
    message = codec.read(data)
    assert isinstance(message, EventsMessage)
    return arrival(codec, message, data)


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_an_event_has_its_payload_its_place_and_its_attributes(name):
    arrived = came([{**PLAIN, "data": [1, None], "eventdoffset": 41, "tenant": "x", "level": 3}], 50, name)

    [event] = arrived.events
    assert (event.data, event.offset, arrived.end) == ([1, None], 41, 50)
    assert event.attributes == {name: PLAIN[name] for name in ("id", "source", "type", "time")} | {
        "tenant": "x", "level": 3,
    }  # fmt: skip


def test_offsets_with_holes_have_the_attributes_of_their_own_event():
    events = came([{**PLAIN, "id": str(offset), "eventdoffset": offset} for offset in (3, 4, 9, 70)]).events

    assert [(event.offset, event.id) for event in reversed(events)] == [(70, "70"), (9, "9"), (4, "4"), (3, "3")]


def test_volatile_events_have_no_place_and_are_not_taken_for_each_other():
    events = came([{**PLAIN, "id": id} for id in "abc"]).events

    assert [(event.offset, event.id) for event in events] == [(-1, "a"), (-1, "b"), (-1, "c")]


def test_payloads_are_what_they_were():
    absent, null, binary = came([PLAIN, {**PLAIN, "data": None}, {**PLAIN, "data_base64": "AAE="}]).events

    assert (absent.data, null.data, binary.data) == (UNSET, None, b"\0\1")


def test_a_null_attribute_is_unset():
    [event] = came([{**PLAIN, "subject": None}]).events

    assert event.subject is None
    assert "subject" not in event.attributes


def test_a_message_may_be_without_events():
    assert came([], 7).events == []


def test_what_should_be_base64_and_is_not_is_the_servers_fault():
    with pytest.raises(ServerFault, match="data_base64"):
        came([{**PLAIN, "data_base64": "A"}])
