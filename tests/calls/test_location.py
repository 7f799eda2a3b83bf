"""Where an error was raised: in the plugin's code, whatever that calls, and whoever calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from eventd.calls.executing import exit_of
from eventd.calls.location import MOST_LOCATION, location_of
from eventd.calls.told import raised, tell
from eventd.config.values import SIZE
from eventd.event import Batch, Event
from eventd.plugin.contract import Reject


def caught(function: Callable[[], Any]) -> BaseException:
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - what exits is one of them
        return error
    raise AssertionError("it raised nothing")


def inner() -> None:
    raise KeyError("bad")


def line_of(function: Callable[..., Any], further: int = 1) -> str:
    return f"{__file__}:{function.__code__.co_firstlineno + further}"


def outer() -> None:
    inner()


def leaves() -> None:
    raise SystemExit(3)


def reads() -> None:
    json.loads("{")


def loads() -> None:
    Batch(1, lambda: [Event("a", 1)][5:]).events[0]


@pytest.mark.parametrize(("function", "where"), [(inner, inner), (outer, inner), (reads, reads), (loads, loads)])
def test_it_is_the_innermost_call_of_the_plugin(function: Callable[[], None], where: Callable[[], None]) -> None:
    error = caught(function)

    assert location_of(error) == line_of(where)
    assert location_of(raised(tell(error))) == line_of(where)


def test_of_one_that_stands_for_another_it_is_the_others() -> None:
    assert location_of(exit_of(caught(leaves))) == line_of(leaves)


def test_what_was_not_raised_has_none() -> None:
    assert location_of(Reject("no")) == ""
    assert location_of(raised(tell(Reject("no")))) == ""


def test_ours_is_none() -> None:
    error = caught(lambda: SIZE.parse("x"))
    assert error.__traceback__ is not None
    # Without the calls of the test.
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # type: ignore[union-attr]  # there are three

    assert error.__traceback__ is not None
    assert location_of(error) == ""


def test_it_is_bounded() -> None:
    scope: dict[str, Any] = {"__name__": "plugin"}
    exec(compile("def fails(): raise ValueError", "x" * 1000, "exec"), scope)

    error = caught(scope["fails"])
    told = tell(error)
    told.location = "y" * 1000
    # The outermost call is the test's own.
    error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next

    assert len(location_of(error)) == MOST_LOCATION
    assert location_of(error).endswith("xxx:1")
    assert len(location_of(raised(told))) == MOST_LOCATION
