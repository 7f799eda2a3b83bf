"""Patterns and who is behind them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd import routing
from eventd.routing import Patterns, Router, valid_pattern

tokens = st.sampled_from(["a", "b", "c", ""])
types = st.lists(tokens, min_size=1, max_size=5).map(".".join)
patterns = st.builds(
    lambda middle, last: ".".join([*middle, last]),
    st.lists(st.sampled_from(["a", "b", "*"]), max_size=4),
    st.sampled_from(["a", "b", "*", ">"]),
)


def as_expression(pattern: str) -> re.Pattern[str]:
    """The same pattern as a regular expression: the slow and obvious way."""
    written = {"*": r"[^.]*", ">": r".*"}
    return re.compile(r"\.".join(written.get(token) or re.escape(token) for token in pattern.split(".")))


@given(st.lists(patterns, max_size=8), types)
def test_a_router_finds_what_the_obvious_way_finds(added: list[str], type: str):
    router: Router[str] = Router()
    subscribers = [f"{index} {pattern}" for index, pattern in enumerate(added)]
    for pattern, subscriber in zip(added, subscribers, strict=True):
        router.add(pattern, subscriber)
    expected = [who for pattern, who in zip(added, subscribers, strict=True) if as_expression(pattern).fullmatch(type)]
    assert list(router.match(type)) == expected
    assert list(router.match(type)) == expected


@pytest.mark.parametrize(
    "pattern, type, matches",
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        (">", "a.b.c", True),
        ("a*", "ab", False),
    ],
)
def test_patterns_are_those_of_nats(pattern: str, type: str, matches: bool):
    assert Patterns([pattern]).matches(type) is matches


def test_any_pattern_of_a_set_will_do_and_none_matches_nothing():
    assert Patterns(["a", "b.>"]).matches("b.c")
    assert not Patterns([]).matches("a")


@pytest.mark.parametrize("pattern", ["a", "*", ">", "a.b.>", "a.*.c", "*.*", "ü", "a*"])
def test_valid(pattern: str):
    assert valid_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", ".", "a.", ".a", "a..b", ">.a", "a b", "a.\tb", "a\n"])
def test_not_valid(pattern: str):
    assert not valid_pattern(pattern)
    with pytest.raises(ValueError, match="is no pattern"):
        Router().add(pattern, 1)


def test_a_subscriber_with_two_patterns_is_found_once():
    router: Router[object] = Router()
    who = object()
    router.add("a.*", who)
    router.add("*.b", who)
    assert router.match("a.b") == (who,)


def test_what_is_added_or_removed_later_counts():
    router: Router[str] = Router()
    router.add("a.>", "first")
    assert router.match("a.b") == ("first",)
    router.add("a.b", "second")
    assert router.match("a.b") == ("first", "second")
    router.remove("a.>", "first")
    assert router.match("a.b") == ("second",)
    router.remove("a.>", "first")
    router.remove("never.added", "first")
    assert router.match("a.b") == ("second",)


def test_types_of_strangers_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(routing, "REMEMBERED", 10)
    router: Router[str] = Router()
    router.add(">", "all")
    for number in range(100):
        assert router.match(f"t{number}") == ("all",)
    assert router.match("x" * 10_000) == ("all",)
    assert len(router._remembered) <= 10
    assert "x" * 10_000 not in router._remembered


def test_patterns_that_are_gone_leave_nothing_behind():
    router: Router[int] = Router()
    for number in range(100):
        router.add(f"a.{number}.>", number)
        router.remove(f"a.{number}.>", number)
    assert router._root.children == {}
