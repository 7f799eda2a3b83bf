"""What became of the events of a durable subscription, gathered into few messages.

``put`` may be called from any thread and holds no lock: a program settles each event by
itself, as fast as it can append to a list. All else is called by one thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from eventd.event import Event

__all__ = ["Settled", "Settling", "check_outcome", "offsets_of", "ranges"]

OUTCOMES = ("done", "retry", "reject")


class Settled(NamedTuple):
    """One ``settle`` message: offsets and pairs of them, and what became of those events."""

    offsets: list[int | list[int]]
    outcome: str
    after: float | None


class Settling:
    """Which events are held, and which of them were settled since the last ``take``."""

    __slots__ = ("_done", "_held", "_others", "asked")

    def __init__(self) -> None:
        #: Offsets that came on this connection and were not settled.
        self._held: set[int] = set()
        self._done: deque[int] = deque()
        self._others: deque[tuple[list[int], str, float | None]] = deque()
        #: Somebody was asked to call ``take`` soon.
        self.asked = False

    @property
    def held(self) -> int:
        """Events that are not settled."""
        return len(self._held)

    def put(self, offsets: Sequence[int], outcome: str, after: float | None) -> bool:
        """Say what became of events; true when somebody is to be asked to call ``take``."""
        if outcome == "done":
            self._done.extend(offsets)
        else:
            self._others.append((list(offsets), outcome, after))
        # In this order: take says that nobody is asked, then looks.
        if self.asked:
            return False
        self.asked = True
        return True

    def hold(self, events: Iterable[Event]) -> None:
        """These came on this connection."""
        self._held.update([event.offset for event in events if event.offset >= 0])

    def take(self) -> list[Settled]:
        """What is to be said now; what is not held, or came over an earlier connection, is dropped."""
        self.asked = False
        if not self._done and not self._others:
            return []
        told = self._settle(_drained(self._done), "done", None)
        for offsets, outcome, after in _drained(self._others):
            told += self._settle(offsets, outcome, after)
        return told

    def lost(self) -> None:
        """The connection is gone: its events come again, to whomever."""
        self.asked = False
        self._held.clear()
        self._done.clear()
        self._others.clear()

    def _settle(self, offsets: Iterable[int], outcome: str, after: float | None) -> list[Settled]:
        held = self._held.intersection(offsets)
        self._held -= held
        return [Settled(ranges(held), outcome, after)] if held else []


def check_outcome(outcome: str, *, durable: bool) -> None:
    """Refuse what cannot be said of an event.

    :raises ValueError: for an unknown outcome, or a subscription that is not durable.
    """
    if outcome not in OUTCOMES:
        raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}, not {outcome!r}")
    if not durable:
        raise ValueError("only a durable subscription, one with a name, has events to settle")


def offsets_of(what: Event | int | Iterable[Event | int]) -> list[int]:
    """The offsets of what a program settles.

    :raises TypeError: for what is neither an event nor an offset, nor several of them.
    """
    if isinstance(what, Event | int):
        what = (what,)
    return [_offset_of(one) for one in what]


def ranges(offsets: Iterable[int]) -> list[int | list[int]]:
    """Offsets as a settle has them: neighbours are joined into pairs, both included."""
    joined: list[list[int]] = []
    last = -2
    for offset in sorted(offsets):
        if offset == last + 1:
            joined[-1][1] = offset
        else:
            joined.append([offset, offset])
        last = offset
    return [first if first == last else [first, last] for first, last in joined]


def _offset_of(one: Event | int) -> int:
    if isinstance(one, Event):
        return one.offset
    if isinstance(one, int):
        return one
    raise TypeError(f"{type(one).__name__} is neither an event nor an offset")


def _drained(put: deque[Any]) -> list[Any]:
    """Take what is there out of what other threads append to."""
    return [put.popleft() for _ in range(len(put))]
