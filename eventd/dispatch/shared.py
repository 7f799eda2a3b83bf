"""One state, written by several workers at the same time, as if they had worked one after the other.

    worker ── call ──► what it read, what it wrote ──► written by nobody else meanwhile? ──► the state
                                    ▲                          │ no
                                    └────── again, anew ◄──────┘

Each worker remembers what it read; what others wrote since is told with its next call. An
outcome that was computed from what is not so any more is not admitted, and its events are
handled once more: somebody else's was admitted, so this ends.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import accumulate
from typing import Protocol

from eventd.calls.cache import Changes
from eventd.calls.messages import Ask, Outcome
from eventd.calls.state import StateView, Store

__all__ = ["Pages", "SharedState"]

#: Keys that are told one by one; more, and a worker forgets all that it read.
MOST_KEYS = 10_000
#: Keys and bytes of a page: what a range gives at once, so that it is read, written and sent in some milliseconds.
PAGE_KEYS, PAGE_BYTES = 1000, 1 << 18


class Pages(Store, Protocol):
    """What is committed of one consumer's state, also in pages."""

    def page(
        self, prefix: str, *, start: str | None, end: str | None, limit: int, size: int
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """Like ``range``, but nothing once there are ``size`` bytes; and whether there are more keys."""


class SharedState(StateView):
    """The daemon's side of a state that workers write."""

    def __init__(self, store: Pages) -> None:
        super().__init__(store)
        self._pages = store
        #: What each worker does not know of: keys that were written without it; ``None`` for all.
        self._stale: dict[Hashable, set[str] | None] = {}

    def answer(self, ask: Ask) -> object:
        """What a worker asks."""
        if ask.what == "get":
            return self.packed(ask.key)
        if ask.what == "count":
            return self.count(ask.key)
        return self._page(ask)

    def join(self, worker: Hashable) -> None:
        """A worker is new: what it reads from now on, it is told of when others write it."""
        self._stale[worker] = set()

    def tell(self, worker: Hashable) -> list[str] | None:
        """What a worker is to look up anew in the call that begins; ``None`` for all that it read."""
        stale = self._stale[worker]
        self._stale[worker] = set()
        return None if stale is None else list(stale)

    def untold(self, worker: Hashable) -> None:
        """What was told did not come to it."""
        self._stale[worker] = None

    def admit(self, worker: Hashable, outcome: Outcome) -> bool:
        """Keep what a call wrote; false where somebody else wrote meanwhile what it read."""
        stale, changes = self._stale[worker], outcome.changes
        if stale is None or (stale and (outcome.read is None or not stale.isdisjoint(outcome.read))):
            # What it remembers of its own is not so, either.
            self._forget_of(worker, changes)
            return False
        self.merge(changes)
        for other in self._stale:
            if other != worker:
                self._forget_of(other, changes)
        return True

    def leave(self, worker: Hashable) -> None:
        """A worker is gone."""
        self._stale.pop(worker, None)

    def drop(self) -> None:
        """Forget what was written since ``take``; so do the workers."""
        super().drop()
        for worker in self._stale:
            self._stale[worker] = None

    def _page(self, ask: Ask) -> tuple[list[tuple[str, bytes]], str | None]:
        """The first keys of a range with their values, and where the rest of it begins; ``None`` where there is none.

        What is written while a worker asks for the next page, it is told of like all else that others write.
        """
        most = max(1, min(ask.limit, PAGE_KEYS))
        own = self._own(ask.key, ask.start, ask.end)
        found, more = self._pages.page(ask.key, start=ask.start, end=ask.end, limit=most, size=PAGE_BYTES)
        rest = _behind(found) if more else None
        known: Changes = {**dict(found), **own}
        pairs = sorted([(key, value) for key, value in known.items() if value is not None and (not rest or key < rest)])
        page = _begin(pairs, most)
        return page, rest if len(page) == len(pairs) else _behind(page)

    def _forget_of(self, worker: Hashable, keys: dict[str, bytes | None]) -> None:
        stale = self._stale[worker]
        if stale is not None:
            if len(keys) <= MOST_KEYS:
                stale.update(keys)
            if len(keys) > MOST_KEYS or len(stale) > MOST_KEYS:
                self._stale[worker] = None


def _begin(pairs: list[tuple[str, bytes]], most: int) -> list[tuple[str, bytes]]:
    """As many as a page takes, and at least one where there is one."""
    sizes = accumulate([len(key) + len(value) for key, value in pairs[:most]])
    full = next((index for index, size in enumerate(sizes) if size >= PAGE_BYTES), most)
    return pairs[: min(full + 1, most)]


def _behind(pairs: list[tuple[str, bytes]]) -> str:
    """The first text behind the last key."""
    return pairs[-1][0] + "\0"
