"""What a stack tells: where foreign code is that holds the hub, and whether it may be interrupted there.

A stack is read from a frame, or from what the interpreter's ``faulthandler`` wrote.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from eventd.green.guard import foreign

__all__ = ["Step", "bounded_file", "breakable", "parse", "parse_crash", "stack_of", "told"]

#: Below here all code is ours.
HOUSE = f"{Path(__file__).parent.parent}/"
#: A logger interrupted between taking its lock and giving it back would silence all others.
_LOGGING = f"{Path(logging.__file__).parent}/"
_ENTRY = foreign.__code__
_ALARM = f"{HOUSE}green/alarm.py"
#: How deep a stack is told.
MOST_STEPS = 8

_CURRENT = "Current thread "
_HEAD = "(most recent call first):"
_LINE = re.compile(r'^ +File "(.*)", line (\d+) in (.*)$', re.MULTILINE)


def bounded_file(name: str, size: int) -> int:
    """A descriptor of a file in memory for stacks: it takes ``size`` bytes and no more."""
    file = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, size)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
    return file


class Step(NamedTuple):
    """One call in a stack."""

    file: str
    line: int
    function: str


def stack_of(frame: FrameType | None) -> list[Step]:
    """The calls that led there, outermost first."""
    found = [Step(f.f_code.co_filename, f.f_lineno or 0, f.f_code.co_name) for f in _outward(frame)]
    return _without_alarm(found[::-1])


def parse(text: str) -> list[Step]:
    """The same, from the last stack that ``faulthandler`` wrote into ``text``."""
    for part in reversed(text.split(_HEAD)):
        if lines := _LINE.findall(part):
            return _without_alarm([Step(file, int(line), function) for file, line, function in reversed(lines)])
    return []


def parse_crash(text: str) -> list[Step]:
    """The stack of the thread that crashed, from what ``faulthandler`` wrote of all of them."""
    _, current, rest = text.rpartition(_CURRENT)
    return parse(rest.partition("\n\n")[0] if current else text)


def told(stack: list[Step], entry: CodeType = _ENTRY) -> str:
    """Where that is, for the log: the plugin's own line, the innermost one where it is another's, and the way there.

    :param entry: the code of ours behind which a plugin's begins.
    """
    if not stack:
        return "at a place that is not known"
    foreign = _foreign(stack, entry)
    last = stack[-1]
    own = next((step for step in reversed(foreign) if step.file == foreign[0].file), last)
    inside = "" if own is last else f", inside {last.file}:{last.line} in {last.function}"
    way = " > ".join(f"{step.function} {Path(step.file).name}:{step.line}" for step in (foreign or stack)[-MOST_STEPS:])
    return f"at {own.file}:{own.line} in {own.function}{inside}; stack: {way}"


def breakable(frame: FrameType | None) -> bool:
    """Whether an exception may be raised there: in foreign code that was not called back by our own.

    What we do for a plugin, such as to take what it emits, is done to its end.
    """
    ours = False
    for each in _outward(frame):
        file = each.f_code.co_filename
        if each.f_code is _ENTRY:
            return True
        if file.startswith(_LOGGING) or (each is frame and file.startswith(HOUSE)):
            return False
        if file.startswith(HOUSE):
            ours = True
        elif ours:
            return False
    return False


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _foreign(stack: list[Step], entry: CodeType) -> list[Step]:
    """From the plugin's first call on; empty where no plugin is called."""
    ours = [n for n, step in enumerate(stack) if step.file.startswith(HOUSE)]
    if not ours:
        # It is deeper than what is written of a stack.
        return stack
    name = (entry.co_filename, entry.co_name)
    begin = max([n for n in ours if (stack[n].file, stack[n].function) == name], default=len(stack))
    return next((stack[n:] for n in range(begin, len(stack)) if n not in ours), [])


def _without_alarm(stack: list[Step]) -> list[Step]:
    """Without the one who looks: the alarm's handler is called wherever its thread is."""
    while stack and stack[-1].file == _ALARM:
        stack.pop()
    return stack
