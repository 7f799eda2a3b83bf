"""What a plugin raises comes out of a worker as it was, as far as that can be."""

from __future__ import annotations

import traceback

import msgspec
import pytest

from eventd.calls import told
from eventd.calls.executing import Behind
from eventd.calls.told import Told, raised, tell
from eventd.plugin.contract import Reject, Retry


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as again:  # noqa: BLE001 - it has a traceback now
        return again


def test_name_text_and_traceback_are_kept() -> None:
    error = raised(tell(caught(KeyError("sensor"))))

    assert (type(error).__name__, str(error)) == ("KeyError", "'sensor'")
    assert "in caught" in "".join(traceback.format_exception(error))
    assert type(error) is type(raised(tell(KeyError("again"))))


@pytest.mark.parametrize("after", [None, 2.5])
def test_what_steers_retries_still_does(after: float | None) -> None:
    again = raised(tell(Retry(after, "busy")))
    assert isinstance(again, Retry)
    assert (again.after, str(again)) == (after, "busy")
    assert isinstance(raised(tell(Reject("no"))), Reject)
    assert isinstance(raised(tell(Behind())), Behind)


def test_an_error_whose_text_fails_is_told_without_it() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert (tell(Odd()).name, tell(Odd()).text) == ("Odd", "")


def test_names_without_number_take_no_memory_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "MOST_NAMES", 0)
    odd = raised(tell(type("NeverSeen", (Exception,), {})("x")))

    assert type(odd).__name__ == "_Raised"
    assert str(odd) == "x"


@pytest.mark.parametrize("name", ["", "\0", "a b", "x" * 101])
def test_a_name_that_no_class_has_is_not_made_one(name: str) -> None:
    assert type(raised(Told("error", name, "x", ""))).__name__ == "_Raised"


def test_what_is_told_is_bounded_on_this_side_too() -> None:
    error = raised(Told("retry", "Retry", "x" * 10_000, "y" * 100_000))
    assert len(str(error)) == told.MOST_TEXT
    assert len(str(error.__cause__)) == told.MOST_TRACEBACK + 1


def test_what_is_no_utf8_is_told_all_the_same() -> None:
    told_ = tell(caught(ValueError("a file called \udcff")))
    assert told_.text == "a file called \\udcff"
    assert msgspec.msgpack.encode(told_)


def test_what_is_told_is_bounded() -> None:
    long = tell(caught(ValueError("x" * 1_000_000)))
    assert len(long.text) == told.MOST_TEXT
    assert len(long.traceback) == told.MOST_TRACEBACK
