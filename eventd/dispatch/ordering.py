"""Events that wait: for their next attempt, or behind another one of their key.

    put ──► lane of its key ──► ready (its head, when its time has come) ──► done, or put again

Events of one key stand in a lane, lowest offset first; only its head waits for a time, the
others wait for it. Lanes do not wait for each other. Where order does not matter, each
event is a lane of its own. This is plain data: nothing is called and no clock is looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable

import msgspec

from eventd.event import Block
from eventd.journal import DeadLetter

__all__ = ["Ordering", "Tries", "Waiting"]

#: Events that wait, and their bytes, at which a consumer takes no new ones: then it waits for these.
MOST_EVENTS = 10_000
MOST_BYTES = 16 << 20
#: Bytes that an event costs beside its body.
ENTRY = 600


class Tries(msgspec.Struct):
    """What an event went through: attempts that failed, and when, in nanoseconds since 1970 UTC.

    ``deaths`` counts the processes that died while they handled it.
    """

    attempts: int = 0
    deaths: int = 0
    first_time: int = 0
    last_time: int = 0

    def failed(self, now: int) -> None:
        """Note one more."""
        self.last_time = now
        self.first_time = self.first_time or now
        self.attempts += 1


class Waiting(msgspec.Struct, eq=False):
    """One event that waits until ``due``.

    ``alone`` says that it is to be tried by itself. With a ``letter``, it is a dead letter
    that is tried again: its place in the journal is done already.
    """

    block: Block
    key: Hashable
    tries: Tries
    due: float = 0.0
    alone: bool = False
    letter: DeadLetter | None = None
    out: bool = False

    @property
    def offset(self) -> int:
        """Where it stands in the journal."""
        return self.block.first

    @property
    def size(self) -> int:
        """Bytes that it keeps in memory."""
        return len(self.block.body) + ENTRY


class _Lane:
    """Events of one key: those that wait, and how many are out to be tried."""

    __slots__ = ("heap", "out")

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Waiting]] = []
        self.out = 0


class Ordering:
    """All events of one consumer that wait."""

    def __init__(self) -> None:
        self._lanes: dict[Hashable, _Lane] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._open: set[int] = set()
        self._turn = 0
        self._had_turn = False
        self.count = 0
        self.size = 0

    @property
    def offsets(self) -> Iterable[int]:
        """The offsets in the journal of all that is not done."""
        return self._open

    @property
    def full(self) -> bool:
        """Whether no new events are to be taken before some of these are done."""
        return self.count >= MOST_EVENTS or self.size >= MOST_BYTES

    @property
    def next_due(self) -> float | None:
        """When the next one is ready; ``None`` where nothing waits for a time."""
        return self._due[0][0] if self._due else None

    def sleeps(self, seconds: float, now: float) -> float:
        """How long one may sleep from ``now`` on that wants to for ``seconds``."""
        return max(0.0, min(seconds, self._due[0][0] - now)) if self._due else seconds

    def holds(self, key: Hashable) -> bool:
        """Whether an event of ``key`` has to wait, since another one does."""
        return key in self._lanes

    def put(self, waiting: Waiting) -> None:
        """Let an event wait: a new one, or one that was out and was not done."""
        lane = self._lanes.get(waiting.key)
        if lane is None:
            lane = self._lanes[waiting.key] = _Lane()
        idle = not lane.heap and not lane.out
        self._turn += 1
        heapq.heappush(lane.heap, (waiting.offset, self._turn, waiting))
        if waiting.out:
            self._back(waiting, lane)
            return
        self.count += 1
        self.size += waiting.size
        if waiting.letter is None:
            self._open.add(waiting.offset)
        if idle:
            self._schedule(waiting.key, lane)

    def turn(self, now: float, most: int) -> list[Waiting]:
        """As ``ready``, but never twice in a row: however many fail again and again, new events are tried, too."""
        if self._had_turn:
            self._had_turn = False
            return []
        ready = self.ready(now, most)
        self._had_turn = bool(ready) and not self.full
        return ready

    def ready(self, now: float, most: int) -> list[Waiting]:
        """Events to be tried now: one that is to be alone, or up to ``most`` others; they are out from now on."""
        taken: list[Waiting] = []
        while self._due and self._due[0][0] <= now and len(taken) < most:
            lane = self._lanes[self._due[0][2]]
            if lane.heap[0][2].alone and taken:
                break
            heapq.heappop(self._due)
            self._take(lane, now, most, taken)
            if taken[-1].alone:
                break
        return sorted(taken, key=lambda waiting: waiting.offset)

    def done(self, waiting: Waiting) -> None:
        """An event that was out waits no more."""
        self.count -= 1
        self.size -= waiting.size
        if waiting.letter is None:
            self._open.discard(waiting.offset)
        self._back(waiting, self._lanes[waiting.key])

    def _take(self, lane: _Lane, now: float, most: int, taken: list[Waiting]) -> None:
        """Take the head of a lane, and those right behind it that can go with it."""
        while lane.heap and len(taken) < most:
            head = lane.heap[0][2]
            if lane.out and (head.alone or head.due > now):
                return
            heapq.heappop(lane.heap)
            head.out = True
            lane.out += 1
            taken.append(head)
            if head.alone:
                return

    def _back(self, waiting: Waiting, lane: _Lane) -> None:
        """One that was out is back; when all of its lane are, the lane waits for its head again."""
        waiting.out = False
        lane.out -= 1
        if lane.out:
            return
        if lane.heap:
            self._schedule(waiting.key, lane)
        else:
            del self._lanes[waiting.key]

    def _schedule(self, key: Hashable, lane: _Lane) -> None:
        self._turn += 1
        heapq.heappush(self._due, (lane.heap[0][2].due, self._turn, key))
