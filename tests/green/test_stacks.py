"""What a stack tells, and where an exception may be raised."""

from __future__ import annotations

import faulthandler
import logging
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import pytest

from eventd.green.guard import guard
from eventd.green.stacks import HOUSE, Step, breakable, parse, parse_crash, stack_of, told
from eventd.green.stall import label_of
from tests.green.support import on_hub

OURS = f"{HOUSE}dispatch/consumer.py"
HEAD = "(most recent call first):\n"
GUARD = Step(f"{HOUSE}green/guard.py", 90, "foreign")


def guarded(function: Callable[..., Any], *args: Any) -> Any:
    return guard("it", 0.0, lambda seconds, locked: None, function, *args)


def test_the_plugins_own_line_is_told_and_the_one_in_a_library() -> None:
    stack = [
        Step("/tests/main.py", 1, "main"), Step(OURS, 10, "run"), GUARD, Step("/p/archive.py", 12, "handle"),
        Step("/p/archive.py", 20, "parse"), Step("/lib/re/__init__.py", 166, "match"),
    ]  # fmt: skip

    assert told(stack) == (
        "at /p/archive.py:20 in parse, inside /lib/re/__init__.py:166 in match; "
        "stack: handle archive.py:12 > parse archive.py:20 > match __init__.py:166"
    )
    assert told(stack[:4]) == "at /p/archive.py:12 in handle; stack: handle archive.py:12"


def test_what_is_ours_is_told_as_it_is() -> None:
    assert told([Step(OURS, 10, "run"), Step(OURS, 20, "step")]).startswith(f"at {OURS}:20 in step; stack: run")
    assert told([]) == "at a place that is not known"


def test_what_a_plugin_calls_of_ours_is_told_with_the_plugins_line() -> None:
    stack = [GUARD, Step(OURS, 5, "work"), Step("/p/archive.py", 12, "execute"), Step(OURS, 30, "emit")]

    assert told(stack).startswith(f"at /p/archive.py:12 in execute, inside {OURS}:30 in emit; stack: execute")


def test_a_deep_stack_is_told_by_its_end() -> None:
    stack = [GUARD, *(Step("/p/deep.py", line, "again") for line in range(1, 100))]

    assert told(stack).count("again deep.py") == 8
    assert told(stack).endswith("again deep.py:99")


def test_what_the_interpreter_wrote_is_read_like_the_frame_itself() -> None:
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=False)
        faulthandler.dump_traceback(file, all_threads=False)
        here = stack_of(sys._getframe())
        file.seek(0)
        read = parse(file.read())

    assert [step.function for step in read] == [step.function for step in here]
    assert read[-1].file == here[-1].file == __file__
    assert read[-1].line == here[-1].line - 1


@pytest.mark.parametrize("text", ["", "Stack (most recent call first):\n", "no stack at all"])
def test_what_has_no_stack_gives_none(text: str) -> None:
    assert parse(text) == []


def test_a_stack_that_was_cut_off_gives_way_to_the_one_before() -> None:
    whole = 'Stack (most recent call first):\n  File "/p/a.py", line 3 in handle\n'

    assert parse(f"{whole}Stack (most recent call first):\n  Fi") == [Step("/p/a.py", 3, "handle")]


def test_of_a_crash_the_stack_of_its_own_thread_is_read() -> None:
    crash, main = '  File "/p/a.py", line 3 in crash\n', '  File "/p/a.py", line 9 in main\n'
    text = f"Thread 0x2 {HEAD}{main}\nCurrent thread 0x1 {HEAD}{crash}\nThread 0x3 {HEAD}{main}\nExtension modules: x"

    assert parse_crash(text) == [Step("/p/a.py", 3, "crash")]
    assert parse_crash(f"Stack {HEAD}{main}") == [Step("/p/a.py", 9, "main")]


@on_hub
def test_foreign_code_may_be_interrupted_where_the_guard_has_called_it() -> None:
    def plugin() -> bool:
        return breakable(sys._getframe())

    def library(function: Callable[[], bool]) -> bool:
        return function()

    assert guarded(plugin)
    assert guarded(library, plugin)
    # A function of C has no frame of its own.
    assert guarded(breakable, sys._getframe()) is False
    assert breakable(guarded(sys._getframe))
    assert not plugin()
    assert not breakable(None)


@on_hub
def test_code_of_ours_that_a_plugin_calls_may_not_be_interrupted() -> None:
    found: list[bool] = []

    class Asked:
        @property
        def label(self) -> str:
            found.append(breakable(sys._getframe()))
            found.append(breakable(sys._getframe().f_back))
            return "asked"

    assert guarded(lambda: label_of(Asked())) == "asked"

    assert found == [False, False]


@on_hub
def test_a_logger_is_not_interrupted() -> None:
    found: list[bool] = []

    class Looks(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(breakable(sys._getframe()))
            found.append(breakable(sys._getframe().f_back))

    logger = logging.getLogger("eventd.test.stacks")
    logger.addHandler(Looks())
    guarded(logger.error, "something")

    assert found == [False, False]
