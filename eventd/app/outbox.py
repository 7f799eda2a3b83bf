"""Events on their way from any native thread to the hub, as checked bytes, and who waits for room.

Two things are bounded together: what is not durable yet, and what is durable but not yet
handled by all subscribers. Who handles events is held up by the first only: it could wait
for itself otherwise.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from collections.abc import Callable

from eventd.errors import Stopping, TooLarge, Unavailable
from eventd.event import Draft

__all__ = ["Outbox", "Patience"]

#: What a draft costs in memory beside its body.
ENTRY = 512


class Patience(enum.Enum):
    """What somebody who publishes can wait for."""

    #: The hub waits for nobody.
    NOTHING = enum.auto()
    #: A subscriber, in a native thread: until what was published before is durable.
    DURABLE = enum.auto()
    #: Everybody else: until it is handled, too.
    HANDLED = enum.auto()


class Outbox:
    """For any thread; keeps what is published before the loop starts, and after each of its starts.

    :param most: bytes of events that are not handled yet.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._room = threading.Condition()
        self._drafts: deque[Draft] = deque()
        self._call: Callable[[], object] | None = None
        self._called = False
        self._closed = False
        self._waiting = 0
        self._unhandled = 0
        #: The offsets behind what was made durable, and the bytes of it.
        self._durable: deque[tuple[int, int]] = deque()
        #: Events that are not durable yet, and their bytes.
        self.count = 0
        self.pending = 0

    @property
    def crowded(self) -> bool:
        """Whether somebody waits for room."""
        return self._waiting > 0

    def open(self, call: Callable[[], object]) -> None:
        """Have ``call`` called, from any thread, when there is something to take or somebody waits for room."""
        with self._room:
            self._closed, self._call = False, call
            self._called = bool(self._drafts)
        if self._called:
            call()

    def close(self) -> int:
        """Take nothing more; how many events are still here, and lost."""
        with self._room:
            lost, self.count = self.count, 0
            self._closed, self._call = True, None
            self._drafts.clear()
            self._durable.clear()
            self.pending = self._unhandled = 0
            self._room.notify_all()
        return lost

    def put(self, draft: Draft, patience: Patience) -> None:
        """Take a draft.

        :raises Stopping: when the loop has ended. :raises TooLarge: when there is never room for it.
        :raises Unavailable: when there is no room now, and whoever asks cannot wait for it.
        """
        size = _size(draft)
        if size > self._most:
            raise TooLarge(f"{size} bytes are more than may wait", hint="publish fewer at once, or set buffer")
        with self._room:
            while not self._closed and self._used(patience) + size > self._most:
                self._wait(patience)
            if self._closed:
                raise Stopping("the event loop has stopped")
            self._drafts.append(draft)
            self.count += draft.count
            self.pending += size
            self._look()

    def take(self, limit: int) -> list[Draft]:
        """The oldest drafts, about ``limit`` bytes; they are pending until ``written``."""
        taken: list[Draft] = []
        with self._room:
            self._called = False
            size = 0
            while self._drafts and size < limit:
                taken.append(self._drafts.popleft())
                size += _size(taken[-1])
        return taken

    def written(self, drafts: list[Draft], end: int) -> None:
        """Drafts that were taken are durable, and ``end`` is the offset behind them."""
        size = sum(map(_size, drafts))
        with self._room:
            self.count -= sum(draft.count for draft in drafts)
            self.pending -= size
            self._unhandled += size
            self._durable.append((end, size))
            self._room.notify_all()

    def handled(self, end: int) -> None:
        """So many events of the journal are handled by all."""
        with self._room:
            before = self._unhandled
            while self._durable and self._durable[0][0] <= end:
                self._unhandled -= self._durable.popleft()[1]
            if self._unhandled < before:
                # In vain, they would call again, and again.
                self._room.notify_all()

    def _used(self, patience: Patience) -> int:
        return self.pending + (self._unhandled if patience is Patience.HANDLED else 0)

    def _wait(self, patience: Patience) -> None:
        if patience is Patience.NOTHING or self._call is None:
            raise Unavailable(
                f"{self._most} bytes of events wait already",
                hint="set buffer, publish less, or publish where it may wait: in a thread, after start",
            )
        self._waiting += 1
        self._look()
        self._room.wait()
        self._waiting -= 1

    def _look(self) -> None:
        """Have the hub look, once for all that is here; the lock is held."""
        if self._call is not None and not self._called:
            self._called = True
            self._call()


def _size(draft: Draft) -> int:
    return len(draft.body) + ENTRY
