"""The native protocol in both of its encodings."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import ClientError, InvalidEvent, JournalUnavailable, MalformedInput, TooLarge, UnsupportedFormat
from eventd.event import Block, Draft
from eventd.formats import blocks
from eventd.protocol.asks import Credit, Declined, Presence, Settle, Subscribe, Unsubscribe
from eventd.protocol.limits import Limits
from eventd.protocol.native import CODECS, JSON, MSGPACK, Codec, Nacked
from eventd.protocol.ops import OPS
from eventd.protocol.websocket import Message

LIMITS = Limits(batch_events=10)
EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b", "data": {"celsius": 21.5}}


class Reading(msgspec.Struct):
    celsius: float


@pytest.fixture(params=[JSON, MSGPACK], ids=["json", "msgpack"])
def codec(request: pytest.FixtureRequest) -> Codec:
    codec: Codec = request.param
    return codec


def module(codec: Codec) -> Any:
    return msgspec.json if codec.text else msgspec.msgpack


def say(codec: Codec, told: object) -> Message:
    return Message(codec.text, module(codec).encode(told))


def read(codec: Codec, told: object, schemas: dict[str, type] | None = None) -> Any:
    return codec.read(say(codec, told), schemas or {}, LIMITS)


def heard(codec: Codec, answer: bytes) -> Any:
    return module(codec).decode(answer)


def events(draft: Draft) -> list[Any]:
    block = Block(0, draft.count, draft.encoding, draft.types, 0, draft.body, draft.origin)
    return blocks.decode(block)


def test_a_publish_is_read_and_acknowledged_with_its_id(codec: Codec) -> None:
    publish = read(codec, {"op": "publish", "id": "7", "events": [EVENT, EVENT | {"id": "2"}]})
    assert publish.draft.count == 2
    assert publish.draft.types == ("a.b",)
    assert [event.id for event in events(publish.draft)] == ["1", "2"]
    assert heard(codec, codec.ack(publish.id, 40, 41, "disk")) == {
        "op": "ack",
        "id": "7",
        "offsets": [40, 41],
        "durability": "disk",
    }


@given(st.one_of(st.text(max_size=60), st.integers(-(2**63), 2**64 - 1), st.none()), st.sampled_from([JSON, MSGPACK]))
def test_any_id_comes_back(id: str | int | None, codec: Codec) -> None:
    publish = read(codec, {"op": "publish", "id": id, "events": [EVENT]})
    assert heard(codec, codec.ack(publish.id, 0, 0, "disk"))["id"] == id
    assert heard(codec, codec.nack(publish.id, [JournalUnavailable("full")]))["id"] == id


def test_an_absent_id_is_null_in_the_answer(codec: Codec) -> None:
    publish = read(codec, {"op": "publish", "events": [EVENT]})
    assert heard(codec, codec.ack(publish.id, 0, 0, "disk"))["id"] is None
    assert heard(codec, codec.nack(publish.id, []))["id"] is None


def test_members_in_any_order_and_unknown_ones_are_read(codec: Codec) -> None:
    publish = read(codec, {"later": [1], "events": [EVENT], "id": 5, "op": "publish"})
    assert publish.draft.count == 1


def test_one_bad_event_refuses_all_and_is_named(codec: Codec) -> None:
    with pytest.raises(Nacked) as caught:
        read(codec, {"op": "publish", "id": "7", "events": [EVENT, EVENT | {"id": ""}]})
    assert caught.value.count == 2
    told = heard(codec, codec.nack(caught.value.id, [caught.value.error]))
    assert (told["op"], told["id"]) == ("nack", "7")
    [error] = told["errors"]
    assert (error["index"], error["attribute"]) == (1, "id")
    assert error["message"]
    assert "retry_after" not in told


def test_a_payload_that_is_not_of_its_type_is_named_by_its_field(codec: Codec) -> None:
    wrong = EVENT | {"data": {"celsius": "warm"}}
    with pytest.raises(Nacked) as caught:
        read(codec, {"op": "publish", "id": "7", "events": [EVENT, wrong]}, {"a.b": Reading})
    assert isinstance(caught.value.error, InvalidEvent)
    assert (caught.value.error.index, caught.value.error.attribute) == (1, "data.celsius")


@pytest.mark.parametrize("wrong", [None, 5, "x", {}, [], [1], ["x"], [[EVENT]], {"id": "1"}, [None]])
def test_what_is_no_list_of_events_is_nacked(codec: Codec, wrong: object) -> None:
    with pytest.raises(Nacked) as caught:
        read(codec, {"op": "publish", "id": "7", "events": wrong})
    assert caught.value.error.message
    with pytest.raises(Nacked):
        read(codec, {"op": "publish", "id": "7"})


def test_too_many_events_are_nacked(codec: Codec) -> None:
    with pytest.raises(Nacked) as caught:
        read(codec, {"op": "publish", "id": "7", "events": [EVENT] * 11})
    assert isinstance(caught.value.error, TooLarge)


@pytest.mark.parametrize("element", [{}, 1, [], {"a": {}}])
def test_millions_of_small_elements_are_refused_before_room_is_made(codec: Codec, element: object) -> None:
    with pytest.raises(Nacked):
        read(codec, {"op": "publish", "id": "7", "events": [element] * 500_000})


def test_the_journals_refusal_says_when_to_come_back(codec: Codec) -> None:
    error = JournalUnavailable("the disk is full")
    told = heard(codec, codec.nack(b"", [error], error.retry_after))
    assert told["errors"] == [{"message": "the disk is full"}]
    assert told["retry_after"] == 5.0


def test_error_and_bye_are_messages(codec: Codec) -> None:
    assert heard(codec, codec.error(None, "unknown_op", "x")) == {"op": "error", "code": "unknown_op", "message": "x"}
    assert heard(codec, codec.error(module(codec).encode("7"), "c", "x"))["id"] == "7"
    assert heard(codec, codec.bye("shutdown", 1.5)) == {"op": "bye", "reason": "shutdown", "retry_after": 1.5}


@pytest.mark.parametrize(
    "told",
    [
        None,
        5,
        [],
        {},
        {"op": 5},
        {"op": None},
        {"op": "publish", "id": [1], "events": [EVENT]},
        {"op": "publish", "id": {}, "events": [EVENT]},
        {"op": "publish", "id": 1.5, "events": [EVENT]},
        {"op": "publish", "id": True, "events": [EVENT]},
        {"op": "publish", "id": "x" * 300, "events": [EVENT]},
        {"op": "shout"},
        {"op": "ack", "id": "1"},
    ],
)
def test_a_message_that_is_none_ends_the_connection(codec: Codec, told: object) -> None:
    with pytest.raises(MalformedInput) as caught:
        read(codec, told)
    assert caught.value.close_code == 1007


@pytest.mark.parametrize("op", [op for op, meant in OPS.items() if meant.sender == "server"])
def test_what_the_server_says_is_not_for_a_client(codec: Codec, op: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        read(codec, {"op": op})
    assert caught.value.reason == "wrong_direction"


def test_the_wrong_kind_of_message_ends_the_connection(codec: Codec) -> None:
    message = say(codec, {"op": "publish", "events": [EVENT]})
    message.text = not message.text
    with pytest.raises(UnsupportedFormat) as caught:
        codec.read(message, {}, LIMITS)
    assert caught.value.close_code == 1003


@pytest.mark.parametrize("depth", [200, 5000, 500_000])
def test_nesting_without_end_is_refused(codec: Codec, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth if codec.text else b"\x91" * depth + b"\xc0"
    whole = module(codec).encode({"op": "publish", "id": 1, "events": [EVENT | {"data": msgspec.Raw(deep)}]})
    for data in (deep, whole):
        with pytest.raises(ClientError):
            codec.read(Message(codec.text, data), {}, LIMITS)


def test_what_is_asked_beside_publishing_is_read(codec: Codec) -> None:
    ask = read(codec, {"op": "subscribe", "id": "7", "types": ["a.>"], "from": 5, "credit": 10})
    assert isinstance(ask, Subscribe)
    assert (ask.types, ask.start, ask.credit, heard(codec, bytes(ask.id))) == (["a.>"], 5, 10, "7")
    assert isinstance(read(codec, {"op": "unsubscribe", "id": "7", "sid": 1}), Unsubscribe)
    assert isinstance(read(codec, {"op": "presence", "id": "7", "types": ["a"]}), Presence)
    assert read(codec, {"op": "credit", "sid": 1, "n": 5}) == Credit(1, 5)
    assert read(codec, {"op": "settle", "sid": 1, "offsets": [1, [3, 5]]}) == Settle(1, [1, (3, 5)])


@given(st.text(max_size=60) | st.integers(-(2**63), 2**64 - 1) | st.none(), st.sampled_from([JSON, MSGPACK]))
def test_any_id_of_a_request_comes_back_however_it_ends(id: str | int | None, codec: Codec) -> None:
    ask = read(codec, {"op": "subscribe", "id": id, "types": ["a"]})
    assert heard(codec, codec.subscribed(bytes(ask.id), 1, "e", 0, 0, recovered=True))["id"] == id
    with pytest.raises(Declined) as caught:
        read(codec, {"op": "subscribe", "id": id, "types": []})
    assert heard(codec, codec.error(caught.value.id, "c", "m"))["id"] == id


@pytest.mark.parametrize("op", ["subscribe", "unsubscribe", "presence"])
def test_a_request_with_wrong_fields_is_declined_and_the_connection_goes_on(codec: Codec, op: str) -> None:
    with pytest.raises(Declined) as caught:
        read(codec, {"op": op, "id": "7"})
    assert heard(codec, caught.value.id) == "7"
    assert caught.value.reason == "invalid_subscription"
    with pytest.raises(Declined) as caught:
        read(codec, {"op": op})
    assert caught.value.id == b""


@pytest.mark.parametrize("op", ["credit", "settle"])
def test_what_has_no_answer_ends_the_connection_where_its_fields_are_wrong(codec: Codec, op: str) -> None:
    with pytest.raises(MalformedInput):
        read(codec, {"op": op, "id": "7"})


@pytest.mark.parametrize("id", [[1], {}, 1.5, True, "x" * 300])
@pytest.mark.parametrize("op", ["subscribe", "unsubscribe", "presence"])
def test_a_request_whose_id_is_none_ends_the_connection(codec: Codec, op: str, id: object) -> None:
    with pytest.raises(MalformedInput):
        read(codec, {"op": op, "id": id, "types": ["a"], "sid": 1})


def test_a_request_is_as_long_as_a_message_of_its_own_may_be_and_no_longer(codec: Codec) -> None:
    with pytest.raises(TooLarge):
        read(codec, {"op": "subscribe", "id": "7", "types": ["a"], "epoch": "x" * 300_000})


def test_events_are_nothing_to_a_request_and_fields_of_a_request_nothing_to_a_publish(codec: Codec) -> None:
    assert read(codec, {"op": "presence", "types": ["a"], "events": [EVENT]}).types == ["a"]
    assert read(codec, {"op": "publish", "events": [EVENT], "types": 5, "sid": "x", "from": []}).draft.count == 1


@given(st.binary(max_size=100), st.sampled_from([JSON, MSGPACK]))
def test_any_bytes_are_a_publish_or_an_error(data: bytes, codec: Codec) -> None:
    with pytest.raises(ClientError):
        codec.read(Message(codec.text, data), {}, LIMITS)


@given(st.integers(0, 1000), st.binary(max_size=4), st.sampled_from([JSON, MSGPACK]))
def test_a_damaged_publish_is_one_or_an_error(at: int, damage: bytes, codec: Codec) -> None:
    data = say(codec, {"op": "publish", "id": "7", "events": [EVENT]}).data
    at %= len(data)
    try:
        publish = codec.read(Message(codec.text, data[:at] + damage + data[at + len(damage) :]), {}, LIMITS)
    except ClientError:
        return
    assert len(events(publish.draft)) == publish.draft.count


def test_each_subprotocol_has_its_codec() -> None:
    assert CODECS == {"eventd.v1.json": JSON, "eventd.v1.msgpack": MSGPACK}


@pytest.mark.parametrize("codec", CODECS.values(), ids=lambda codec: codec.name)
def test_an_ack_of_events_without_offsets_says_so(codec: Codec) -> None:
    told = heard(codec, codec.ack(b"", -1, -2, "memory"))
    assert told == {"op": "ack", "id": None, "offsets": None, "durability": "memory"}
