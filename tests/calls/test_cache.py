"""The cache forgets what was not used for long, never more than it must, and holds what it is allowed to."""

from __future__ import annotations

from eventd.calls.cache import ABSENT, ENTRY, Cache


def test_what_is_not_known_is_not_the_same_as_that_there_is_nothing() -> None:
    cache = Cache(1 << 20)
    cache.put("gone", None)

    assert cache.get("gone") is None
    assert cache.get("never seen") is ABSENT


def test_what_is_used_stays_and_what_is_not_goes() -> None:
    cache = Cache(20 * (ENTRY + 10))
    for number in range(1000):
        cache.put(f"k{number}", b"12345")
        assert cache.get("k0") == b"12345"

    known = [number for number in range(1000) if cache.get(f"k{number}") is not ABSENT]
    assert 0 in known
    assert 5 <= len(known) <= 21


def test_a_key_that_is_written_again_and_again_counts_little() -> None:
    cache = Cache(1 << 20)
    cache.put("other", b"1")
    for _ in range(10_000):
        cache.put("hot", b"1")

    assert cache.get("other") == b"1"


def test_what_is_cleared_is_unknown() -> None:
    cache = Cache(1 << 20)
    cache.put("a", b"1")
    cache.clear()

    assert cache.get("a") is ABSENT
