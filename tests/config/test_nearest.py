"""What someone may have meant."""

from __future__ import annotations

from eventd.config.nearest import did_you_mean


def test_a_near_name_is_told() -> None:
    assert did_you_mean("fsnyc", ["fsync", "memory"]) == "; did you mean fsync?"


def test_a_far_one_is_not() -> None:
    assert did_you_mean("xyz", ["fsync", "memory"]) == ""
