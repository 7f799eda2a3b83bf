"""Durations by bucket."""

from __future__ import annotations

import pytest

from eventd.observe.histogram import Histogram


def test_an_observation_at_a_bound_belongs_to_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 99.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]


def test_buckets_are_cumulative_and_end_with_all() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.5, 3.0):
        histogram.observe(value)
    assert histogram.buckets() == [("1.0", 1), ("2.0", 2), ("+Inf", 3)]
    assert histogram.total == pytest.approx(5.0)
