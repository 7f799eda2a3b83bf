from __future__ import annotations

from typing import Any

import pytest

from eventd.app.resources import resources_of


def named(resource: Any) -> dict[str, tuple[str, ...]]:
    return {one.name: one.types for one in resources_of(resource, "now")}


@pytest.mark.parametrize(
    "resource, found",
    [
        ("com.example.>", {"com.example.>": ("com.example.>",)}),
        ("Event Data", {"Event Data": (">",)}),
        (["a.>", "b", "Event Data"], {"a.>": ("a.>",), "b": ("b",), "Event Data": (">",)}),
        ({"readings": "a.>", "All of it": ["b", "c.*"]}, {"readings": ("a.>",), "All of it": ("b", "c.*")}),
    ],
)
def test_a_name_stands_for_patterns(resource: Any, found: dict[str, tuple[str, ...]]) -> None:
    assert named(resource) == found


def test_each_begins_where_it_is_said() -> None:
    assert [one.start for one in resources_of(["a", "b"], 7)] == [7, 7]
    assert [one.epoch for one in resources_of(["a", "b"], 7)] == [None, None]


@pytest.mark.parametrize("resource", [5, None, [5], [], {"a": 5}, {"a": []}])
def test_what_names_no_pattern_is_refused(resource: Any) -> None:
    with pytest.raises(TypeError, match="neither a pattern nor several"):
        resources_of(resource, "now")


def test_nothing_is_refused_and_so_is_a_pattern_that_is_none() -> None:
    with pytest.raises(ValueError, match="at least one"):
        resources_of({}, "now")
    with pytest.raises(ValueError, match="is no pattern"):
        resources_of({"readings": "a b"}, "now")
