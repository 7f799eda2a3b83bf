"""What a subscription wants of a block, and the bytes that say the same wish."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from eventd.errors import InvalidSubscription
from eventd.event import Block
from eventd.protocol.native import JSON, MSGPACK
from eventd.subscriptions.shape import Shape
from tests.subscriptions.world import drafts, event


def block(*events: dict[str, Any], first: int = 10) -> Block:
    draft = drafts(events)
    return Block(first, draft.count, draft.encoding, draft.types, 1, draft.body)


def shape(*types: str, filters: Any = None) -> Shape:
    return Shape(JSON, types, filters, 7)


def test_a_block_of_wanted_types_is_wanted_whole() -> None:
    assert list(shape("a.*").pick(block(event("a.b"), event("a.c")))) == [0, 1]


def test_a_block_of_other_types_is_not_wanted() -> None:
    wish = shape("a.*")
    other = block(event("b"), event("c"))
    assert (list(wish.pick(other)), wish.plain(other)) == ([], True)


def test_of_a_mixed_block_the_wanted_types_are_picked() -> None:
    wish = shape("a.*", "c")
    mixed = block(event("a.b"), event("b"), event("c"), event("a.b.c"))
    assert (list(wish.pick(mixed)), wish.plain(mixed)) == ([0, 2], False)


def test_filters_pick_among_the_wanted_types() -> None:
    wish = shape("a", filters=[{"exact": {"subject": "yes"}}])
    mixed = block(event("a", subject="no"), event("b", subject="yes"), event("a", subject="yes"))
    assert (list(wish.pick(mixed)), wish.plain(mixed)) == ([2], False)


def test_a_block_whose_types_are_not_listed_is_looked_through() -> None:
    wish = shape("a")
    unknown = block(event("a"), event("b"))
    unknown.types = ()
    assert (list(wish.pick(unknown)), wish.plain(unknown)) == ([0], False)


@pytest.mark.parametrize("filters", [None, [{"prefix": {"type": "a"}}]])
@pytest.mark.parametrize("types", [["a"], ["a", "b"]])
def test_what_lies_before_the_beginning_is_not_picked(types: list[str], filters: Any) -> None:
    mixed = block(*[event(type) for type in types * 2])
    picked = list(shape("a", filters=filters).pick(mixed, 1))
    assert picked == [at for at in range(1, mixed.count) if (types * 2)[at] == "a"]


def test_events_are_written_with_their_places() -> None:
    written = shape("a").write(block(event("a"), event("a"), event("a")), [0, 2])
    assert [json.loads(each)["eventdoffset"] for each in written] == [10, 12]


def test_a_frame_says_where_it_ends_and_for_whom() -> None:
    frame = shape("a").frame([b'{"id":"1"}'], 3, 9)
    assert json.loads(frame.data) == {"op": "events", "sid": 7, "events": [{"id": "1"}], "offset": 9}
    assert (frame.count, frame.start, frame.end, frame.missing) == (1, 3, 9, False)


def test_a_frame_in_msgpack_says_the_same() -> None:
    wish = Shape(MSGPACK, ["a"], None, 7)
    data = wish.frame(wish.write(block(event("a")), [0]), 10, 11).data
    told = msgspec.msgpack.decode(data)
    assert (told["sid"], told["offset"], [each["eventdoffset"] for each in told["events"]]) == (7, 11, [10])


def test_the_same_wish_has_the_same_terms_however_it_is_said() -> None:
    one = shape("b", "a", "b", filters=[{"exact": {"subject": "x", "source": "y"}}])
    other = shape("a", "b", filters=[{"exact": {"source": "y", "subject": "x"}}])
    assert one.terms == other.terms
    assert shape("a").terms == shape("a", filters=[]).terms != shape("b").terms


def test_another_filter_is_another_wish() -> None:
    assert shape("a", filters=[{"exact": {"id": "1"}}]).terms != shape("a", filters=[{"exact": {"id": "2"}}]).terms


@pytest.mark.parametrize("pattern", ["", ".", "a..b", ">.a"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidSubscription, match="no pattern"):
        shape("a", pattern)


@pytest.mark.parametrize(
    "wrong", [{"like": {"id": "1"}}, {"exact": {}}, {"exact": {"": "1"}}, {"exact": {"id": ""}}, 3]
)
def test_what_is_no_filter_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidSubscription):
        shape("a", filters=[wrong])
