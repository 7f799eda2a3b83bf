"""A state that several workers write at the same time is as if they had worked one after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.calls.messages import Ask, Outcome
from eventd.dispatch import shared
from eventd.dispatch.shared import SharedState
from tests.calls.test_state import Committed


def outcome(changes: dict[str, bytes | None], read: list[str] | None) -> Outcome:
    return Outcome([], {}, None, changes, read, spent=False)


class FakeWorker:
    """Adds to counters, as a worker with a cache of its own does."""

    def __init__(self, state: SharedState) -> None:
        self.state, self.cache = state, dict[str, int]()
        state.join(self)

    def begin(self, keys: list[str]) -> None:
        stale = self.state.tell(self)
        self.cache = {} if stale is None else {key: n for key, n in self.cache.items() if key not in stale}
        self.changes: dict[str, bytes | None] = {}
        for key in keys:
            if key not in self.cache:
                packed: Any = self.state.answer(Ask("get", key))
                self.cache[key] = int(packed or b"0")
            self.cache[key] += 1
            self.changes[key] = str(self.cache[key]).encode()

    def end(self) -> bool:
        return self.state.admit(self, outcome(self.changes, list(self.changes)))


@given(
    st.lists(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), min_size=1, max_size=4), max_size=8),
    st.randoms(),
)
def test_no_addition_is_lost(rounds: list[list[list[str]]], random: Any) -> None:
    state = SharedState(Committed())
    workers = [FakeWorker(state) for _ in range(4)]
    expected: dict[str, int] = {}
    for jobs in rounds:
        open = list(zip(random.sample(workers, len(jobs)), jobs, strict=True))
        for worker, keys in open:
            worker.begin(keys)
        while open:
            worker, keys = open.pop(random.randrange(len(open)))
            if worker.end():
                for key in keys:
                    expected[key] = expected.get(key, 0) + 1
            else:
                worker.begin(keys)
                open.append((worker, keys))

    assert {key: int(state.packed(key) or b"0") for key in expected} == expected


def test_who_searched_is_not_admitted_when_anything_was_written() -> None:
    state = SharedState(Committed())
    state.join("a")
    state.join("b")
    assert state.admit("a", outcome({"x": b"1"}, []))
    assert not state.admit("b", outcome({"y": b"1"}, None))
    state.tell("b")
    assert state.admit("b", outcome({"y": b"1"}, None))


KEYS = st.text("ab\0é", max_size=3)
VALUES = st.binary(max_size=12)


def pages(state: SharedState, most: int, **bounds: Any) -> list[tuple[str, bytes]]:
    """A range as a worker asks for it."""
    found: list[tuple[str, bytes]] = []
    start = bounds.pop("start")
    while len(found) < most:
        page, start = state.answer(Ask("range", start=start, limit=most - len(found), **bounds))  # type: ignore[misc]
        assert len(page) <= shared.PAGE_KEYS
        assert sum(len(key) + len(value) for key, value in page[:-1]) < shared.PAGE_BYTES
        found += page
        if start is None:
            break
    return found


@given(
    st.dictionaries(KEYS, VALUES, max_size=12), st.dictionaries(KEYS, st.none() | VALUES, max_size=12),
    st.sampled_from(["", "a", "é"]), st.none() | KEYS, st.none() | KEYS, st.integers(min_value=1, max_value=15),
)  # fmt: skip
def test_a_range_in_pages_is_the_range(
    kept: dict[str, bytes], own: dict[str, bytes | None], prefix: str, start: str | None, end: str | None, most: int
) -> None:
    store = Committed()
    store.kept = kept
    state = SharedState(store)
    state.merge(own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared, "PAGE_KEYS", 3)
        patch.setattr(shared, "PAGE_BYTES", 20)
        found = pages(state, most, key=prefix, start=start, end=end)

    assert found == state.packed_range(prefix, start=start, end=end, limit=most)


def test_what_is_written_between_two_pages_is_found_out(monkeypatch: Any) -> None:
    monkeypatch.setattr(shared, "PAGE_KEYS", 2)
    store = Committed()
    store.kept = dict.fromkeys("abcd", b"1")
    state = SharedState(store)
    state.join("a")
    state.join("b")
    first: Any = state.answer(Ask("range", "", limit=10))
    assert first == ([("a", b"1"), ("b", b"1")], "b\0")
    assert state.admit("b", outcome({"a": b"2", "d": b"2"}, []))
    second: Any = state.answer(Ask("range", "", first[1], limit=8))
    assert second == ([("c", b"1"), ("d", b"2")], None)
    assert not state.admit("a", outcome({"sum": b"5"}, None))


def test_writing_without_reading_hinders_nobody() -> None:
    state = SharedState(Committed())
    state.join("a")
    state.join("b")
    assert state.admit("a", outcome({"x": b"1"}, []))
    assert state.admit("b", outcome({"x": b"2"}, []))
    assert state.packed("x") == b"2"
    assert state.tell("a") == ["x"]


def test_what_is_dropped_is_forgotten_by_all(monkeypatch: Any) -> None:
    state = SharedState(Committed())
    state.join("a")
    state.drop()
    assert state.tell("a") is None
    assert state.tell("a") == []
    monkeypatch.setattr(shared, "MOST_KEYS", 2)
    state.join("b")
    state.admit("b", outcome({str(n): b"1" for n in range(3)}, []))
    assert state.tell("a") is None
    state.leave("a")
    with pytest.raises(KeyError):
        state.tell("a")
