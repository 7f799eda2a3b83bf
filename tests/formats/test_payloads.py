"""What the readers have in common."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from eventd.errors import InvalidEvent
from eventd.event import UNSET
from eventd.formats import rules
from eventd.formats.payloads import IN_A_ROW, MOST_TYPES, Fill, check_depth, check_payload, distinct, read_each


class Inner(msgspec.Struct):
    numbers: list[int]


class Data(msgspec.Struct):
    inner: Inner
    at: dt.datetime | None = None


def fault(data: object) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        check_payload(data, Data, json=True)
    return caught.value


def test_the_path_to_what_is_wrong_becomes_the_attribute():
    assert fault({"inner": {"numbers": [1, "x"]}}).attribute == "data.inner.numbers[1]"
    assert fault({"inner": {}}).attribute == "data.inner"
    assert fault(5).attribute == "data"
    assert fault(UNSET).attribute == "data"
    assert "expected `int`" in fault({"inner": {"numbers": ["x"]}}).message


def test_text_may_stand_for_what_the_format_does_not_have():
    check_payload({"inner": {"numbers": []}, "at": "2026-01-01T00:00:00Z"}, Data, json=True)


def test_keys_of_json_are_strings_whatever_they_mean():
    check_payload({"1": 2}, dict[int, int], json=True)
    with pytest.raises(InvalidEvent):
        check_payload({"1": 2}, dict[int, int], json=False)


def test_depth_names_the_payload():
    deep: object = 1
    for _ in range(rules.DEEPEST + 1):
        deep = [deep]
    with pytest.raises(InvalidEvent) as caught:
        check_depth(deep)
    assert (caught.value.attribute, caught.value.reason) == ("data", "too_large")


def test_types_are_listed_once_in_order_until_they_are_too_many():
    assert distinct(["b", "a", "b"]) == ("b", "a")
    assert len(distinct(map(str, range(MOST_TYPES)))) == MOST_TYPES
    assert distinct(map(str, range(MOST_TYPES + 1))) == ()


def test_ids_that_are_filled_in_are_never_the_same():
    one, other = Fill("/a"), Fill("/a")
    ids = {fill.absent({})["id"] for fill in (one, other) for _ in range(100)}
    assert len(ids) == 200


def test_what_is_filled_in_keeps_to_the_rules():
    rules.check({"type": "a", **Fill("/a").absent({"type": "a"})})


@pytest.mark.parametrize(("count", "breaths"), [(0, 0), (1, 0), (IN_A_ROW, 1), (3 * IN_A_ROW, 3)])
def test_between_many_events_others_have_their_turn(count: int, breaths: int):
    taken: list[None] = []
    bodies, types = read_each([b"{}"] * count, lambda raw: (raw, "a"), lambda: taken.append(None))
    assert (len(bodies), len(types), len(taken)) == (count, count, breaths)
