"""Each kind of value: what it takes, and that it says what it would take."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.config import values
from eventd.config.values import ADDRESS, BOOLEAN, COUNT, DURATION, LIST, PATH, POSITIVE, SIZE, START, TEXT, Kind


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (TEXT, "any thing", "any thing"),
        (BOOLEAN, "Yes", True),
        (BOOLEAN, "off", False),
        (COUNT, "0", 0),
        (POSITIVE, "12", 12),
        (DURATION, "500ms", 0.5),
        (DURATION, "1h30m", 5400.0),
        (DURATION, "2.5", 2.5),
        (DURATION, "7d", 604800.0),
        (SIZE, "1000", 1000),
        (SIZE, "64M", 64 << 20),
        (SIZE, "1.5GiB", 3 << 29),
        (SIZE, "2kb", 2048),
        (PATH, "/a/b/", "/a/b"),
        (PATH, "/", "/"),
        (LIST, "a, b,\nc,", ("a", "b", "c")),
        (ADDRESS, "0.0.0.0:8080", "0.0.0.0:8080"),
        (ADDRESS, "[::1]:0", "[::1]:0"),
        (ADDRESS, ":80", ":80"),
        (ADDRESS, "unix:/run/x.sock", "unix:/run/x.sock"),
        (ADDRESS, "fd:http", "fd:http"),
        (START, "earliest", "earliest"),
        (START, "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ],
)
def test_takes(kind: Kind, text: str, expected: object) -> None:
    assert kind.parse(text) == expected


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (BOOLEAN, "maybe"),
        (COUNT, "-1"),
        (COUNT, "1.5"),
        (COUNT, "²"),
        (POSITIVE, "0"),
        (DURATION, "5 apples"),
        (DURATION, "-5s"),
        (DURATION, ""),
        (SIZE, "64X"),
        (SIZE, "M"),
        (PATH, "relative/path"),
        (PATH, ""),
        (ADDRESS, "8080"),
        (ADDRESS, "host:99999"),
        (ADDRESS, "::1:80"),
        (ADDRESS, "unix:relative"),
        (ADDRESS, "fd:"),
        (START, "yesterday"),
        (START, "2026-01-31T12:00:00"),
    ],
)
def test_refuses_and_repeats_what_it_got(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        kind.parse(text)

    assert repr(text) in str(caught.value)


def test_choice_names_all() -> None:
    kind = values.choice("green", "thread")

    assert kind.parse("GREEN") == "green"
    with pytest.raises(ValueError, match="'process' is none of green, thread"):
        kind.parse("process")


@given(st.text(max_size=30), st.sampled_from([BOOLEAN, COUNT, DURATION, SIZE, PATH, ADDRESS, START]))
def test_any_text_gives_a_value_or_a_value_error(text: str, kind: Kind) -> None:
    with contextlib.suppress(ValueError):
        kind.parse(text)


@given(st.integers(0, 10**6), st.sampled_from("smhdw"))
def test_a_duration_with_a_unit_is_its_number_of_units(number: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]

    assert DURATION.parse(f"{number}{unit}") == number * seconds
