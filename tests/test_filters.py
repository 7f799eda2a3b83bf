"""Filters of subscriptions: the dialects, what is refused, and any filter against a naive reading of it."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.errors import InvalidSubscription
from eventd.filters import MOST_DEPTH, MOST_FILTERS, MOST_TOLD, compile_filters

EVENT = {"id": "17", "source": "/sensors/1", "type": "com.example.reading", "n": -5, "ok": True, "key": b"\xfb\xff"}


def fits(*filters: Any, event: dict[str, Any] = EVENT) -> bool:
    compiled = compile_filters(list(filters))
    assert compiled is not None
    return compiled(event)


def refused(filters: Any) -> str:
    with pytest.raises(InvalidSubscription) as caught:
        compile_filters(filters)
    return str(caught.value)


@pytest.mark.parametrize("filters", [None, []])
def test_without_filters_there_is_nothing_to_ask(filters: Any) -> None:
    assert compile_filters(filters) is None


@pytest.mark.parametrize(
    "filter, expected",
    [
        ({"exact": {"type": "com.example.reading"}}, True),
        ({"exact": {"type": "com.example"}}, False),
        ({"exact": {"type": "Com.example.reading"}}, False),
        ({"exact": {"Type": "com.example.reading"}}, False),
        ({"prefix": {"type": "com.example."}}, True),
        ({"prefix": {"type": "example."}}, False),
        ({"suffix": {"type": ".reading"}}, True),
        ({"suffix": {"type": "com."}}, False),
        ({"prefix": {"type": "com.example.reading.more"}}, False),
        ({"exact": {"id": "17", "source": "/sensors/1"}}, True),
        ({"exact": {"id": "17", "source": "/sensors/2"}}, False),
        ({"all": [{"exact": {"id": "17"}}, {"prefix": {"source": "/"}}]}, True),
        ({"all": [{"exact": {"id": "17"}}, {"prefix": {"source": "#"}}]}, False),
        ({"any": [{"exact": {"id": "18"}}, {"prefix": {"source": "/"}}]}, True),
        ({"any": [{"exact": {"id": "18"}}, {"prefix": {"source": "#"}}]}, False),
        ({"not": {"exact": {"id": "18"}}}, True),
        ({"not": {"not": {"exact": {"id": "18"}}}}, False),
    ],
)
def test_each_dialect_says_what_it_says(filter: dict[str, Any], expected: bool) -> None:
    assert fits(filter) is expected


def test_of_several_filters_all_must_be_true() -> None:
    assert fits({"exact": {"id": "17"}}, {"exact": {"n": "-5"}})
    assert not fits({"exact": {"id": "17"}}, {"exact": {"n": "5"}})


@pytest.mark.parametrize("dialect", ["exact", "prefix", "suffix"])
def test_an_attribute_that_the_event_lacks_fits_nothing(dialect: str) -> None:
    assert not fits({dialect: {"subject": "x"}})
    assert fits({"not": {dialect: {"subject": "x"}}})
    assert not fits({dialect: {"id": "17", "subject": "x"}})


@pytest.mark.parametrize("name, text", [("n", "-5"), ("ok", "true"), ("key", "+/8="), ("specversion", "1.0")])
def test_attributes_are_compared_in_their_canonical_form(name: str, text: str) -> None:
    assert fits({"exact": {name: text}})
    assert fits({"prefix": {name: text[:2]}}, {"suffix": {name: text[-2:]}})


def test_no_is_false_and_not_zero() -> None:
    assert fits({"exact": {"ok": "false", "n": "0"}}, event={"ok": False, "n": 0})
    assert not fits({"exact": {"ok": "False"}}, event={"ok": False})


@pytest.mark.parametrize(
    "filters",
    [
        "exact",
        {},
        {"exact": {"id": "1"}},
        ({"exact": {"id": "1"}},),
        5,
        0,
        False,
        [None],
        [[]],
        ["exact"],
        [{}],
        [{"exact": {"id": "1"}, "prefix": {"id": "1"}}],
        [{"exact": {}}],
        [{"exact": []}],
        [{"exact": "id"}],
        [{"exact": None}],
        [{"exact": {"": "1"}}],
        [{"exact": {"id": ""}}],
        [{"exact": {"id": 1}}],
        [{"exact": {"id": None}}],
        [{"exact": {"id": b"1"}}],
        [{"exact": {b"id": "1"}}],
        [{"exact": {"id": "1", 5: "1"}}],
        [{"all": []}],
        [{"any": []}],
        [{"all": {"exact": {"id": "1"}}}],
        [{"any": [{"exact": {"id": "1"}}, None]}],
        [{"not": []}],
        [{"not": [{"exact": {"id": "1"}}]}],
        [{"not": {}}],
        [{"not": None}],
        [{"sql": "id = '1'"}],
        [{"EXACT": {"id": "1"}}],
        [{"": {"id": "1"}}],
        [{5: {"id": "1"}}],
        [{None: {"id": "1"}}],
        [{b"exact": {"id": "1"}}],
        [{("exact",): {"id": "1"}}],
        [{"exact": {"id": "1"}}, {}],
    ],
)
def test_what_is_no_filter_is_refused(filters: Any) -> None:
    assert refused(filters).startswith("filters")


def test_it_is_told_where_it_is_wrong_and_what_there_is() -> None:
    right = {"exact": {"id": "1"}}

    assert refused([right, {"any": [right, {"not": {"all": [{"exact": {"id": ""}}]}}]}]).startswith(
        "filters[1].any[1].not.all[0].exact: "
    )
    assert "one of exact, prefix, suffix, all, any, not" in refused([{"sql": "x"}])


def test_little_of_what_a_client_wrote_is_told_back() -> None:
    assert "x" * MOST_TOLD in refused([{"x" * 10_000: 1}])
    assert len(refused([{"x" * 10_000: 1}])) < 200


def nested(dialect: str, depth: int) -> Any:
    filter: Any = {"exact": {"id": "17"}}
    for _ in range(depth - 1):
        filter = {dialect: filter if dialect == "not" else [filter]}
    return [filter]


@pytest.mark.parametrize("dialect", ["all", "any", "not"])
def test_filters_stand_inside_each_other_only_so_deep(dialect: str) -> None:
    assert compile_filters(nested(dialect, MOST_DEPTH)) is not None
    assert str(MOST_DEPTH) in refused(nested(dialect, MOST_DEPTH + 1))
    assert str(MOST_DEPTH) in refused(nested(dialect, 300))


def test_all_filters_are_counted_wherever_they_stand() -> None:
    right: Any = {"exact": {"id": "17"}}

    assert fits(*[right] * MOST_FILTERS)
    assert str(MOST_FILTERS) in refused([right] * (MOST_FILTERS + 1))
    assert fits({"all": [right] * (MOST_FILTERS - 4)}, {"not": {"not": right}})
    assert str(MOST_FILTERS) in refused([{"all": [right] * 50}, {"any": [{"not": right}] * 25}])


def test_what_is_done_to_the_filters_later_changes_nothing() -> None:
    filters = [{"any": [{"exact": {"id": "17"}}]}]
    compiled = compile_filters(filters)
    filters[0]["any"][0]["exact"]["id"] = "18"
    filters[0]["any"].clear()

    assert compiled is not None
    assert compiled(EVENT)


#: Few names and texts, so that chance meets.
NAMES = st.sampled_from(["id", "type", "n", "ok", "key", "specversion"])
TEXTS = st.sampled_from(["a", "ab", "b", "1", "-1", "12", "true", "false", "YQ==", "1.0", ".0", "="])
EVENTS = st.dictionaries(NAMES, TEXTS | st.sampled_from([0, 1, -1, 12, True, False, b"", b"a"]))
FILTERS = st.recursive(
    st.builds(lambda dialect, terms: {dialect: terms}, st.sampled_from(["exact", "prefix", "suffix"]),
              st.dictionaries(NAMES, TEXTS, min_size=1, max_size=2)),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda found: {"all": found})
    | st.lists(inner, min_size=1, max_size=3).map(lambda found: {"any": found})
    | inner.map(lambda found: {"not": found}),
    max_leaves=6,
)  # fmt: skip


def naive(filter: dict[str, Any], event: dict[str, Any]) -> bool:
    """A filter read straight from the specification."""
    ((dialect, terms),) = filter.items()
    if dialect in ("all", "any"):
        verdicts = [naive(each, event) for each in terms]
        return False not in verdicts if dialect == "all" else True in verdicts
    if dialect == "not":
        return not naive(terms, event)
    for name, text in terms.items():
        found = "1.0" if name == "specversion" else canonical(event.get(name))
        wanted = {"exact": found, "prefix": (found or "")[: len(text)], "suffix": (found or "")[-len(text) :]}
        if found is None or wanted[dialect] != text:
            return False
    return True


def canonical(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return {True: "true", False: "false"}[value]
        case bytes():
            return binascii.b2a_base64(value, newline=False).decode()
    return msgspec.json.encode(value).decode()


@given(st.lists(FILTERS, min_size=1, max_size=3), st.lists(EVENTS, min_size=1, max_size=10))
def test_any_filters_say_what_a_naive_reading_of_them_says(filters: list[Any], events: list[dict[str, Any]]) -> None:
    compiled = compile_filters(filters)

    assert compiled is not None
    for event in events:
        assert compiled(event) is all(naive(filter, event) for filter in filters)


KEYS = st.sampled_from(["exact", "prefix", "suffix", "all", "any", "not", "id", "", "sql"]) | st.text(max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.integers() | st.binary(max_size=3) | st.none(), inner, max_size=2)
        | st.tuples(inner)
    ),
    max_leaves=12,
)


@given(ANYTHING | st.lists(ANYTHING, max_size=3), EVENTS)
def test_anything_is_filters_or_refused(filters: Any, event: dict[str, Any]) -> None:
    try:
        compiled = compile_filters(filters)
    except InvalidSubscription:
        return
    assert compiled is None or compiled(event) in (True, False)


def test_each_attribute_that_is_looked_at_counts():
    with pytest.raises(InvalidSubscription, match="more than 100 filters"):
        compile_filters([{"exact": {f"a{number}": "x" for number in range(101)}}])
