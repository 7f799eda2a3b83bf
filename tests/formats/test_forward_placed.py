"""Forward entries written in one go are what is written of their events one by one."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from eventd.event import Block, Draft, Encoding, Event
from eventd.formats import json_events, msgpack_events
from eventd.formats.blocks import decode
from eventd.formats.forward_placed import placed_entries
from eventd.formats.placed import placed

RECEIVED = 1_700_000_000_000_000_000
FORMATS = pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])

times = st.integers(0, 2**40) | st.floats(0, 2**31) | st.just(Ext(0, bytes.fromhex("65000000 00000001"))) | st.none()
values = st.none() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=5) | st.booleans()
records = st.dictionaries(st.text(max_size=5), values | st.lists(values, max_size=2), max_size=3)


def block(*entries: Any, first: int = 10) -> Block:
    body = b"".join(map(msgspec.msgpack.encode, entries))
    return made(body, len(entries), first)


def made(body: bytes, count: int, first: int = 10) -> Block:
    draft = Draft(Encoding.FORWARD, count, ("a.b",), body, "forward://x")
    return Block(first, draft.count, draft.encoding, draft.types, RECEIVED, draft.body, draft.origin)


def one_by_one(whole: Block, json: bool) -> list[Event]:
    """What the readers make of the events as the writers write them, with their place."""
    found = []
    for event in decode(whole):
        if event.offset >= 0:
            event.attributes["eventdoffset"] = event.offset
        found.append((json_events if json else msgpack_events).write(event))
    return read(found, json)


def read(written: list[bytes], json: bool) -> list[Event]:
    body = b",".join(written) if json else b"".join(written)
    encoding = Encoding.JSON if json else Encoding.MSGPACK
    return decode(Block(0, len(written), encoding, (), 0, body))


@FORMATS
@given(entries=st.lists(st.tuples(times | st.tuples(times, st.just({})), records), min_size=1, max_size=4),
       first=st.integers(-3, 2**40))  # fmt: skip
def test_they_are_the_same_events(json: bool, entries: list[Any], first: int) -> None:
    whole = block(*entries, first=first)
    written = placed_entries(whole, range(whole.count), json=json)
    assert None not in written
    assert read([event for event in written if event is not None], json) == one_by_one(whole, json)


@FORMATS
def test_some_of_them_are_written_as_among_all(json: bool) -> None:
    whole = block(*[[number, {"n": number}] for number in range(5)])
    every = placed_entries(whole, range(5), json=json)
    assert placed_entries(whole, [3, 1], json=json) == [every[3], every[1]]


@FORMATS
def test_what_needs_a_closer_look_is_left_to_who_takes_it(json: bool) -> None:
    whole = block([1, {"n": 1}], [[2, {"k": "v"}], {"n": 2}], [3, {"n": 3}])
    one, two, three = placed_entries(whole, range(3), json=json)
    assert two is None
    assert placed(whole, json=json)[::2] == [one, three]
    assert b"v" in placed(whole, json=json)[1]


@FORMATS
def test_damaged_text_and_what_json_cannot_say_are_written_all_the_same(json: bool) -> None:
    damaged = msgpack.packb([1, {"text": "?"}]).replace(b"?", b"\xff")
    strange = msgpack.packb([2, {"map": {1.5: msgpack.ExtType(5, b"x")}}])
    plain = msgpack.packb([3, {"n": 3}])
    for body, count in [(damaged + plain, 2), (strange + plain, 2), (damaged + strange + plain, 3)]:
        written = placed(made(body, count), json=json)
        assert len(written) == count
        assert read(written[-1:], json)[0].data == {"n": 3}
