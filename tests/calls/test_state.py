"""A handler's state: its own writes are seen at once, taken back with a failed attempt, and never lost in between."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eventd.calls import cache, state
from eventd.calls.state import StateView
from eventd.plugin.contract import State


class Committed:
    """The journal's side, as a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked = 0

    def get(self, key: str) -> bytes | None:
        self.asked += 1
        return self.kept.get(key)

    def range(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        keys = [key for key in sorted(self.kept) if key.startswith(prefix) and key >= (start or "")]
        return [(key, self.kept[key]) for key in keys if end is None or key < end][:limit]

    def page(
        self, prefix: str, *, start: str | None, end: str | None, limit: int, size: int
    ) -> tuple[list[tuple[str, bytes]], bool]:
        pairs = self.range(prefix, start=start, end=end, limit=len(self.kept))
        sizes = list(accumulate(len(key.encode()) + len(value) for key, value in pairs))
        most = min(limit, 1 + len([each for each in sizes if each < size]))
        return pairs[:most], len(pairs) > most

    def count(self, prefix: str = "", *, besides: Collection[str] = ()) -> int:
        return len([key for key in self.kept if key.startswith(prefix) and key not in besides])

    def commit(self, changes: cache.Changes) -> None:
        for key, value in changes.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value


@pytest.fixture
def store() -> Committed:
    return Committed()


@pytest.fixture
def view(store: Committed) -> StateView:
    made = StateView(store)
    made.open()
    return made


def test_more_than_can_be_remembered_is_found_in_the_journal(
    store: Committed, view: StateView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "MOST_REMEMBERED", 2)
    view.set("a", 1)
    assert view.take()
    view.merge({"a": None, "b": b"\x02", "c": b"\x03"})
    changes = view.take()
    assert (view.get("a"), view.get("b")) == (None, 2)
    store.commit(changes)
    view.committed()
    view.committed()
    assert (view.get("a"), view.get("b"), store.asked) == (None, 2, 2)


def test_it_is_what_the_contract_says(view: StateView) -> None:
    contract: State = view
    contract["a"] = {"deep": [1, 2.5, "x", b"\xff", None, True]}
    contract.set("b", 1)
    del contract["missing"]

    assert contract["a"] == {"deep": [1, 2.5, "x", b"\xff", None, True]}
    assert ("a" in contract, "c" in contract) == (True, False)
    assert contract.get("c", "default") == "default"
    assert contract.add("b", 2) == 3
    assert contract.add("new") == 1
    assert contract.range() == [("a", contract["a"]), ("b", 3), ("new", 1)]
    assert contract.count() == 3
    with pytest.raises(KeyError):
        contract["c"]


def test_what_is_read_is_a_copy(view: StateView) -> None:
    view.set("list", [1])
    view.get("list").append(2)

    assert view.get("list") == [1]


def test_none_is_a_value_and_not_the_same_as_nothing(view: StateView) -> None:
    view.set("a", None)

    assert view.get("a", "default") is None
    assert "a" in view


@pytest.mark.parametrize("value", [object(), {1, 2, object()}, 1 << 70, "\ud800"])
def test_a_value_that_cannot_be_kept_fails_where_it_is_set(view: StateView, value: Any) -> None:
    with pytest.raises((TypeError, OverflowError, UnicodeError)):
        view.set("a", value)
    assert view.take() == {}


@pytest.mark.parametrize("key", ["\ud800", b"bytes", 1, None])
def test_a_key_that_is_no_text_fails_where_it_is_set(view: StateView, key: Any) -> None:
    with pytest.raises((TypeError, UnicodeError)):
        view.set(key, 1)
    with pytest.raises((TypeError, UnicodeError)):
        view.delete(key)
    assert view.take() == {}


def test_it_is_written_during_calls_only_and_read_at_any_time(view: StateView) -> None:
    view.set("a", 1)
    view.close()

    with pytest.raises(RuntimeError):
        view.set("a", 2)
    assert view.get("a") == 1


def test_what_a_failed_attempt_wrote_is_taken_back(view: StateView) -> None:
    view.set("kept", 1)
    mark = view.mark()
    view.set("kept", 2)
    view.set("new", 1)
    view.delete("kept")
    view.rewind(mark)

    assert (view.get("kept"), view.get("new")) == (1, None)
    assert list(view.take()) == ["kept"]


def test_what_is_in_flight_is_seen_whatever_the_cache_forgot(store: Committed) -> None:
    view = StateView(store, cache_bytes=0)
    view.open()
    view.set("a", 1)
    first = view.take()
    view.set("b", 2)
    second = view.take()

    assert (view.get("a"), view.get("b"), view.count(), len(view.range())) == (1, 2, 2, 2)
    store.commit(first)
    view.committed()
    store.commit(second)
    view.committed()
    assert (view.get("a"), view.get("b"), view.count(), len(view.range())) == (1, 2, 2, 2)


def test_a_cached_key_is_not_asked_for_again(store: Committed, view: StateView) -> None:
    for _ in range(5):
        assert view.get("a") is None
    view.set("b", 1)
    view.get("b")

    assert store.asked == 1


def test_after_a_step_back_only_what_is_committed_is_there(store: Committed, view: StateView) -> None:
    view.set("a", 1)
    store.commit(view.take())
    view.committed()
    view.set("a", 2)
    view.take()
    view.set("a", 3)
    view.forget()

    assert view.get("a") == 1
    assert view.take() == {}


def test_a_range_goes_past_what_was_deleted_just_now(store: Committed, view: StateView) -> None:
    for key in "abcdef":
        view.set(key, 1)
    store.commit(view.take())
    view.committed()
    for key in "abc":
        view.delete(key)
    view.set("dd", 2)

    assert view.range(limit=2) == [("d", 1), ("dd", 2)]
    assert view.range(start="e", end="f") == [("e", 1)]
    assert view.count("d") == 2


def test_a_call_that_was_given_up_does_no_more_harm(store: Committed, view: StateView) -> None:
    view.set("a", 1)
    view.close()
    view.open()
    view.set("a", 2)
    view.set("b", 2)
    other = view.successor()
    other.open()
    with pytest.raises(RuntimeError):
        view.set("a", 2)

    assert (other.get("a"), other.get("b")) == (1, None)
    assert len(other.take()) == 1


def test_threads_of_a_handler_may_add_at_the_same_time(view: StateView) -> None:
    def add() -> None:
        for _ in range(2000):
            view.add("n")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert view.get("n") == 8000


class Whole:
    """As the integers of NumPy."""

    def __index__(self) -> int:
        return 2


class Broken:
    """As the floats of NumPy, but for ``float64``."""

    def __float__(self) -> float:
        return 0.5


class Float64(float):
    """As that."""


@pytest.mark.parametrize(("number", "total"), [(Whole(), 3), (Broken(), 1.5), (Float64(0.5), 1.5), (True, 2)])
def test_what_is_like_a_number_is_added_as_one(view: StateView, number: Any, total: float) -> None:
    view.set("n", 1)

    assert view.add("n", number) == total
    assert type(view.add("new", number)) in (int, float)
    assert view.get("n") == total


@pytest.mark.parametrize("number", ["1", b"1", None, 1j, [1]])
def test_what_is_no_number_is_not_added(view: StateView, number: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(number).__name__}"):
        view.add("n", number)
    assert view.take() == {}


def test_the_own_code_of_a_number_does_not_run_under_the_lock(view: StateView) -> None:
    written: list[bool] = []

    class Slow:
        def __index__(self) -> int:
            other = threading.Thread(target=view.set, args=("other", 1), daemon=True)
            other.start()
            other.join(1.0)
            written.append(not other.is_alive())
            return 1

        __add__ = __radd__ = lambda self, number: number + self.__index__()

    assert view.add("n", Slow()) == 1
    assert written == [True]


KEYS = st.sampled_from(["", "a", "ab", "b", "ba", "ab\0", "z\U0010ffff", "é"])
VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=3), st.lists(st.integers(0, 9)))


