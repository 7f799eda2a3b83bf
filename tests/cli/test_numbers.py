"""Numbers as people read them."""

from __future__ import annotations

import pytest

from eventd.cli.numbers import duration, rate, size, sparkline


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (3600, "1h"), (3661, "1h 1m"), (93784.2, "1d 2h"), (86460, "1d 1m")],
)
def test_durations_in_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (-2048, "-2.0 KiB"), (5000 << 40, "5,000.0 TiB")],
)
def test_sizes(bytes: int, text: str) -> None:
    assert size(bytes) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, "–"), (0.0, "0"), (0.25, "0.2"), (9.96, "10.0"), (12.3, "12"), (1234567.8, "1,234,568")]
)
def test_rates(number: float | None, text: str) -> None:
    assert rate(number) == text


def test_the_highest_is_full_and_what_is_more_than_nothing_is_seen() -> None:
    assert sparkline([0, 1, 500, 1000, None, 1000], 10) == "▁▂▅█ █"


def test_the_last_ones_are_shown_where_there_is_no_room() -> None:
    assert sparkline([1000, 0, 1], 2) == "▁█"
    assert sparkline([1, 2], 0) == ""
    assert sparkline([], 5) == ""
    assert sparkline([0, 0, None], 3) == "▁▁ "
