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

from eventd.calls.messages import Ask, Outcome
from eventd.calls.state import StateView, Store

__all__ = ["SharedState"]

#: Keys that are told one by one; more, and a worker forgets all that it read.
MOST_KEYS = 10_000


class SharedState(StateView):
    """The daemon's side of a state that workers write."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        #: What each worker does not know of: keys that were written without it; ``None`` for all.
        self._stale: dict[Hashable, set[str] | None] = {}

    def answer(self, ask: Ask) -> object:
        """What a worker asks."""
        if ask.what == "get":
            return self.packed(ask.key)
        if ask.what == "count":
            return self.count(ask.key)
        return self.packed_range(ask.key, start=ask.start, end=ask.end, limit=ask.limit)

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

    def _forget_of(self, worker: Hashable, keys: dict[str, bytes | None]) -> None:
        stale = self._stale[worker]
        if stale is not None:
            stale.update(keys)
            if len(stale) > MOST_KEYS:
                self._stale[worker] = None
