"""Forward sessions: all modes, real clients' quirks, any cut, and bad input."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import Any

import msgpack
import msgspec
import pytest
import zstandard
from fluent.sender import FluentSender  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import ClientError, MalformedInput, TooLarge, UnsupportedFormat
from eventd.event import Block, Event
from eventd.formats import blocks
from eventd.protocol.forward import Chunk, ForwardSession
from eventd.protocol.limits import Limits

LIMITS = Limits(message_size=100_000, decompressed_size=200_000, batch_events=1000)
TIME = msgpack.ExtType(0, b"\x65\x00\x00\x00\x00\x00\x00\x05")
RECORD = {"log": "hello", "n": 1}
ENTRY = [TIME, RECORD]
ACK = {"ack": "c1\n"}


def pack(*frames: Any) -> bytes:
    return b"".join(msgpack.packb(frame) for frame in frames)


def packed(*entries: Any) -> bytes:
    return pack(*entries)


def session(limits: Limits = LIMITS, schemas: dict[str, type] | None = None) -> ForwardSession:
    return ForwardSession(limits, schemas or {}, "forward://h/x")


def receive(data: bytes, step: int | None = None, one: ForwardSession | None = None) -> list[Chunk]:
    one, step = one or session(), step or len(data) or 1
    return [chunk for at in range(0, len(data), step) for chunk in one.receive(data[at : at + step])]


def decoded(chunks: list[Chunk]) -> list[Event]:
    events: list[Event] = []
    for chunk in chunks:
        if (draft := chunk.draft) is not None:
            events += blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body, draft.origin))
    return events


def told(chunks: list[Chunk]) -> list[Any]:
    """Tags and records, by which tests tell events apart."""
    return [(event.type, event.data) for event in decoded(chunks)]


def acks(chunks: list[Chunk]) -> list[Any]:
    return [msgpack.unpackb(chunk.ack) for chunk in chunks if chunk.ack is not None]


CHUNK = {"chunk": "c1\n"}
#: Every mode with an ack asked for, of one event each; the ways real clients write them among these.
MODES = {
    "message": ["a.b", TIME, RECORD, CHUNK],
    "message, seconds": ["a.b", 1_700_000_000, RECORD, CHUNK],
    "message, float": ["a.b", 1.7e9, RECORD, CHUNK],
    "message, metadata": ["a.b", TIME, RECORD, CHUNK | {"metadata": {"k": "v"}}],
    "forward": ["a.b", [ENTRY], CHUNK],
    "forward, metadata": ["a.b", [[[TIME, {"k": "v"}], RECORD]], CHUNK],
    "forward, unknown options": ["a.b", [ENTRY], CHUNK | {"size": 1, "eventEntryDataSize": 5, "x": {"y": [1]}}],
    "packed, bin": ["a.b", packed(ENTRY), CHUNK],
    "packed, wrong size": ["a.b", packed(ENTRY), CHUNK | {"size": 7}],
    "packed, size in bytes": ["a.b", packed(ENTRY), CHUNK | {"size": len(packed(ENTRY))}],
    "packed, negative size": ["a.b", packed(ENTRY), CHUNK | {"size": -1}],
    "packed, size that is no number": ["a.b", packed(ENTRY), CHUNK | {"size": "1"}],
    "packed, compressed: text": ["a.b", packed(ENTRY), CHUNK | {"compressed": "text"}],
    "gzip": ["a.b", gzip.compress(packed(ENTRY)), CHUNK | {"compressed": "gzip"}],
    "gzip, not said": ["a.b", gzip.compress(packed(ENTRY)), CHUNK],
    "zstd": ["a.b", zstandard.compress(packed(ENTRY)), CHUNK | {"compressed": "zstd"}],
    "zstd, said to be gzip": ["a.b", zstandard.compress(packed(ENTRY)), CHUNK | {"compressed": "gzip"}],
}


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read_and_acknowledged(mode: str, step: int | None) -> None:
    one = session()
    chunks = receive(pack(MODES[mode]), step, one)
    assert told(chunks) == [("a.b", RECORD)]
    assert acks(chunks) == [ACK]
    assert one.buffered == 0
    assert not any(chunk.skipped for chunk in chunks)


@given(st.lists(st.sampled_from(sorted(MODES)), min_size=1, max_size=5), st.integers(1, 60))
def test_frames_are_the_same_however_they_are_cut(modes: list[str], step: int) -> None:
    data = pack(*(MODES[mode] for mode in modes), None)
    whole, cut = receive(data, None, session()), receive(data, step, session())
    assert told(whole) == told(cut) == [("a.b", RECORD)] * len(modes)
    assert acks(whole) == acks(cut) == [ACK] * len(modes)


@pytest.mark.parametrize("options", [[], [{}], [None]])
@pytest.mark.parametrize("mode", ["message", "forward", "packed, bin", "gzip"])
def test_a_frame_without_a_chunk_is_not_answered(mode: str, options: list[Any]) -> None:
    chunks = receive(pack(MODES[mode][:-1] + options))
    assert told(chunks) == [("a.b", RECORD)]
    assert acks(chunks) == []


@pytest.mark.parametrize("payload", [packed(ENTRY), gzip.compress(packed(ENTRY)), packed(*[ENTRY] * 3000)])
def test_a_packed_payload_may_be_a_str_that_is_not_utf8(payload: bytes) -> None:
    data = b"\x93\xa3a.b\xdb" + len(payload).to_bytes(4, "big") + payload + pack(CHUNK)
    chunks = receive(data, None, session(Limits()))
    assert {record["log"] for _, record in told(chunks)} == {"hello"}
    assert acks(chunks) == [ACK]


def test_members_and_frames_one_behind_the_other_are_all_inflated() -> None:
    for compress in (gzip.compress, zstandard.compress):
        payload = compress(packed(ENTRY)) + compress(packed(ENTRY, ENTRY))
        assert len(told(receive(pack(["a.b", payload, {"compressed": "gzip"}])))) == 3


@pytest.mark.parametrize("id", ["x", "A" * 24 + "\n", "f" * 128, "é", ""])
def test_the_ack_has_the_chunks_id_as_it_came(id: str) -> None:
    [chunk] = receive(pack(["a.b", [ENTRY], {"chunk": id}]))
    assert chunk.ack == b"\x81\xa3ack" + msgpack.packb(id)
    raw = b"\x93\xa3a.b" + pack([ENTRY]) + b"\x81\xa5chunk\xa4\xff\xfe\xfd\xfc"
    [chunk] = receive(raw)
    assert chunk.ack == b"\x81\xa3ack\xa4\xff\xfe\xfd\xfc"


def test_messages_without_acks_are_gathered_by_tag() -> None:
    frames = [["a", 1, {"n": 1}], ["b", 1, {"n": 2}], ["a", 1, {"n": 3}]]
    chunks = receive(pack(*frames))
    assert [chunk.draft and chunk.draft.count for chunk in chunks] == [2, 1]
    assert told(chunks) == [("a", {"n": 1}), ("a", {"n": 3}), ("b", {"n": 2})]


def test_messages_are_not_gathered_over_a_chunk_that_is_acknowledged() -> None:
    chunks = receive(pack(["a", 1, {"n": 1}], ["a", [[1, {"n": 2}]], CHUNK], ["a", 1, {"n": 3}]))
    assert [record["n"] for _, record in told(chunks)] == [1, 2, 3]


def test_heartbeats_are_not_answered() -> None:
    one = session()
    assert receive(b"\xc0" * 10 + pack(["a", 1, RECORD]) + b"\xc0", None, one)[0].ack is None
    assert receive(b"\xc0", None, one) == []


def test_metrics_are_counted_and_acknowledged_but_not_read() -> None:
    [chunk] = receive(pack(["m", b"\xc1\xc1not entries", CHUNK | {"fluent_signal": 1}]))
    assert (chunk.draft, chunk.skipped, acks([chunk])) == (None, {"not_logs": 1}, [ACK])
    assert told(receive(pack(["a.b", [ENTRY], CHUNK | {"fluent_signal": 0}]))) == [("a.b", RECORD)]


@pytest.mark.parametrize("bad", [[TIME, "no map"], [TIME, [1]], [TIME], 5, "x", ["soon", RECORD]])
def test_a_bad_event_is_skipped_and_the_others_are_taken(bad: Any) -> None:
    for frame in (["a.b", [ENTRY, bad, ENTRY], CHUNK], ["a.b", packed(ENTRY, bad, ENTRY), CHUNK]):
        [chunk] = receive(pack(frame))
        assert told([chunk]) == [("a.b", RECORD)] * 2
        assert chunk.skipped.total() == 1
        assert acks([chunk]) == [ACK]


@pytest.mark.parametrize("record", [["list"], "text", 5, None])
def test_a_message_that_has_no_map_is_skipped(record: Any) -> None:
    """fluent-logger for Python sends what it is given."""
    chunks = receive(pack(["a.b", 1, record], ["a.b", 2, RECORD]))
    assert told(chunks) == [("a.b", RECORD)]
    assert sum(chunk.skipped.total() for chunk in chunks) == 1


def test_nothing_left_of_a_chunk_is_still_acknowledged() -> None:
    for frame in (["a.b", [], CHUNK], ["a.b", b"", CHUNK], ["a.b", [[1, 2]], CHUNK]):
        [chunk] = receive(pack(frame))
        assert (chunk.draft, acks([chunk])) == (None, [ACK])


def test_a_payload_that_is_not_of_its_type_is_skipped() -> None:
    class Line(msgspec.Struct):
        log: str

    frame = ["a.b", [ENTRY, [TIME, {"log": 5}]], CHUNK]
    [chunk] = receive(pack(frame), None, session(schemas={"a.b": Line}))
    assert (chunk.draft and chunk.draft.count, chunk.skipped.total()) == (1, 1)


def test_what_fluent_logger_packs_is_read() -> None:
    sender = FluentSender("app", nanosecond_precision=True)
    data = sender._make_packet("log", 1_700_000_000.5, {"log": "hello", "bytes": b"\xff"})
    data += FluentSender("app")._make_packet(None, 1_700_000_000, RECORD)
    [first, second] = decoded(receive(data))
    assert first.type == "app.log"
    assert first.time is not None
    assert first.time.startswith("2023-11-14T22:13:20.5")
    assert (second.type, second.data) == ("app", RECORD)


BAD = {
    "a map": pack({"a": 1}),
    "a number": b"\x05",
    "HTTP": b"GET / HTTP/1.1\r\n",
    "JSON": b'["a.b",1,{}]',
    "TLS": b"\x16\x03\x01",
    "bytes that are no msgpack": b"\xc1",
    "no msgpack within": b"\x92\xa1a\xc1",
    "an empty array": pack([]),
    "an array of one": pack(["a"]),
    "a message without a record": pack(["a", 1]),
    "an array of nine": pack(["a", 1, {}, {}, 5, 6, 7, 8, 9]),
    "a tag that is a number": pack([1, [ENTRY]]),
    "a tag of bytes": pack([b"a", [ENTRY]]),
    "a tag that is no UTF-8": b"\x92\xa1\xff" + pack([ENTRY]),
    "entries that are a map": pack(["a", {}]),
    "entries that are true": pack(["a", True]),
    "options that are a list": pack(["a", [ENTRY], []]),
    "options that are a number": pack(["a", [ENTRY], 5]),
    "a chunk that is a number": pack(["a", [ENTRY], {"chunk": 5}]),
    "a chunk without end": pack(["a", [ENTRY], {"chunk": "x" * 2000}]),
    "a signal that is a word": pack(["a", [ENTRY], {"fluent_signal": "x"}]),
    "packed, cut short": pack(["a", packed(ENTRY)[:-1]]),
    "packed, no msgpack": pack(["a", b"\xc1"]),
    "gzip, cut short": pack(["a", gzip.compress(packed(ENTRY))[:-1], {"compressed": "gzip"}]),
    "gzip, damaged": pack(["a", b"\x1f\x8b" + bytes(20), {"compressed": "gzip"}]),
    "zstd, damaged": pack(["a", b"\x28\xb5\x2f\xfd" + bytes(20), {"compressed": "zstd"}]),
}


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_frame_ends_the_connection_and_loses_nothing_before_it(case: str, step: int | None) -> None:
    one = session()
    chunks = []
    error: ClientError | None = None
    data = pack(["a.b", 1, RECORD]) + BAD[case] + pack(["a.b", 1, {"never": "read"}])
    for at in range(0, len(data), step or len(data)):
        try:
            for chunk in one.receive(data[at : at + (step or len(data))]):
                chunks.append(chunk)  # noqa: PERF402  extend() would lose them to the error
        except MalformedInput as malformed:
            error = malformed
            break
    assert error is not None
    assert told(chunks) == [("a.b", RECORD)]
    assert one.buffered == 0
    assert list(one.receive(pack(["a.b", 1, RECORD]))) == []


@pytest.mark.parametrize(("data", "hint"), [(BAD["HTTP"], "HTTP"), (BAD["JSON"], "JSON"), (BAD["TLS"], "TLS")])
def test_a_stranger_is_told_what_he_meant(data: bytes, hint: str) -> None:
    with pytest.raises(MalformedInput) as caught:
        receive(data, None, session())
    assert hint in str(caught.value)


def test_an_unknown_compression_is_refused() -> None:
    with pytest.raises(UnsupportedFormat):
        receive(pack(["a", b"\xff\x06sNaPpY", {"compressed": "snappy"}]), None, session())


LARGE = {
    "a frame": pack(["a.b", 1, {"x": "y" * 100_000}]),
    "a frame that has not ended": b"\x92\xa1a\xc6\xff\xff\xff\xff" + bytes(100_001),
    "a gzip bomb": pack(["a", gzip.compress(bytes(50_000_000)), {"compressed": "gzip"}]),
    "a gzip bomb in members": pack(["a", gzip.compress(bytes(100_000)) * 100, {"compressed": "gzip"}]),
    "a zstd bomb": pack(["a", zstandard.compress(bytes(500_000_000)), {"compressed": "zstd"}]),
    "a zstd bomb in frames": pack(["a", zstandard.compress(bytes(100_000)) * 100, {"compressed": "zstd"}]),
    "nesting without end": b"\x91" * 2000,
    "too many entries": pack(["a", [[1, {}]] * 1001]),
    "too many packed entries": pack(["a", pack(*[[1, {}]] * 1001), {"size": 5}]),
    "a bomb of entries": pack(["a", gzip.compress(b"\x92\x01\x80" * 60_000), {"size": 1}]),
}


@pytest.mark.parametrize("case", LARGE)
@pytest.mark.parametrize("step", [None, 4096])
def test_what_is_too_large_ends_the_connection(case: str, step: int | None) -> None:
    one = session()
    with pytest.raises(TooLarge):
        receive(LARGE[case], step, one)
    assert one.buffered == 0


def test_as_many_entries_as_are_allowed_are_taken() -> None:
    for frame in (["a", [[1, {}]] * 1000], ["a", pack(*[[1, {}]] * 1000)]):
        [chunk] = receive(pack(frame))
        assert chunk.draft is not None
        assert chunk.draft.count == 1000


@pytest.mark.parametrize("depth", [200, 900])
def test_a_record_too_deep_to_be_read_again_is_not_kept(depth: int) -> None:
    data = b"\x93\xa1a\x01\x81\xa1x" + b"\x91" * depth + b"\xc0"
    try:
        chunks = receive(data, None, session())
    except ClientError:
        return
    assert len(decoded(chunks)) + sum(chunk.skipped.total() for chunk in chunks) == 1


@given(st.binary(max_size=80), st.integers(1, 80))
def test_any_bytes_are_chunks_or_an_error(data: bytes, step: int) -> None:
    try:
        decoded(receive(data, step, session()))
    except ClientError:
        pass


@given(st.sampled_from(sorted(MODES)), st.integers(0, 500), st.binary(min_size=1, max_size=4))
def test_a_damaged_frame_is_one_or_an_error(mode: str, at: int, damage: bytes) -> None:
    data = pack(MODES[mode])
    at %= len(data)
    try:
        decoded(receive(data[:at] + damage + data[at + len(damage) :], None, session()))
    except ClientError:
        pass


def test_an_idle_session_holds_next_to_nothing() -> None:
    sessions: list[ForwardSession | None] = [None] * 300
    receive(pack(MODES["forward"]), 7, session())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(len(sessions)):
            sessions[number] = one = session()
            receive(pack(MODES["forward"]), 7, one)
        assert (tracemalloc.get_traced_memory()[0] - before) / len(sessions) < 300
    finally:
        tracemalloc.stop()
