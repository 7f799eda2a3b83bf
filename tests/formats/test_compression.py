"""Inflating under a limit."""

from __future__ import annotations

import gzip
import os
import time
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import MalformedInput, TooLarge, UnsupportedFormat
from eventd.formats.compression import inflate

WAYS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


@pytest.mark.parametrize("kind", WAYS)
@given(parts=st.lists(st.binary(max_size=300), max_size=4))
def test_all_members_come_out_in_order(kind: str, parts: list[bytes]):
    assert inflate(kind, b"".join(map(WAYS[kind], parts)), 0) == b"".join(parts)


@pytest.mark.parametrize("kind", WAYS)
def test_large_data_comes_out(kind: str):
    data = bytes(range(256)) * 20_000
    assert inflate(kind, WAYS[kind](data), len(data)) == data
    assert inflate(kind, WAYS[kind](data) + WAYS[kind](b"x"), 0) == data + b"x"


def test_zstd_frames_that_do_not_say_their_size():
    stream = zstandard.ZstdCompressor().compressobj()
    body = stream.compress(b"a" * 1000) + stream.flush()
    assert inflate("zstd", body + body, 0) == b"a" * 2000


def test_deflate_without_a_header():
    bare = zlib.compressobj(wbits=-15)
    assert inflate("deflate", bare.compress(b"hello") + bare.flush(), 0) == b"hello"


@pytest.mark.parametrize("kind", WAYS)
def test_a_bomb_is_refused(kind: str):
    bomb = WAYS[kind](b"\0" * 50_000_000)
    with pytest.raises(TooLarge):
        inflate(kind, bomb, 100_000)
    with pytest.raises(TooLarge):
        inflate(kind, WAYS[kind](b"abcdef"), 5)


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("cut", [1, 5, 12])
def test_what_is_cut_short_is_malformed(kind: str, cut: int):
    whole = WAYS[kind](b"hello hello hello")
    with pytest.raises(MalformedInput):
        inflate(kind, whole[:-cut], 0)
    with pytest.raises(MalformedInput):
        inflate(kind, whole + whole[:-cut], 0)


@pytest.mark.parametrize("kind", WAYS)
@given(data=st.binary(min_size=1, max_size=50))
def test_any_bytes_are_inflated_or_malformed(kind: str, data: bytes):
    try:
        inflate(kind, data, 1000)
    except (MalformedInput, TooLarge):
        pass


def test_nothing_is_nothing():
    assert inflate("gzip", b"", 0) == b""


def test_an_unknown_kind_is_unsupported():
    with pytest.raises(UnsupportedFormat):
        inflate("br", b"", 0)


@pytest.mark.parametrize("kind", WAYS)
def test_many_small_members_take_no_time(kind: str):
    body = WAYS[kind](b"") * 20_000
    started = time.perf_counter()
    assert inflate(kind, body, 0) == b""
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("kind", WAYS)
def test_many_members_of_nothing_do_not_hold_the_hub(kind: str):
    empty = WAYS[kind](b"") * 100_000
    start = time.perf_counter()
    assert inflate(kind, empty, 1000) == b""
    assert time.perf_counter() - start < 1.0


@pytest.mark.parametrize("kind", WAYS)
def test_its_growth_is_told(kind: str):
    sizes: list[int] = []
    inflate(kind, WAYS[kind](os.urandom(1_000_000)), 0, sizes.append)
    assert len(sizes) >= 9
    assert sizes == sorted(sizes)
    assert sizes[-1] == 1_000_000


@pytest.mark.parametrize("kind", WAYS)
def test_who_is_told_of_its_growth_may_stop_it(kind: str):
    def stop(size: int) -> None:
        raise TooLarge("enough")

    with pytest.raises(TooLarge, match="enough"):
        inflate(kind, WAYS[kind](bytes(100)), 0, stop)
