"""An outcome on its way to the daemon: in one message, or in parts where it is large.

A message is decoded in one go, and the decoder keeps the interpreter's lock: an outcome of
100,000 drafts held up everybody in the daemon for 0.12 s, and would from a native thread, too.
In parts, others have their turn in between, after some milliseconds. Drafts are joined here, as the
daemon would do. What is not cut is a single event and a single value of the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from eventd.calls.messages import MOST_MESSAGE, Outcome, frame, too_large
from eventd.errors import MalformedInput
from eventd.formats.blocks import merge, split

__all__ = ["PART_BYTES", "Gathered", "frames_of"]

#: Bytes of a message above which an outcome is cut: some 500 small events, decoded and checked in a millisecond.
PART_BYTES = 1 << 16
#: Bytes that an item costs beside what is counted.
ITEM_BYTES = 16

T = TypeVar("T")


def frames_of(outcome: Outcome) -> list[bytes]:
    """An outcome as it is sent.

    :raises MalformedInput: when it is larger than one may be.
    """
    outcome.drafts = [part for draft in merge(outcome.drafts, PART_BYTES) for part in split(draft, PART_BYTES)]
    whole = frame(outcome)
    if len(whole) <= PART_BYTES:
        return [whole]
    frames = [frame(part) for part in _parts(outcome)]
    size = sum(map(len, frames))
    if size > MOST_MESSAGE:
        raise too_large(size)
    return frames


class Gathered:
    """Parts, until the outcome is whole."""

    def __init__(self) -> None:
        self._whole: Outcome | None = None
        self._size = 0

    def add(self, part: Outcome, size: int) -> Outcome | None:
        """Take the next part; the outcome with its last one.

        :param size: bytes of its message.
        :raises MalformedInput: when it is not of the same outcome, or that becomes too large.
        """
        self._size += size
        whole = self._whole = part if self._whole is None else _joined(self._whole, part)
        if self._size > MOST_MESSAGE:
            raise too_large(self._size)
        if part.more:
            return None
        self._whole, self._size = None, 0
        return whole


def _joined(one: Outcome, other: Outcome) -> Outcome:
    if one.number != other.number:
        raise MalformedInput(f"a part of outcome {other.number} came among those of {one.number}")
    one.drafts += other.drafts
    one.failures.update(other.failures)
    one.changes.update(other.changes)
    if one.read is not None:
        one.read = None if other.read is None else [*one.read, *other.read]
    one.raised, one.spent, one.more = other.raised, other.spent, other.more
    return one


def _parts(outcome: Outcome) -> Iterator[Outcome]:
    """The last one says what concerns all of it."""
    number = outcome.number
    for drafts in _cut(outcome.drafts, lambda draft: len(draft.body)):
        yield Outcome(drafts, {}, None, {}, [], False, number, more=True)
    for failures in _cut(outcome.failures.items(), lambda item: len(item[1].text) + len(item[1].traceback)):
        yield Outcome([], dict(failures), None, {}, [], False, number, more=True)
    for changes in _cut(outcome.changes.items(), lambda item: len(item[0]) + len(item[1] or b"")):
        yield Outcome([], {}, None, dict(changes), [], False, number, more=True)
    for read in _cut(outcome.read or (), len):
        yield Outcome([], {}, None, {}, read, False, number, more=True)
    yield Outcome([], {}, outcome.raised, {}, None if outcome.read is None else [], outcome.spent, number)


def _cut(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in order, as many together as fit into a part, and at least one."""
    together: list[T] = []
    size = 0
    for item in items:
        item_size = size_of(item) + ITEM_BYTES
        if together and size + item_size > PART_BYTES:
            yield together
            together, size = [], 0
        together.append(item)
        size += item_size
    if together:
        yield together
