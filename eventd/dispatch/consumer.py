"""One handler or event type at work: from its durable cursor on, for ever.

    those whose time has come ─┐
                               ├─► handle ──► settle ──┐
    read ──► cut a portion ────┘                       │
      ▲                                                │
      └─────────────── park when caught up ◄───────────┘

The consumer keeps its place. How an event is handled is in ``handling``, which events wait
in ``ordering``, how an outcome is made durable, and the books, in ``commits``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from eventd.dispatch.commits import Commits
from eventd.dispatch.feed import Feed, Parked
from eventd.dispatch.handling import Handling, Outcome
from eventd.dispatch.inhand import Hand
from eventd.dispatch.instance import Instance, Interrupted
from eventd.dispatch.intake import Intake
from eventd.dispatch.lane import Loan, Siding
from eventd.dispatch.ordering import Ordering
from eventd.dispatch.portion import Portion
from eventd.dispatch.progress import ConsumerStatus, Ranges, place, record_at, status_at
from eventd.dispatch.retried import Retried, Told
from eventd.dispatch.work import Work
from eventd.event import Event
from eventd.green import Signal
from eventd.journal import ConsumerRecord, DeadLetter, Journal, Unit
from eventd.routing import Patterns

__all__ = ["Consumer"]

log = logging.getLogger(__name__)

#: Seconds after which a consumer that wants nothing of what comes has its place written.
SAVED_EVERY = 5.0

#: Makes the door to the journal: from a record, what is told of units that are durable, and of a line that is lost.
Door = Callable[[ConsumerRecord, Callable[[Unit], None], Callable[[], None]], Commits]


class Consumer:
    """Drives one plugin along the journal.

    :param record: where it is. :param hand: told what its plugin has in hand, and knows what it had.
    """

    def __init__(
        self,
        work: Work,
        journal: Journal,
        feed: Feed,
        door: Door,
        types: Mapping[str, type[Event]],
        record: ConsumerRecord,
        hand: Hand,
    ) -> None:
        loaded = work.loaded
        self.name = loaded.full_name
        self._work = work
        self._journal = journal
        self._feed = feed
        self._door = door
        self._types = types
        self._options = loaded.options
        self._stop = Signal()
        self._paused = False
        self._state = "starting"
        self._bed = Parked(record.offset)
        self._intake = Intake(self.name, journal, Patterns(loaded.types).matches, types)
        self._retried = Retried(work.key, types)
        self._commits = door(record, self._landed, self._bed.call)
        self._instance = Instance(work, self._stop.wait, hand)
        self._handling = Handling(
            self.name, self._instance.call, self._instance.breathe, work.policy, Ordering(), work.key, hand.suspects
        )
        self._begin(record)
        #: Where replays through its plugin are given their turns.
        self.siding = Siding(self._loan(), journal)
        feed.subscribe(loaded.types, self._bed)

    def run(self) -> None:
        """Start the plugin and follow the journal until told to stop."""
        try:
            while self._paused and not self.stopping:
                self._rest()
            self._instance.start()
            while not self.stopping:
                self._follow()
        except Interrupted:
            pass
        self.siding.close()
        self._save()
        self._commits.flush()
        self._work.stop()
        self._commits.close()
        self._state = "stopped"

    def save(self) -> None:
        """Have its place written now, also where it has none yet."""
        self._commits.flush()

    def stop(self) -> None:
        """Have it stop when the portion in its hands is settled."""
        self._stop.set()
        self._commits.stop()
        self.siding.stop()
        self._bed.call()

    def close(self) -> None:
        """Let go of what it leaves behind when it was killed instead."""
        self._work.close()

    def hold(self, paused: bool) -> None:
        """Hand it nothing more once the portion in its hands is settled, or let it go on."""
        self._paused = paused
        self._bed.call()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    @property
    def unsaved(self) -> bool:
        """Whether something that it did is not durable."""
        return self._commits.pending

    @property
    def state(self) -> str:
        """A word for what it does."""
        if self._state == "stopped" or (self._paused and self._state == "paused"):
            return self._state
        return self._instance.trouble or ("retrying" if self._ordering.count else self._state)

    def status(self) -> ConsumerStatus:
        """How it is now."""
        front = max(self._bed.position, self._feed.offset) if self._bed.parked else self._bed.position
        now = record_at(*self._place(front), self._commits.record, 0, 0)
        told = status_at(now, self._journal.end, self.name, self._work.loaded.kind, self.state, self._handling.retries)
        told.workers, told.restarts = self._work.workers
        told.run, told.moved = self._work.place.run, self._work.place.moved
        return told

    def retry(self, letters: Sequence[DeadLetter], told: Told) -> None:
        """Handle the events of dead letters again, and tell what became of each once that is durable.

        They have all their attempts again; a letter is dropped in the unit that settles it.
        """
        for waiting in self._retried.take(letters, told):
            self._ordering.put(waiting)
        self._bed.call()

    def _loan(self) -> Loan:
        work, instance = self._work, self._instance
        return Loan(
            self.name, work.loaded.types, lambda: self.status().cursor, self._bed.call, instance.call, instance.breathe,
            work.policy, work.key, self._types, self._options.batch_size, lambda: work.state, lambda: self._commits,
            lambda: self._paused,
        )  # fmt: skip

    def _begin(self, record: ConsumerRecord) -> None:
        """Go on from a record."""
        self._retried.give_up()
        self._ordering = Ordering()
        self._handling.ordering = self._ordering
        self._above: Ranges = record.above
        self._bed.position = record.offset
        self._intake.start(record.offset, record.above)

    def _follow(self) -> None:
        """Follow the journal until told to stop, or until something fails that is not the plugin's fault."""
        try:
            while not self.stopping:
                self._step()
        except Interrupted:
            raise
        except Exception:
            log.exception("%s: it goes on from its last place", self.name)
            self._step_back()

    def _step(self) -> None:
        self._instance.rest()
        if self._commits.broken:
            self._go_back()
        self.siding.turn()
        if self._paused:
            self._rest()
            return
        portion = self._next()
        if portion is None:
            return
        self._state = "running"
        outcome = self._handling.handle(portion)
        if not portion.waiting:
            self._bed.position = portion.end
        self._settle(outcome)

    def _next(self) -> Portion | None:
        """The next portion; ``None`` after sleeping, or when there is nothing but what is not wanted."""
        if ready := self._ordering.turn(time.monotonic(), self._options.batch_size):
            return Portion.of(ready, self._types)
        if self._ordering.full:
            self._sleep()
            return None
        intake = self._intake
        if not intake.count and not intake.read() and self._journal.end <= self._bed.position:
            self._sleep()
            return None
        if self._options.batch_wait and intake.count < self._options.batch_size:
            self._fill()
        if self._paused:
            # Others had their turn while it read.
            return None
        portion = intake.cut(self._options.batch_size)
        if portion is None:
            self._bed.pass_to(intake.position)
        return portion

    def _rest(self) -> None:
        """Paused: sleep for a while. What is not wanted passes by, up to the first event that is."""
        if self.stopping:
            return
        self._state = "paused"
        self._save()
        self._bed.rest(self._feed, self._journal.end, SAVED_EVERY)
        self._intake.skip_to(self._bed.position)

    def _sleep(self) -> None:
        """Sleep until something is wanted or due."""
        if self.stopping or self._paused or self._commits.broken:
            return
        self._state = "idle" if self.siding.idle else "replaying"
        self._save()
        seconds = self.siding.sleeps(self._ordering.sleeps(SAVED_EVERY, time.monotonic()))
        if self._ordering.full:
            self._stop.wait(seconds)
        else:
            self._bed.park(self._feed, seconds)
            self._intake.skip_to(self._bed.position)
        self._instance.rested()

    def _fill(self) -> None:
        """Let a batch fill, but not longer than the section says, or than others can wait for their next attempt."""
        now = time.monotonic()
        until = now + self._ordering.sleeps(self._options.batch_wait, now)
        self._intake.fill(self._options.batch_size, until, self._goes_on)

    def _goes_on(self) -> bool:
        self.siding.turn()
        self._instance.breathe()
        return not (self.stopping or self._paused)

    def _place(self, front: int) -> tuple[int, Ranges]:
        if self._above and self._above[-1][1] <= front:
            self._above = ()
        return place(front, self._ordering.offsets, self._above)

    def _settle(self, outcome: Outcome) -> None:
        state = self._work.state
        changes = state.take() if state is not None else None
        self._commits.settle(
            self._place(self._bed.position), outcome.settled, outcome.lost,
            outcome.drafts, outcome.dead, outcome.raised, changes,
        )  # fmt: skip

    def _save(self) -> None:
        """Have the place written that it came to without handling anything."""
        self._commits.settle(self._place(self._bed.position))

    def _landed(self, unit: Unit) -> None:
        """A unit is durable."""
        if unit.state and self._work.state is not None:
            self._work.state.committed()
        self._retried.landed(unit)

    def _go_back(self) -> None:
        """Begin anew from what is durable."""
        self._commits.close()
        if self._work.state is not None:
            self._work.state.forget()
        record = self._journal.consumers.get(self.name, self._commits.record)
        self._commits = self._door(record, self._landed, self._bed.call)
        self._begin(record)

    def _step_back(self) -> None:
        """Something failed that is not the plugin's fault: what is not settled is read again, after a while."""
        self._state = "failing"
        if self._work.state is not None:
            self._work.state.drop()
        self._begin(self._commits.record)
        self._stop.wait(self._work.policy.backoff(1))
