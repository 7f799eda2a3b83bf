"""One handler or event type at work: from its durable cursor on, in order, for ever.

    read ──► cut a portion ──► handle ──► settle ──┐
      ▲                                            │
      └───────────── park when caught up ◄─────────┘

The consumer keeps its place and its books. How an event is handled is in ``handling``,
how it is made durable in ``commits``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from eventd.dispatch.commits import Commits
from eventd.dispatch.feed import Feed, Parked
from eventd.dispatch.handling import Handling, Interrupted
from eventd.dispatch.portion import Backlog, Portion
from eventd.dispatch.work import Work
from eventd.event import Draft, Event
from eventd.green import Signal
from eventd.journal import DeadLetter, Journal
from eventd.routing import Patterns

__all__ = ["Consumer", "ConsumerStatus"]

log = logging.getLogger(__name__)

#: Seconds after which a consumer that wants nothing of what comes has its place written.
SAVED_EVERY = 5.0

#: Bytes that are read while a batch waits for more: then it is handed on, full or not.
FILLED_BYTES = 8 << 20
#: Seconds after which one that waits for its batch to fill looks whether it is to stop.
LOOK_UP = 0.5


class ConsumerStatus(msgspec.Struct):
    """A consumer at one instant.

    Each event of the journal from ``since`` on, where its cursor was when the daemon
    started, is in exactly one of ``settled``, ``dead``, ``passed`` (of a type that it
    does not want, or gone from the journal) and ``pending``.
    """

    name: str
    kind: str
    cursor: int
    pending: int
    settled: int
    dead: int
    passed: int
    since: int
    retries: int
    state: str


class Consumer:
    """Drives one plugin along the journal.

    :param position: the first offset that it has not settled.
    """

    def __init__(
        self,
        work: Work,
        journal: Journal,
        feed: Feed,
        commits: Callable[[Callable[[float], bool]], Commits],
        types: Mapping[str, type[Event]],
        position: int,
    ) -> None:
        loaded = work.loaded
        self.name = loaded.full_name
        self.kind = loaded.kind
        self._work = work
        self._journal = journal
        self._feed = feed
        self._options = loaded.options
        self._bed = Parked(position)
        self._started_at = position
        self._backlog = Backlog(Patterns(loaded.types).matches, types)
        self._read_to = position
        self._saved = position
        self._commits = commits(self._pause)
        self._handling: Handling | None = None
        self._stop = Signal()
        self._settled = 0
        self._dead = 0
        #: Events that the plugin emitted and that became durable.
        self.emitted = 0
        self.state = "starting"
        feed.subscribe(loaded.types, self._bed)

    def run(self) -> None:
        """Start the plugin and follow the journal until told to stop."""
        if self._start():
            while not self.stopping:
                try:
                    self._follow()
                except Interrupted:
                    break
                except Exception:
                    log.exception("%s: reading the journal failed; it goes on from its last place", self.name)
                    self._step_back()
        self._work.stop()
        self._save()
        self.state = "stopped"

    def stop(self) -> None:
        """Have it stop when the portion in its hands is settled, or before its next attempt."""
        self._stop.set()
        self._bed.call()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def status(self) -> ConsumerStatus:
        """How it is now."""
        position = max(self._bed.position, self._feed.offset) if self._bed.parked else self._bed.position
        passed = self._bed.passed + position - self._bed.position
        known = self._settled + self._dead + passed
        return ConsumerStatus(
            name=self.name,
            kind=self.kind,
            cursor=position,
            pending=max(0, self._journal.end - self._started_at - known),
            settled=self._settled,
            dead=self._dead,
            passed=passed,
            since=self._started_at,
            retries=self._handling.retries if self._handling else 0,
            state="retrying" if self._handling and self._handling.waiting else self.state,
        )

    def _start(self) -> bool:
        """Build and start the plugin, again and again until it starts; false when told to stop meanwhile."""
        attempts = 0
        while not self.stopping:
            runner = self._work.start()
            if runner is not None:
                self._handling = Handling(self.name, runner, self._work.policy, self._settle, self._pause)
                return True
            attempts += 1
            self.state = "failing"
            self._pause(self._work.policy.backoff(attempts))
        return False

    def _follow(self) -> None:
        assert self._handling is not None
        while not self.stopping:
            portion = self._next()
            if portion is None:
                continue
            self.state = "running"
            dead = self._dead
            self._handling.handle(portion)
            self._settled += portion.count - (self._dead - dead)
            self._bed.passed += portion.end - self._bed.position - portion.count
            self._bed.position = portion.end

    def _next(self) -> Portion | None:
        """The next portion; ``None`` after sleeping, or when there is nothing but what is not wanted."""
        if not self._backlog.count and not self._read() and self._journal.end <= self._bed.position:
            self._sleep()
            return None
        if self._options.batch_wait and self._backlog.count < self._options.batch_size:
            self._fill()
        return self._backlog.cut(self._options.batch_size)

    def _sleep(self) -> None:
        self.state = "idle"
        self._save()
        self._bed.park(self._feed, SAVED_EVERY)
        self._read_to = max(self._read_to, self._bed.position)
        if self._handling is not None:
            self._handling.breathe.reset()

    def _read(self) -> int:
        """Put what the journal has next into the backlog; the bytes of what is wanted of it."""
        end = self._journal.end
        blocks = self._journal.read(self._read_to)
        size = 0
        for block in blocks:
            size += self._backlog.add(block, self._read_to)
            self._read_to = block.end
        if not blocks and end > self._read_to:
            log.warning("%s: events %d to %d are not in the journal any more", self.name, self._read_to, end - 1)
            self._read_to = end
            self._bed.pass_to(end)
        return size

    def _fill(self) -> None:
        """Wait until there are enough events for a batch, but not longer than the section says."""
        assert self._handling is not None
        left = self._options.batch_wait
        until = time.monotonic() + left
        size = 0
        while self._backlog.count < self._options.batch_size and size < FILLED_BYTES and left > 0:
            if self.stopping:
                return
            self._journal.wait(self._read_to, min(left, LOOK_UP))
            size += self._read()
            self._handling.breathe()
            left = until - time.monotonic()

    def _step_back(self) -> None:
        self.state = "failing"
        self._backlog.clear()
        self._read_to = self._bed.position
        self._pause(self._work.policy.backoff(1))

    def _save(self) -> None:
        """Have the place written that it came to without handling anything."""
        if self._bed.position > self._saved:
            self._settle(self._bed.position, [], [])

    def _settle(self, end: int, drafts: list[Draft], dead: list[DeadLetter]) -> None:
        if not self._commits.commit(end, drafts, dead):
            raise Interrupted
        self._saved = end
        self._dead += len(dead)
        self.emitted += sum(draft.count for draft in drafts)

    def _pause(self, seconds: float) -> bool:
        return self._stop.wait(seconds)
