"""Entries of the Forward protocol: kept where they are good, counted where they are not."""

from __future__ import annotations

from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import Ext

from eventd.errors import MalformedInput, TooLarge
from eventd.event import Draft, Encoding
from eventd.formats.forward_entries import GROUP_MARKER, INVALID, array_header, read_entries, read_packed

TIME = Ext(0, bytes.fromhex("65000000 00000001"))


def pack(value: Any) -> bytes:
    return msgpack.packb(value, default=lambda ext: msgpack.ExtType(ext.code, bytes(ext.data)))


def read(*entries: Any, schemas: dict[str, type] | None = None, tag: str = "app.log"):
    return read_entries(tag, pack(list(entries)), origin="forward://h/l", schemas=schemas or {})


def draft(*entries: Any) -> Draft:
    return Draft(Encoding.FORWARD, len(entries), ("app.log",), b"".join(map(pack, entries)), "forward://h/l")


times = st.integers(0, 2**40) | st.floats(allow_nan=False) | st.just(TIME)
records = st.dictionaries(st.text(), st.integers(-5, 5) | st.text() | st.binary() | st.none(), max_size=4)
good = st.tuples(times, records)
strange = st.tuples(
    st.none() | st.tuples(times, st.just({"m": 1})),
    st.dictionaries(st.integers(-5, 2**40) | st.binary(), st.none(), max_size=3),
)
bad = st.sampled_from([5, [], [1], [1, [1]], [1, "x"], ["x", {}], [1, {}, 3], [{}, {}], None, [[1], {}], [[1, 2], {}]])


@given(st.lists(good, min_size=1, max_size=20))
def test_good_entries_are_kept_as_they_came(entries: list[Any]):
    assert read(*entries) == (draft(*entries), {})


@given(st.lists(good | strange, min_size=1, max_size=6), bad, st.integers(0, 6))
def test_a_bad_entry_is_skipped_and_counted(entries: list[Any], wrong: Any, at: int):
    mixed = [*entries[:at], wrong, *entries[at:]]
    assert read(*mixed) == (draft(*entries), {INVALID: 1})


@given(st.lists(good | strange | bad, max_size=8), st.integers(-1, 20))
def test_every_way_in_gives_the_same(entries: list[Any], hint: int):
    packed = [pack(entry) for entry in entries]
    options = {"origin": "forward://h/l", "schemas": {}}
    expected = read(*entries)
    assert read_entries("app.log", packed, **options) == expected
    assert read_packed("app.log", b"".join(packed), size_hint=hint, **options) == expected
    assert read_packed("app.log", b"".join(packed), size_hint=len(packed), **options) == expected
    assert read_packed("app.log", b"".join(packed), **options) == expected
    assert read_entries("app.log", array_header(len(packed)) + b"".join(packed), **options) == expected


@pytest.mark.parametrize("seconds", ["ffffffff", "fffffffe"])
def test_group_markers_are_no_events(seconds: str):
    marker = Ext(0, bytes.fromhex(seconds + "00000000"))
    assert read([marker, {}], [TIME, {"a": 1}], [[marker, {}], {}]) == (draft([TIME, {"a": 1}]), {GROUP_MARKER: 2})


def test_data_that_looks_like_a_marker_is_data():
    entry = [1, {"a": b"\xff" * 12}]
    assert read(entry) == (draft(entry), {})


def test_damaged_text_is_tolerated():
    entry = b"\x92\x01\x81\xa3log\xa2\xff\xfe"
    assert read_entries("app.log", [entry], origin="", schemas={})[0].body == entry


def test_nothing_is_no_draft():
    assert read() == (None, {})
    assert read(5) == (None, {INVALID: 1})
    assert read_packed("app.log", b"", origin="", schemas={}) == (None, {})


@pytest.mark.parametrize("tag", ["", "a\n", "a\x7f", "a\ufffe"])
def test_a_tag_that_can_be_no_type_makes_no_events(tag: str):
    assert read([1, {}], [2, {}], tag=tag) == (None, {INVALID: 2})


def test_a_long_tag_is_a_type_like_another():
    assert read([1, {}], tag="t" * 1000)[0].types == ("t" * 1000,)


class Line(msgspec.Struct):
    log: str


def test_records_are_held_against_the_type_of_their_tag():
    schemas = {"app.log": Line}
    assert read([1, {"log": "x"}], schemas=schemas) == (draft([1, {"log": "x"}]), {})
    assert read([1, {"log": 5}], [1, {"log": "x"}], [1, {}], schemas=schemas) == (
        draft([1, {"log": "x"}]),
        {INVALID: 2},
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x80",
        b"\x05",
        b"\xdc\x00",
        b"\xdd\x00\x00",
        b"\x91",
        b"\x92\x92\x01\x80",
        b"\x91\x92\x01\x80\x05",
        b"\x91\xc1",
    ],
)
def test_what_is_no_whole_array_is_malformed(body: bytes):
    with pytest.raises(MalformedInput):
        read_entries("app.log", body, origin="", schemas={})


def test_an_array_that_claims_too_much_is_malformed_at_once():
    with pytest.raises(MalformedInput):
        read_entries("app.log", b"\xdd\xff\xff\xff\xff\x92\x01\x80", origin="", schemas={})


def test_packed_entries_that_are_cut_short_are_malformed():
    body = pack([1, {"a": "hello"}])
    for cut in range(1, len(body)):
        with pytest.raises(MalformedInput):
            read_packed("app.log", body + body[:-cut], size_hint=2, origin="", schemas={})


@given(st.binary(max_size=40), st.none() | st.integers(0, 5))
def test_any_bytes_are_read_or_refused(body: bytes, hint: int | None):
    try:
        found, _ = read_packed("app.log", body, size_hint=hint, origin="", schemas={})
    except (MalformedInput, TooLarge):
        return
    assert found is None or found.count > 0


def test_nesting_without_end_is_refused_or_skipped():
    deep = b"\x92\x01\x81\xa1a" + b"\x91" * 100_000 + b"\x01"
    with pytest.raises((MalformedInput, TooLarge)):
        read_entries("app.log", [deep], origin="", schemas={})
