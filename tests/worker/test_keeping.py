"""A state in a worker: asked for where it is not known, and remembered as looked at."""

from __future__ import annotations

from typing import Any

import msgspec

from eventd.calls.messages import Ask
from eventd.worker.keeping import Asked, WatchedState

pack = msgspec.msgpack.encode


class Line:
    """A daemon that knows these keys, and tells few of them at once."""

    most = 3

    def __init__(self, **values: Any) -> None:
        self.values, self.asked = values, list[Ask]()

    def ask(self, question: Ask) -> object:
        self.asked.append(question)
        if question.what == "get":
            return pack(self.values[question.key]) if question.key in self.values else None
        found = sorted(key for key in self.values if key.startswith(question.key) and key >= (question.start or ""))
        if question.what == "count":
            return len(found)
        most = min(question.limit, self.most)
        page = [[key, pack(self.values[key])] for key in found[:most]]
        return [page, found[most] if len(found) > most else None]


def state_of(line: Line) -> WatchedState:
    state = WatchedState(Asked(line))  # type: ignore[arg-type]  # what is asked of a line
    state.open()
    return state


def test_a_key_is_asked_for_once_and_again_when_it_is_stale() -> None:
    line = Line(a=1)
    state = state_of(line)

    assert (state.get("a"), state.add("a", 2), "b" in state) == (1, 3, False)
    assert [question.key for question in line.asked] == ["a", "b"]
    assert sorted(state.looked_at() or ()) == ["a", "b"]
    assert state.looked_at() == []
    line.values["b"] = 7
    state.unlearn(["b"])
    assert state["b"] == 7
    state.unlearn(None)
    assert state.looked_at() == ["b"]


def test_own_writes_are_seen_in_what_is_searched() -> None:
    state = state_of(Line(a1=1, a2=2, b=3))
    state.set("a0", 0)
    state.delete("a2")

    assert state.range("a") == [("a0", 0), ("a1", 1)]
    assert state.count("a") == 2
    assert state.looked_at() is None


def test_a_range_is_asked_for_page_by_page() -> None:
    line = Line(**{f"a{n}": n for n in range(8)}, b=9)
    state = state_of(line)

    assert state.range("a") == [(f"a{n}", n) for n in range(8)]
    assert [question.start for question in line.asked] == [None, "a3", "a6"]
    assert state.range("a", start="a2", limit=4) == [(f"a{n}", n) for n in range(2, 6)]
    assert [question.limit for question in line.asked[3:]] == [4, 1]
    assert state.range("a", limit=0) == []


def test_what_is_taken_stays_known() -> None:
    line = Line()
    state = state_of(line)
    state.set("a", 1)
    assert state.take() == {"a": pack(1)}
    state.committed()

    assert state.get("a") == 1
    assert line.asked == []
