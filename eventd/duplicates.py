"""Duplicates at the door: an event that came within the window is acknowledged again and stored once.

    doors ── submit_all ──► Duplicates ── submit_all ──► Ingest
                                │ known, durable: answered at once
                                └ known, under way: answered when the first one is

Two events are the same when ``source`` and ``id`` are (CloudEvents 1.0.2, section 3.1.1).
What is known is kept in memory only, bounded in number; after a start it is read from the
journal, which has each event with the time it came: nothing has to be stored beside it.

Forward entries have no id; they pass.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from eventd.errors import EventdError
from eventd.event import Block, Draft
from eventd.formats.selection import keys, select

__all__ = ["MOST_KNOWN", "Duplicates"]

#: Events that are known at most, at about 200 bytes each: with more of them within the
#: window, the oldest are forgotten early.
MOST_KNOWN = 262_144

SECOND = 1_000_000_000

Done = Callable[[int, EventdError | None], None]
Submit = Callable[[list[Draft], int, Done], None]


class Book(Protocol):
    """Where it writes down how many there were."""

    duplicates: int


class _Known:
    """An event that came: its offset once it is durable, and who waits to hear that."""

    __slots__ = ("key", "offset", "received", "waiting")

    def __init__(self, key: bytes, received: int, offset: int = -1) -> None:
        self.key = key
        self.received = received
        self.offset = offset
        self.waiting: list[Done] = []


class _Answer:
    """One answer for several parts: the lowest offset when all are durable, or an error."""

    def __init__(self, parts: int, done: Done) -> None:
        self._parts = parts
        self._done = done
        self._first = -1
        self._error: EventdError | None = None

    def part(self, first: int, error: EventdError | None) -> None:
        """Hear of one part."""
        self._parts -= 1
        self._error = self._error or error
        self._first = first if self._first < 0 else min(self._first, first)
        if not self._parts:
            self._done(-1 if self._error else self._first, self._error)


class Duplicates:
    """Stands between the doors and ingest; runs on the hub.

    :param submit: ingest's door. :param window: seconds.
    :param call_soon: runs a callable at the end of the hub's pass. :param book: counts them.
    """

    def __init__(
        self,
        submit: Submit,
        call_soon: Callable[[Callable[[], None]], object],
        book: Book,
        window: float,
        most: int = MOST_KNOWN,
    ) -> None:
        self._submit = submit
        self._call_soon = call_soon
        self._window = int(window * SECOND)
        self._most = most
        self._book = book
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def learn(self, blocks: Iterable[Block]) -> None:
        """Know the events of the journal's newest blocks, oldest first."""
        for block in blocks:
            for index, key in enumerate(keys(block)):
                self._known[key] = _Known(key, block.received, block.first + index)
                # One that is stored twice is as old as its newer copy, and stands among those.
                self._known.move_to_end(key)
        self._forget(time.time_ns())

    def submit_all(self, drafts: list[Draft], count: int, done: Done) -> None:
        """Hand on what is new; answer when all events, the new and the known ones, are durable."""
        now = time.time_ns()
        self._forget(now)
        fresh: list[Draft] = []
        met: list[_Known] = []
        added = [self._sort(draft, now, fresh, met) for draft in drafts]
        new = sum([draft.count for draft in fresh])
        self._book.duplicates += len(met)
        answer = _Answer(len(met) + bool(fresh), done)
        for known in met:
            self._tell(known, answer.part)
        if fresh:
            places = [known for part in added for known in part]
            self._submit(fresh, new, lambda first, error: self._outcome(places, answer.part, first, error))

    def _sort(self, draft: Draft, now: int, fresh: list[Draft], met: list[_Known]) -> list[_Known | None]:
        """Put a draft's events to those to be stored or those met before; what is known of each one to be stored."""
        found = keys(draft)
        if not found:
            fresh.append(draft)
            return [None] * draft.count
        added: list[_Known | None] = []
        new = []
        for index, key in enumerate(found):
            known = self._known.get(key)
            if known is not None:
                met.append(known)
                continue
            self._known[key] = known = _Known(key, now)
            added.append(known)
            new.append(index)
        if new:
            fresh.append(draft if len(new) == draft.count else select(draft, new))
        return added

    def _tell(self, known: _Known, done: Done) -> None:
        if known.offset < 0:
            known.waiting.append(done)
        else:
            self._call_soon(partial(done, known.offset, None))

    def _outcome(self, places: list[_Known | None], done: Done, first: int, error: EventdError | None) -> None:
        """The new ones are durable, or refused: then the same event may come again."""
        for index, known in enumerate(places):
            if known is None:
                continue
            if error is None:
                known.offset = first + index
            else:
                self._forget_one(known)
            waiting, known.waiting = known.waiting, []
            for told in waiting:
                told(known.offset, error)
        done(first, error)

    def _forget_one(self, known: _Known) -> None:
        """Not where it was forgotten early, and the same event is under way once more."""
        if self._known.get(known.key) is known:
            del self._known[known.key]

    def _forget(self, now: int) -> None:
        """Drop what came before the window, and the oldest where there are too many."""
        known = self._known
        while known:
            oldest = next(iter(known.values()))
            if len(known) <= self._most and oldest.received >= now - self._window:
                return
            known.popitem(last=False)
