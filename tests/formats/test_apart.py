"""An event taken out of its block is the same event, in the same bytes, at the same offset."""

from __future__ import annotations

import msgpack
import pytest

from eventd.event import Block, Draft, Encoding, Event
from eventd.formats.apart import alone, pieces
from eventd.formats.blocks import decode, draft_of

ODD = [
    {"bytes": b"\xff\xfe", "nan": 1.5, b"key": 1, 5: [None]},
    {"text": "ü\0", "time": msgpack.Timestamp(5, 6)},
    {},
]


def block(draft: Draft) -> Block:
    return Block(7, draft.count, draft.encoding, draft.types, 1_700_000_000_000_000_000, draft.body, draft.origin)


def json() -> Draft:
    body = ",".join(f'{{"specversion":"1.0","id":"{n}","source":"/s","type":"a","data":{n}}}' for n in range(3))
    return Draft(Encoding.JSON, 3, ("a",), body.encode())


def forward() -> Draft:
    times = [1_700_000_000, msgpack.ExtType(0, b"\0" * 8), 1.5]
    body = b"".join(msgpack.packb([time, record]) for time, record in zip(times, ODD, strict=True))
    return Draft(Encoding.FORWARD, 3, ("a.b",), body, "forward://test")


def damaged() -> Draft:
    body = b"".join(b"\x92\xce\x65\x00\x00\x00\x81\xa1k\xa2\xff" + bytes([byte]) for byte in (0x41, 0x42))
    return Draft(Encoding.FORWARD, 2, ("a.b",), body, "forward://test")


@pytest.mark.parametrize(
    "draft", [json(), forward(), damaged(), draft_of([Event("a", {"n": n}, subject=str(n)) for n in range(3)], {}, "n")]
)
def test_an_event_taken_out_is_the_same(draft: Draft) -> None:
    whole = block(draft)
    parts = pieces(whole)
    ones = [alone(whole, parts, index) for index in range(whole.count)]

    for event, one in zip(decode(whole), ones, strict=True):
        (found,) = decode(one)
        assert (found, found.offset, one.first) == (event, event.offset, event.offset)
    separator = b"," if draft.encoding == Encoding.JSON else b""
    assert separator.join(one.body for one in ones) == draft.body
