"""The native protocol from the client's side, held against the server's half of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.client import messages
from eventd.client.failures import ServerFault
from eventd.client.messages import CODECS, Codec
from eventd.client.packing import Packer
from eventd.protocol import native
from eventd.protocol.limits import Limits
from eventd.protocol.ops import OPS
from eventd.protocol.websocket import Message

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b", "data": {"n": 1}, "eventdoffset": 7}


@pytest.fixture(params=["json", "msgpack"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


def module(codec: Codec) -> Any:
    return msgspec.json if codec.text else msgspec.msgpack


def server(codec: Codec) -> native.Codec:
    return native.CODECS[codec.name]


def test_every_message_of_the_server_has_the_fields_of_the_table():
    found = {kind.__struct_config__.tag: set(kind.__struct_fields__) for kind in messages.ServerMessage.__args__}

    told = {name: set(op.fields) for name, op in OPS.items() if op.sender == "server"}
    assert found == told


def test_the_server_reads_a_publish(codec):
    packed = Packer(json=codec.text, source="/here").pack([{"type": "a.b", "data": n} for n in range(3)])

    message = Message(codec.text, codec.publish(7, packed.events, packed.body))
    publish = server(codec).read(message, {}, Limits())

    assert (publish.draft.count, publish.draft.types) == (3, ("a.b",))
    assert codec.read(server(codec).ack(publish.id, 5, 7, "disk")).id == 7


def test_fields_without_a_value_are_left_out_and_from_is_no_keyword(codec):
    told = module(codec).decode(codec.say("subscribe", id=1, types=("a.>",), from_=5, epoch=None, credit=0))

    assert told == {"op": "subscribe", "id": 1, "types": ["a.>"], "from": 5, "credit": 0}


def test_an_ack_of_volatile_events_has_no_offsets(codec):
    ack = codec.read(server(codec).ack(b"1" if codec.text else b"\x01", 0, -1, "memory"))

    assert (ack.offsets, ack.durability) == (None, "memory")


def test_what_is_absent_or_more_than_known_is_read(codec):
    encode = module(codec).encode

    assert codec.read(encode({"op": "error", "later": [1]})).id is None
    assert codec.read(encode({"op": "nack", "id": 1})).errors == []
    [wrong] = codec.read(encode({"op": "nack", "id": 1, "errors": [{"message": "no"}]})).errors
    assert (wrong.index, wrong.attribute) == (0, "")
    [present] = codec.read(encode({"op": "present", "id": 1, "subscriptions": [{"types": ["a"]}]})).subscriptions
    assert (present.types, present.name) == (["a"], None)


def test_members_of_events_are_read_when_they_are_asked_for(codec):
    data = module(codec).encode({"op": "events", "sid": 1, "events": [EVENT], "offset": 8})

    message = codec.read(data)

    assert [(event.data, event.eventdoffset) for event in message.events] == [({"n": 1}, 7)]
    assert codec.members(data) == [EVENT]


@pytest.mark.parametrize(
    "wrong",
    [
        {"op": "publish", "id": 1, "events": []},
        {"op": "unheard"},
        {"id": 1},
        {"op": "ack", "id": "not ours", "durability": "disk"},
        {"op": "ack", "id": 1, "durability": "disk", "offsets": [1]},
        {"op": "ack", "id": 1, "durability": "disk", "offsets": [-1, 4]},
        {"op": "events", "sid": 1, "events": [{"eventdoffset": "x"}], "offset": 1},
        {"op": "events", "sid": 1, "events": None, "offset": 1},
        {"op": "subscribed", "id": 1, "sid": 1, "epoch": "e", "offset": 2**63, "end": 0, "recovered": True},
        [],
        None,
    ],
)
def test_what_no_server_says_is_the_servers_fault(codec, wrong):
    with pytest.raises(ServerFault):
        codec.read(module(codec).encode(wrong))


@given(st.binary(max_size=200), st.sampled_from(["json", "msgpack"]))
def test_any_bytes_are_a_message_or_the_servers_fault(data, name):
    try:
        CODECS[name].read(data)
    except ServerFault:
        pass


DEEP = b"[" * 100_000


def test_nesting_without_end_is_the_servers_fault():
    with pytest.raises(ServerFault):
        CODECS["json"].read(b'{"op":"events","sid":1,"offset":1,"events":[{"data":' + DEEP)
    with pytest.raises(ServerFault):
        CODECS["msgpack"].read(
            b"\x84\xa2op\xa6events\xa3sid\x01\xa6offset\x01\xa6events\x91\x81\xa4data" + b"\x91" * 100_000
        )
