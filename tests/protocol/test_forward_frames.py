"""One Forward frame, taken apart."""

from __future__ import annotations

import msgpack
import pytest

from eventd.errors import MalformedInput, TooLarge
from eventd.protocol.forward_frames import entries_of, is_heartbeat, read_frame
from eventd.protocol.limits import Limits

LIMITS = Limits(batch_events=10)


def test_a_message_becomes_an_entry() -> None:
    frame = read_frame(msgpack.packb(["a", 5, {"x": 1}]), LIMITS)
    assert (frame.kind, frame.tag, frame.chunk) == ("message", "a", b"")
    assert msgpack.unpackb(frame.body) == [5, {"x": 1}]


def test_the_metadata_of_a_message_goes_with_its_time() -> None:
    frame = read_frame(msgpack.packb(["a", 5, {"x": 1}, {"metadata": {"k": "v"}}]), LIMITS)
    assert msgpack.unpackb(frame.body) == [[5, {"k": "v"}], {"x": 1}]


@pytest.mark.parametrize("header", [b"\x93", b"\xdc\x00\x03", b"\xdd\x00\x00\x00\x03"])
def test_the_frames_array_may_have_any_header(header: bytes) -> None:
    assert read_frame(header + b"\xa1a\x05\x80", LIMITS).kind == "message"


@pytest.mark.parametrize("bytes_", [b"abc", b"a" * 300, b"a" * 70_000])
@pytest.mark.parametrize("text", [True, False])
def test_packed_bytes_are_taken_out_of_every_header(bytes_: bytes, text: bool) -> None:
    frame = read_frame(msgpack.packb(["a", bytes_.decode() if text else bytes_]), LIMITS)
    assert (frame.kind, frame.body) == ("packed", bytes_)


@pytest.mark.parametrize("header", [b"\xdc\xff\xff", b"\xdd\xff\xff\xff\xff"])
def test_an_array_that_claims_too_much_is_refused_by_its_header(header: bytes) -> None:
    with pytest.raises(MalformedInput):
        read_frame(header + b"\xa1a\x05\x80", LIMITS)
    with pytest.raises((TooLarge, MalformedInput)):
        read_frame(b"\x92\xa1a" + header, LIMITS)


def test_entries_are_counted_where_they_may_be_too_many() -> None:
    assert entries_of(b"\x92\x01\x80" * 10, LIMITS) is None
    assert entries_of(msgpack.packb([1, {"x": "y" * 50}]), LIMITS) == 1
    with pytest.raises(TooLarge):
        entries_of(b"\x92\x01\x80" * 11, LIMITS)
    with pytest.raises(MalformedInput):
        entries_of(b"\xc1" * 50, LIMITS)


def test_a_heartbeat_is_nil() -> None:
    assert is_heartbeat(b"\xc0")
    assert not is_heartbeat(b"\x90")
