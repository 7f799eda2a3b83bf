"""Limits, of which 0 is none."""

from __future__ import annotations

import pytest

from eventd.protocol.limits import UNLIMITED, Limits


def test_the_default_lets_the_least_message_of_cloudevents_pass() -> None:
    assert Limits().message_size >= 64 * 1024


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_zero_is_no_limit(name: str) -> None:
    limits = Limits(**{name: 0})
    assert getattr(limits, name) == UNLIMITED
    assert getattr(Limits(**{name: 5}), name) == 5
