"""The fast way: it may hesitate, but never accept what the rules refuse."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidEvent
from eventd.event import UNSET
from eventd.formats import plain as fast
from eventd.formats import rules
from tests.support.cloudevents import plain

decode = msgspec.json.Decoder(fast.Plain).decode
anything = st.sampled_from(
    ["", "a", "/a", "text/plain", "a:b", "2026-02-28T00:00:00Z", "2026-02-30T00:00:00Z", "\n", "ü", "\ufffe"]
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(fast.Plain.__struct_fields__[1:-1], anything)))
def test_what_is_accepted_the_rules_accept(attributes: dict[str, Any]):
    attributes = {"specversion": "1.0", **attributes}
    try:
        event = decode(msgspec.json.encode(attributes))
    except msgspec.ValidationError:
        return
    if fast.accepts(event) and fast.members(event) == len(attributes):
        rules.check(attributes)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(fast.Plain.__struct_fields__[1:-1], anything)), max_size=4))
def test_many_are_accepted_where_each_is(found: list[dict[str, Any]]):
    events = [decode(msgspec.json.encode({"specversion": "1.0", **each})) for each in found]
    assert fast.accepts_all(events) == all(map(fast.accepts, events))


def test_a_plain_event_is_accepted():
    event = decode(msgspec.json.encode(plain()))
    assert fast.accepts(event)
    assert fast.members(event) == len(plain()) - 1


@pytest.mark.parametrize("changed", [{"ext": "x"}, {"id": UNSET}, {"specversion": "0.3"}, {"subject": None}, {"id": 5}])
def test_anything_else_needs_a_closer_look(changed: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        decode(msgspec.json.encode(plain(**changed)))


@pytest.mark.parametrize(
    "changed", [{"source": "/" + "x" * 600}, {"time": "2026-01-31"}, {"source": "a b"}, {"id": ""}]
)
def test_so_does_what_is_not_certain(changed: dict[str, Any]):
    assert not fast.accepts(decode(msgspec.json.encode(plain(**changed))))


def test_payload_decoders_are_made_once():
    decoder = fast.payload_decoder(msgspec.json, int)
    assert decoder == fast.payload_decoder(msgspec.json, int)
    assert decoder(b"5") == 5


def test_the_fast_way_refuses_nothing_itself():
    with pytest.raises(InvalidEvent):
        rules.check(plain(data=UNSET, time="2026-01-31"))
