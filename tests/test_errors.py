"""Each error says whose fault it is and carries its own answer for the wire."""

from __future__ import annotations

import re

import pytest

from eventd import errors
from eventd.errors import (
    ClientError,
    ConfigurationError,
    EventdError,
    Fault,
    InvalidEvent,
    JournalUnavailable,
    TooLarge,
    Unavailable,
)

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, EventdError)
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_class_stands_in_the_tree_and_in_the_public_names(cls: type[EventdError]) -> None:
    assert errors.__doc__ is not None
    assert re.search(rf"\b{cls.__name__}\b", errors.__doc__)
    assert cls.__name__ in errors.__all__
    assert cls.__doc__


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_class_has_an_answer_that_its_protocols_know(cls: type[EventdError]) -> None:
    assert 400 <= cls.http_status <= 599
    assert 1000 <= cls.close_code <= 1014
    assert re.fullmatch(r"[a-z_]+", cls.reason)


def test_senders_are_told_to_try_again_only_where_it_helps() -> None:
    assert TooLarge("x").retry_after is None
    assert Unavailable("x").retry_after is not None
    assert JournalUnavailable("x", retry_after=9.0).retry_after == 9.0
    assert issubclass(TooLarge, ClientError)
    assert not issubclass(Unavailable, ClientError)


def test_the_hint_stands_behind_the_message() -> None:
    assert str(EventdError("it is full", hint="make room")) == "it is full (make room)"
    assert str(EventdError("it is full")) == "it is full"


def test_an_invalid_event_names_the_attribute_and_the_place_in_the_batch() -> None:
    error = InvalidEvent("must not be empty", attribute="id", index=3)
    assert (str(error), error.index) == ("id: must not be empty", 3)


def test_a_reason_can_be_more_exact_than_the_class() -> None:
    assert TooLarge("x", reason="too_deep").reason == "too_deep"
    assert TooLarge("x").reason == "too_large"


def test_all_faults_of_a_configuration_are_told_with_their_places() -> None:
    faults = [Fault("wrong", "a.ini", 3), Fault("missing", "b.ini"), Fault("odd")]
    assert str(ConfigurationError(faults)) == "a.ini:3: wrong\nb.ini: missing\nodd"
