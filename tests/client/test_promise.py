"""Answers that are waited for."""

from __future__ import annotations

import pytest

from eventd.client.failures import Closed
from eventd.client.promise import Promise


def test_an_outcome_is_told_once():
    promise: Promise[int] = Promise()
    told: list[int | None] = []
    promise.when_done(lambda: told.append(promise.value()))
    promise.when_done(lambda: told.append(None))

    promise.end(5)

    assert told == [5, None]


def test_who_asks_behind_the_outcome_is_told_at_once():
    promise: Promise[int] = Promise()
    promise.end(5)
    told: list[int] = []

    promise.when_done(lambda: told.append(1))

    assert told == [1]


def test_a_failure_is_raised():
    promise: Promise[int] = Promise()
    promise.end(Closed("gone"))

    with pytest.raises(Closed, match="gone"):
        promise.value()
