"""Events written with their place: the same events, in either format, and never with two places."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.event import UNSET, Block, Draft, Encoding, Event
from eventd.formats import json_events, msgpack_events
from eventd.formats.blocks import decode
from eventd.formats.placed import OFFSET, placed
from tests.support.cloudevents import attributes, json_data, plain, raw

RECEIVED = 1_700_000_000_000_000_000

packed = msgspec.msgpack.encode


def block(draft: Draft, first: int = 10) -> Block:
    return Block(first, draft.count, draft.encoding, draft.types, RECEIVED, draft.body, draft.origin)


def json_block(*raws: bytes, first: int = 10) -> Block:
    return block(json_events.read_events(raws, {}), first)


def msgpack_block(*raws: bytes, first: int = 10) -> Block:
    return block(msgpack_events.read_events(raws, {}), first)


def read_again(events: list[bytes], json: bool) -> list[Event]:
    """What a door makes of what was written: nothing may be there twice."""
    draft = (json_events if json else msgpack_events).read_events(events, {})
    return decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body))


def in_place(event: Event, offset: int) -> Event:
    """The same event as it is to be written."""
    found = {name: value for name, value in event.attributes.items() if name != OFFSET}
    return Event(data=event.data, **found, **({OFFSET: offset} if offset >= 0 else {}))


def holds(whole: Block, json: bool) -> None:
    """Each event of a block is written as it is, and with its place."""
    written = placed(whole, json=json)
    expected = [in_place(event, whole.first + index) for index, event in enumerate(decode(whole))]

    assert read_again(written, json) == expected


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any event, whose sender may have used the name."""
    found = draw(attributes())
    if draw(st.booleans()):
        found[OFFSET] = draw(st.sampled_from(["", "mine", 7, True]))
    inside = st.builds(lambda value: {OFFSET: value}, json_data)
    data = draw(json_data.filter(fits_msgpack) | inside.filter(fits_msgpack) | st.binary() | st.just(UNSET))
    return Event(data=data, **found)


def fits_msgpack(data: object) -> bool:
    try:
        packed(data)
    except OverflowError:
        return False
    return True


SEVERAL = st.lists(events(), min_size=1, max_size=4)
#: A reader takes integers of 32 bits only; larger places are looked at on their own.
FIRST = st.integers(-100, 2**31 - 100)


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
@given(several=SEVERAL, first=FIRST)
def test_events_in_json_are_the_same_with_their_place(json: bool, several: list[Event], first: int) -> None:
    holds(json_block(*map(json_events.write, several), first=first), json)


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
@given(several=SEVERAL, first=FIRST)
def test_events_in_msgpack_are_the_same_with_their_place(json: bool, several: list[Event], first: int) -> None:
    holds(msgpack_block(*map(msgpack_events.write, several), first=first), json)


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
@given(
    records=st.lists(st.dictionaries(st.text(max_size=5), json_data).filter(fits_msgpack), min_size=1, max_size=4),
    metadata=st.dictionaries(st.sampled_from(["x", OFFSET]), st.sampled_from(["a", 7])),
    first=FIRST,
)
def test_forward_entries_are_the_same_with_their_place(
    json: bool, records: list[Any], metadata: dict[str, Any], first: int
) -> None:
    body = b"".join(packed([[1_700_000_000, metadata], record]) for record in records)
    holds(block(Draft(Encoding.FORWARD, len(records), ("a.b",), body, "forward://x"), first), json)


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
@given(several=SEVERAL, chosen=st.lists(st.integers(0, 3)), packing=st.booleans(), first=FIRST)
def test_some_of_the_events_are_written_as_among_all(
    json: bool, several: list[Event], chosen: list[int], packing: bool, first: int
) -> None:
    made = msgpack_block if packing else json_block
    write = msgpack_events.write if packing else json_events.write
    whole = made(*map(write, several), first=first)
    indices = [index for index in chosen if index < whole.count]
    every = placed(whole, json=json)

    assert placed(whole, indices, json=json) == [every[index] for index in indices]
    assert placed(whole, range(whole.count), json=json) == every


def test_the_bytes_are_kept_where_the_format_is_the_one_that_is_asked_for() -> None:
    written = b'{ "specversion":"1.0","id":"1", "source":"/s","type":"a","data":[1.10,1e2, {"a":1,"a":2}] }'
    assert placed(json_block(written, written), json=True) == [
        written[:-1] + b',"eventdoffset":10}',
        written[:-1] + b',"eventdoffset":11}',
    ]
    kept = packed(plain())
    [found] = placed(msgpack_block(kept), json=False)
    assert found[1:].startswith(kept[1:])


def test_space_between_the_events_of_a_batch_is_none_of_theirs() -> None:
    draft = json_events.read_batch(b"[ " + raw() + b" \n,\t" + raw(id="2") + b"\r\n]", {})

    assert placed(block(draft), json=True) == placed(json_block(raw(), raw(id="2")), json=True)


NAME = [
    '"eventdoffset"',
    '"eventdoffse\\u0074"',
    '"event\\u0064offset"',
    '"event\\u0064o\\u0066\\u0066set"',
    '"event\\u0064\\u006Ff\\u0066set"',
    "".join(["\"", *[f"\\u{ord(letter):04x}" for letter in OFFSET], "\""]),
]  # fmt: skip


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
@pytest.mark.parametrize("name", NAME)
@pytest.mark.parametrize("value", ["7", '"mine"', "null", "true"])
def test_a_sender_that_used_the_name_is_written_with_the_place_alone(json: bool, name: str, value: str) -> None:
    used = raw()[:-1] + f",{name}:{value}}}".encode()
    first, second = read_again(placed(json_block(used, raw(id="2")), json=json), json)

    assert (first.attributes[OFFSET], second.attributes[OFFSET]) == (10, 11)