class Model(RuleBasedStateMachine):
    """Attempts that fail and units that commit, against three plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Committed()
        self.view = StateView(self.store, cache_bytes=4 * (cache.ENTRY + 4))
        self.view.open()
        self.flying: list[cache.Changes] = []
        self.durable: list[dict[str, Any]] = [{}]
        self.done: dict[str, Any] = {}
        self.now: dict[str, Any] = {}

    @rule(key=KEYS, value=VALUES)
    def set(self, key: str, value: Any) -> None:
        self.view.set(key, value)
        self.now[key] = value

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.view.delete(key)
        self.now.pop(key, None)

    @rule()
    def succeed(self) -> None:
        self.view.close()
        self.view.open()
        self.done = dict(self.now)

    @rule()
    def fail(self) -> None:
        self.view.rewind()
        self.now = dict(self.done)

    @rule()
    def unit(self) -> None:
        self.succeed()
        if changes := self.view.take():
            self.flying.append(changes)
            self.durable.append(dict(self.done))

    @precondition(lambda self: self.flying)
    @rule()
    def land(self) -> None:
        self.store.commit(self.flying.pop(0))
        self.view.committed()
        del self.durable[0]

    @rule()
    def step_back(self) -> None:
        self.view.forget()
        self.view.open()
        self.flying = []
        del self.durable[1:]
        self.done = dict(self.durable[0])
        self.now = dict(self.done)

    @rule(prefix=KEYS, start=st.none() | KEYS, end=st.none() | KEYS, limit=st.integers(1, 5))
    def ranges(self, prefix: str, start: str | None, end: str | None, limit: int) -> None:
        keys = [key for key in sorted(self.now) if key.startswith(prefix) and key >= (start or "")]
        wanted = [(key, self.now[key]) for key in keys if end is None or key < end]
        assert self.view.range(prefix, start=start, end=end, limit=limit) == wanted[:limit]

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.view.get(key, math.inf) == self.now.get(key, math.inf)

    @invariant()
    def counts(self) -> None:
        assert self.view.count() == len(self.now)
        assert self.view.count("a") == len([key for key in self.now if key.startswith("a")])


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_waiting_for_a_hanging_call_is_short() -> None:
    assert state.PATIENCE <= 0.1
