"""What is small on the wire and large in memory is refused before it is decoded."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable

import msgpack
import pytest

from eventd.errors import TooLarge
from eventd.formats import forward_entries, http_binding, json_events, msgpack_events
from eventd.formats.parts import MOST_PARTS, check_json_parts, check_msgpack_parts
from eventd.protocol import native
from eventd.protocol.limits import Limits
from eventd.protocol.websocket import Message
from tests.support.cloudevents import plain, raw

MANY = MOST_PARTS + 1


def array(items: bytes, count: int) -> bytes:
    return b"\xdd" + struct.pack(">I", count) + items * count


@pytest.mark.parametrize("part", [b"[]", b"{}", b"[0]", b'{"a":1}'])
def test_as_many_parts_of_json_as_are_allowed(part: bytes) -> None:
    check_json_parts(b"[" + b",".join([part] * (MOST_PARTS - 1)) + b"]")
    with pytest.raises(TooLarge):
        check_json_parts(b"[" + b",".join([part] * MANY) + b"]")


@pytest.mark.parametrize(
    "part", [b"\x80", b"\x90", b"\x91\x01", b"\xdc\0\0", b"\xdd\0\0\0\0", b"\xde\0\0", b"\xdf\0\0\0\0"]
)
def test_as_many_parts_of_msgpack_as_are_allowed(part: bytes) -> None:
    check_msgpack_parts(array(part, MOST_PARTS - 1))
    with pytest.raises(TooLarge):
        check_msgpack_parts(array(part, MANY))
    with pytest.raises(TooLarge):
        check_msgpack_parts(part * MANY)


def test_brackets_within_text_are_no_parts() -> None:
    check_json_parts(json.dumps({"text": '\\"[{"' * MANY}).encode())
    check_json_parts(b'{"a":"' + b"\\\\" * MANY + b'","b":"' + b"[" * MANY + b'"}')
    check_msgpack_parts(msgpack.packb({"text": "р" * MANY * 2, "bytes": b"\x80\x90" * MANY, "n": [2**64 - 1] * 10}))


@pytest.mark.parametrize("damaged", [b"\xc1" * MANY, b"\x80" + b"\xdc" * MANY, b"\xc4\xff" + b"\x80" * MANY])
def test_what_is_no_msgpack_is_left_to_the_reader(damaged: bytes) -> None:
    try:
        check_msgpack_parts(damaged)
    except TooLarge:
        pass


def much_json() -> bytes:
    return b"[" + b"[]," * MANY + b"0]"


def much_msgpack() -> bytes:
    return array(b"\x80", MANY)


def event_of(payload: bytes) -> bytes:
    return raw(data=0).replace(b'"data":0', b'"data":' + payload)


def packed_event_of(payload: bytes) -> bytes:
    event = msgpack.packb(plain(data=0))
    assert event.endswith(b"\0")
    return event[:-1] + payload


READERS: dict[str, Callable[[], object]] = {
    "a JSON event": lambda: json_events.read_event(event_of(much_json()), {}),
    "a JSON batch": lambda: json_events.read_batch(b"[" + event_of(much_json()) + b"]", {}),
    "a JSON body": lambda: http_binding.read(
        "application/json", [("ce-" + name, str(value)) for name, value in plain().items() if name in HEADERS],
        much_json(), {}, Limits(),
    ),
    "a msgpack event": lambda: msgpack_events.read_event(packed_event_of(much_msgpack()), {}),
    "a msgpack batch": lambda: msgpack_events.read_batch(b"\x91" + packed_event_of(much_msgpack()), {}),
    "an entry": lambda: forward_entries.read_entries(
        "a", b"\x91\x92\x01\x81\xa1a" + much_msgpack(), origin="", schemas={}
    ),
    "packed entries": lambda: forward_entries.read_packed(
        "a", b"\x92\x01\x81\xa1a" + much_msgpack(), origin="", schemas={}
    ),
    "single entries": lambda: forward_entries.read_entries(
        "a", [b"\x92\x01\x81\xa1a" + much_msgpack()], origin="", schemas={}
    ),
}  # fmt: skip

HEADERS = ("specversion", "id", "source", "type")


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_too_many_parts(reader: str) -> None:
    with pytest.raises(TooLarge):
        READERS[reader]()


@pytest.mark.parametrize("codec", native.CODECS.values(), ids=list(native.CODECS))
def test_a_publish_of_too_many_parts_is_nacked(codec: native.Codec) -> None:
    if codec.text:
        data = b'{"op":"publish","id":1,"events":[' + event_of(much_json()) + b"]}"
    else:
        data = msgpack.packb({"op": "publish", "id": 1, "events": [0]})[:-1] + packed_event_of(much_msgpack())
    with pytest.raises(native.Nacked) as caught:
        codec.read(Message(codec.text, data), {}, Limits())
    assert isinstance(caught.value.error, TooLarge)
