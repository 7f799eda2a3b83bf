"""The fast ways take nothing that the careful way would not take, or take otherwise."""

from __future__ import annotations

from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventd.errors import ClientError
from eventd.event import Block, Draft
from eventd.formats import blocks, json_events, msgpack_events
from eventd.protocol import native
from eventd.protocol.limits import Limits
from eventd.protocol.websocket import Message
from tests.support.cloudevents import plain

LIMITS = Limits(batch_events=5)


class Reading(msgspec.Struct):
    celsius: float


SCHEMAS: dict[str, type] = {"typed": Reading}

#: What a member may be: mostly good, now and then nearly.
NAMES = st.sampled_from(
    ["specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema", "data", "data_base64",
     "op", "events", "ext", "Id", "", "i d", "é"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["1.0", "1", "", "a", "/s", "typed", "com.example.a", "a b", "%zz", "2026-01-31T12:00:00Z", "2026-02-30T12:00:00Z",
     "text/plain", "application/json", "text", "urn:x", "http://h/#f", '"', "\\", '\\"', "\n", "\x7f", "\ufdd0",
     "\u200b", "\ud7ff", "é", "x" * 600]
)  # fmt: skip
VALUES = st.recursive(
    TEXTS
    | st.none()
    | st.booleans()
    | st.sampled_from([0, -1, 1.5, 2**31, 2**63, 1e300, float("inf")])
    | st.sampled_from([[[]] * 3, {"celsius": 1}, {"celsius": "x"}, {"type": "typed"}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def members(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """The members of something near an event: some changed, gone, more, or there twice."""
    found = list(plain().items())
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(found)))
        change = draw(st.sampled_from(["set", "drop", "add", "again"]))
        if change == "add" or at == len(found):
            found.insert(at, (draw(NAMES), draw(VALUES)))
        elif change == "drop":
            del found[at]
        elif change == "again":
            found.append((found[at][0], draw(VALUES)))
        else:
            found[at] = (found[at][0], draw(VALUES))
    return found


def written(pairs: list[tuple[str, Any]], space: str = "") -> bytes:
    """JSON in which a member may be there twice."""
    encoded = [msgspec.json.encode(name) + b":" + space.encode() + msgspec.json.encode(value) for name, value in pairs]
    return b"{" + b",".join(encoded) + b"}"


@st.composite
def publishes(draw: st.DrawFn) -> bytes:
    events = [written(draw(members()), draw(st.sampled_from(["", " "]))) for _ in range(draw(st.integers(0, 3)))]
    parts = [
        (b'"op"', draw(st.sampled_from([b'"publish"', b'"publish"', b'"publish"', b'"ack"', b"1"]))),
        (b'"id"', draw(st.sampled_from([b'"1"', b"1", b"0", b'""', b"null", b"[]", b'"%b"' % (b"x" * 300), b"1.0"]))),
        (b'"events"', b"[" + b",".join(events) + b"]"),
    ]
    parts = [part for part in parts if draw(st.integers(0, 15))]
    if not draw(st.integers(0, 7)):
        name = draw(st.sampled_from([b'"id"', b'"op"', b'"events"', b'"x"']))
        parts.append((name, draw(st.sampled_from([b"1", b'"publish"', b"[]"]))))
    parts = draw(st.permutations(parts))
    data = b"{" + b",".join([name + b":" + value for name, value in parts]) + b"}"
    return damaged(draw, data)


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Now and then, one byte is another."""
    if data and not draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(data) - 1))
        other = draw(st.sampled_from([b"", b" ", b'"', b"\\", b"{", b"]", b"\xff", b"\0", b",", b"1"]))
        return data[:at] + other + data[at + 1 :]
    return data


def decoded(draft: Draft) -> list[tuple[dict[str, Any], Any]]:
    events = blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body, draft.origin))
    return [(dict(event.attributes), event.data) for event in events]


@settings(max_examples=300, deadline=None)
@given(data=publishes())
@example(data=b'{"op":"publish","id":1,"events":[' + written(list(plain().items())) + b"]}")
def test_a_publish_that_is_read_fast_is_read_alike_with_care(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        return  # no session hands such a message on
    fast = native._read_plain(data, SCHEMAS)
    if fast is None:
        return
    with mock.patch.object(native, "_read_plain", return_value=None), mock.patch.object(
        json_events, "_read_plain", return_value=None
    ):
        careful = native.JSON.read(Message(True, data), SCHEMAS, LIMITS)
    assert msgspec.json.decode(fast.id) == msgspec.json.decode(careful.id)
    assert fast.draft.count == careful.draft.count
    assert fast.draft.types == careful.draft.types
    assert decoded(fast.draft) == decoded(careful.draft)


@st.composite
def json_event(draw: st.DrawFn) -> bytes:
    return damaged(draw, written(draw(members()), draw(st.sampled_from(["", " ", "\n"]))))


@settings(max_examples=300, deadline=None)
@given(raw=json_event())
def test_a_json_event_that_is_read_fast_is_read_alike_with_care(raw: bytes) -> None:
    fast = json_events._read_plain(raw, SCHEMAS)
    if fast is not None:
        assert json_events._read_carefully(raw, SCHEMAS) == fast


@st.composite
def msgpack_event(draw: st.DrawFn) -> bytes:
    pairs = draw(members())
    body = b"".join([msgspec.msgpack.encode(name) + msgspec.msgpack.encode(value) for name, value in pairs])
    head = draw(st.sampled_from([bytes([0x80 + min(15, len(pairs))]), b"\xde" + len(pairs).to_bytes(2, "big")]))
    return damaged(draw, head + body)


@settings(max_examples=300, deadline=None)
@given(raw=msgpack_event())
def test_a_msgpack_event_that_is_read_fast_is_read_alike_with_care(raw: bytes) -> None:
    fast = msgpack_events._read_plain(raw, SCHEMAS)
    if fast is not None:
        assert msgpack_events._read_carefully(raw, SCHEMAS, None) == (raw, fast)


@pytest.mark.parametrize("reader", [json_events, msgpack_events])
def test_the_fast_ways_do_read_plain_events(reader: Any) -> None:
    encode = msgspec.json.encode if reader is json_events else msgspec.msgpack.encode
    assert reader._read_plain(encode(plain()), SCHEMAS) == plain()["type"]


def test_the_fast_way_does_read_a_plain_publish() -> None:
    events = [plain(), plain(type="typed", data={"celsius": 1})]
    publish = msgspec.json.encode({"op": "publish", "id": "a", "events": events})
    assert native._read_plain(publish, SCHEMAS) is not None
    assert native._read_plain(publish.replace(b'"op"', b'"id":1,"op"'), SCHEMAS) is None
    with pytest.raises(ClientError):
        native.JSON.read(Message(True, publish.replace(b'"1.0"', b'"1.1"')), SCHEMAS, LIMITS)