@given(st.data())
def test_no_way_to_escape_the_name_gives_it_twice(data: st.DataObject) -> None:
    ways = [st.sampled_from([letter, f"\\u{ord(letter):04x}", f"\\u{ord(letter):04X}"]) for letter in OFFSET]
    name = "".join(data.draw(st.tuples(*ways)))
    [event] = read_again(placed(json_block(raw()[:-1] + f',"{name}":7}}'.encode()), json=True), json=True)

    assert event.attributes[OFFSET] == 10


@pytest.mark.parametrize("head", [b"\xac", b"\xd9\x0c", b"\xda\x00\x0c", b"\xdb\x00\x00\x00\x0c"])
def test_a_sender_that_used_the_name_in_msgpack_is_written_with_the_place_alone(head: bytes) -> None:
    event = packed(plain())
    used = bytes((event[0] + 1,)) + event[1:] + head + OFFSET.encode() + b"\x07"
    for json in (True, False):
        [found] = read_again(placed(msgpack_block(used), json=json), json)
        assert found.attributes[OFFSET] == 10


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
def test_the_name_in_a_payload_is_the_payloads_business(json: bool) -> None:
    data = {OFFSET: 7, "text": 'the "eventdoffset"'}
    for whole in (json_block(raw(data=data)), msgpack_block(packed(plain(data=data)))):
        [event] = read_again(placed(whole, json=json), json)
        assert (event.data, event.attributes[OFFSET]) == (data, 10)


@pytest.mark.parametrize("count", [4, 14, 15, 16, 17, 65_534, 65_535, 65_536])
def test_a_map_of_any_number_of_members_has_one_more(count: int) -> None:
    members = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a"}
    members |= {f"x{number}": number for number in range(count - len(members))}
    [found] = placed(msgpack_block(packed(members)), json=False)

    assert msgspec.msgpack.decode(found) == members | {OFFSET: 10}


@pytest.mark.parametrize("head", [b"\xde\x00\x07", b"\xdf\x00\x00\x00\x07"])
def test_a_head_that_is_larger_than_it_need_be_is_counted_up_too(head: bytes) -> None:
    event = packed(plain())
    assert event[0] == 0x87
    [found] = placed(msgpack_block(head + event[1:]), json=False)

    assert msgspec.msgpack.decode(found) == plain() | {OFFSET: 10}


@pytest.mark.parametrize("offset", [0, 2**31, 2**53, 2**63 - 1])
@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
def test_places_are_of_64_bits(json: bool, offset: int) -> None:
    for whole in (json_block(raw(), first=offset), msgpack_block(packed(plain()), first=offset)):
        [found] = placed(whole, json=json)
        assert (msgspec.json if json else msgspec.msgpack).decode(found) == plain() | {OFFSET: offset}


@pytest.mark.parametrize("json", [True, False], ids=["json", "msgpack"])
def test_events_that_have_no_place_are_written_without_one_whatever_their_sender_wrote(json: bool) -> None:
    for extra in ({}, {OFFSET: 7}):
        for whole in (
            json_block(raw(**extra), raw(id="2"), first=-2),
            msgpack_block(packed(plain(**extra)), packed(plain(id="2")), first=-2),
        ):
            assert [OFFSET in event.attributes for event in read_again(placed(whole, json=json), json)] == [False] * 2


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**40])
def test_numbers_that_msgpack_cannot_say_go_on_as_the_json_that_they_were(number: int) -> None:
    whole = json_block(raw(data={"n": [number]}), raw(id="2"), raw(id="3", data=number, datacontenttype=UNSET))
    first, second, third = read_again(placed(whole, json=False), json=False)

    assert msgspec.json.decode(first.data) == {"n": [number]}
    assert second.data == plain()["data"]
    assert (msgspec.json.decode(third.data), third.datacontenttype) == (number, "application/json")
    assert [event.data for event in decode(json_block(*placed(whole, json=True)))] == [
        {"n": [number]},
        plain()["data"],
        number,
    ]


def test_what_json_cannot_say_is_told_as_near_as_it_can_be() -> None:
    members = plain(key=b"\xfb\xff", data={"b": b"hi", 5: float("nan")})
    [event] = read_again(placed(msgpack_block(packed(members)), json=True), json=True)

    assert (event.attributes["key"], event.data) == ("+/8=", {"b": "aGk=", "5": None})


def test_a_payload_of_bytes_stays_one() -> None:
    whole = json_block(raw(data=UNSET, data_base64="aGk="))
    for json in (True, False):
        [event] = read_again(placed(whole, json=json), json)
        assert event.data == b"hi"
    assert msgspec.msgpack.decode(placed(whole, json=False)[0])["data"] == b"hi"


def test_nothing_is_written_of_no_events() -> None:
    for whole in (json_block(raw()), msgpack_block(packed(plain())), json_block(raw(**{OFFSET: 1}))):
        assert placed(whole, [], json=True) == placed(whole, [], json=False) == []
