"""Who is subscribed: told to those whose patterns could match the same types, and announced as events."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd import green
from eventd.protocol.native import JSON
from eventd.routing import Patterns, valid_pattern
from eventd.subscriptions import presence as module
from eventd.subscriptions.outlet import Outlet, Writable
from eventd.subscriptions.presence import JOINED, LEFT, Presence, Present, naming_presence, overlap
from eventd.subscriptions.shape import Shape
from tests.dispatch.world import on_hub

#: Every type of up to four tokens of an alphabet that has one more than the patterns.
TYPES = [".".join(each) for length in range(1, 5) for each in itertools.product("abc", repeat=length)]
PATTERNS = st.lists(st.sampled_from(["a", "b", "*", ">"]), min_size=1, max_size=3).map(".".join).filter(valid_pattern)


class Here:
    """A connection, as far as presence looks at it."""

    codec = JSON
    deflate = 0
    number = 7
    client = "10.0.0.1"

    @property
    def stream(self) -> Writable:
        raise AssertionError("nothing is sent by this")

    def send(self, message: bytes) -> None:
        raise AssertionError("nothing is sent by this")


def present(*types: str, name: str | None = None) -> Present:
    here: Outlet = Here()
    return Present.of(Shape(JSON, types, [{"exact": {"subject": "x"}}]), here, name)


@given(PATTERNS, PATTERNS)
def test_patterns_overlap_where_there_is_a_type_that_both_match(one: str, other: str) -> None:
    here, there = Patterns([one]), Patterns([other])
    both = any(here.matches(type) and there.matches(type) for type in TYPES)
    assert overlap(one, other) is overlap(other, one) is both


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [("a.>", "a", False), (">", "a.b.c", True), ("*.b", "a.*", True), ("*", "a.b", False), ("a.b.>", "*.*", False)],
)
def test_the_rest_is_at_least_one_token(one: str, other: str, both: bool) -> None:
    assert overlap(one, other) is both


@pytest.mark.parametrize(
    ("pattern", "asks"),
    [
        ("eventd.presence.joined", True), ("eventd.presence.*", True), ("eventd.presence.>", True),
        (">", False), ("eventd.>", False), ("*.presence.joined", False), ("eventd.*.joined", False),
    ],
)  # fmt: skip
def test_only_who_names_these_types_asks_for_them(pattern: str, asks: bool) -> None:
    assert naming_presence(["a", pattern, ">"]) == ([pattern] if asks else [])


def test_those_who_come_and_go_are_events_with_what_they_asked_for() -> None:
    presence, key = Presence("node"), object()
    joined = presence.join(key, present("a.*", name="kept"))
    left = presence.leave(key)
    assert left is not None

    assert (joined.types, left.types) == ((JOINED,), (LEFT,))
    (came,), (went,) = (
        body if isinstance(body, list) else [body] for body in map(json.loads, (joined.body, left.body))
    )
    assert came["source"] == went["source"] == "//node/presence"
    assert came["id"] != went["id"]
    assert came["data"] == went["data"]
    since = came["data"].pop("since")
    assert since.endswith("Z")
    assert came["data"] == {
        "types": ["a.*"], "filters": [{"exact": {"subject": "x"}}], "name": "kept", "client": "10.0.0.1",
        "connection": 7,
    }  # fmt: skip


def test_who_is_not_there_cannot_go() -> None:
    presence, key = Presence("node"), object()
    presence.join(key, present("a"))
    assert presence.leave(object()) is None
    assert presence.leave(key) is not None
    assert presence.leave(key) is None
    assert presence.among([">"]) == []


def test_those_are_told_of_that_could_get_the_same() -> None:
    presence = Presence("node")
    for types in (["a.b"], ["b", "a.*"], ["c.>"]):
        presence.join(object(), present(*types))

    def among(*types: str) -> list[list[str]]:
        return [list(each.types) for each in presence.among(types)]

    assert among("a.b") == [["a.b"], ["a.*", "b"]]
    assert among("*") == [["a.*", "b"]]
    assert among("x", "c.d.e") == [["c.>"]]
    assert among() == []
    assert len(presence.among([">", "a.b"])) == 3


@on_hub
def test_others_have_their_turn_while_many_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.0)
    presence = Presence("node")
    keys = [object() for _ in range(100)]
    for key in keys:
        presence.join(key, present("a"))
    turns: list[int] = []

    def other() -> None:
        while len(turns) < 5:
            turns.append(1)
            # Those who go meanwhile are no reason to fail.
            presence.leave(keys[len(turns)])
            green.sleep(0)

    group = green.Group("test")
    group.spawn("other", other)
    assert len(presence.among(["a"])) == 100
    assert len(turns) == 5
    assert len(presence.among(["a"])) == 95
