"""A range of the journal on its way through a consumer's plugin once more, beside the consumer's live events.

    consumer: ─► live portion ─► portion of the lane ─► live portion ─► …

There is one instance of a plugin and one owner of its state, so a lane is driven by the
consumer itself, between two portions of live events. It has a place, books, dead letters
and a fence of its own, under a name of its own in the journal; when it is broken off,
another lane of that name goes on from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from eventd.calls.keys import Key
from eventd.calls.state import StateView
from eventd.dispatch.commits import NEW, Commits, Timers
from eventd.dispatch.deadletters import REPLAY
from eventd.dispatch.handling import Handling
from eventd.dispatch.instance import Interrupted
from eventd.dispatch.intake import Intake
from eventd.dispatch.ordering import Ordering
from eventd.dispatch.portion import Portion
from eventd.dispatch.progress import place
from eventd.dispatch.retry import Policy
from eventd.errors import EventdError
from eventd.event import Batch, Draft, Event
from eventd.green import Signal, hub
from eventd.journal import ConsumerRecord, Journal, Unit

__all__ = ["Guest", "Lane", "Loan", "Siding", "Span"]

log = logging.getLogger(__name__)

#: Seconds after which a lane that only waits looks whether it is to go on.
LOOK_UP = 0.2
#: Farther than any offset.
BEHIND_ALL = 1 << 62


class Loan(NamedTuple):
    """What a consumer lends to a lane: its plugin, and how it calls it."""

    consumer: str
    #: The patterns of the types that it wants.
    patterns: Sequence[str]
    #: The offset below which it has done everything.
    handled: Callable[[], int]
    #: Has the consumer look up from its sleep.
    wake: Callable[[], None]
    call: Callable[[Batch], list[Draft]]
    breathe: Callable[[], None]
    policy: Policy
    key: Key | None
    types: Mapping[str, type[Event]]
    batch_size: int
    #: What the plugin keeps, now; ``None`` where it asks for no state.
    state: Callable[[], StateView | None]
    #: The door to the journal that the consumer has now.
    commits: Callable[[], Commits]
    #: Whether nothing is to be handed to the plugin.
    paused: Callable[[], bool]


class Span(msgspec.Struct):
    """What is to be replayed: offsets from ``first`` up to ``end``, under a name in the journal."""

    name: str
    first: int
    end: int
    wants: Callable[[str], bool]


class Guest(Protocol):
    """Who else has its turns between two portions of live events."""

    def turn(self) -> None:
        """Handle a portion, if there is one."""

    def sleeps(self, seconds: float) -> float:
        """How long the consumer may sleep that wants to for ``seconds``."""

    def stop(self) -> None:
        """The consumer is told to stop."""

    def close(self) -> None:
        """The consumer stops."""


class Siding:
    """Where a consumer has a lane, at most one, and a guest perhaps, and gives them their turns."""

    def __init__(self, loan: Loan, journal: Journal) -> None:
        self.loan = loan
        #: There from before the consumer runs.
        self.guest: Guest | None = None
        self._journal = journal
        self._lane: Lane | None = None
        self._due = 0.0

    @property
    def idle(self) -> bool:
        """Whether there is no lane."""
        return self._lane is None

    def take_on(self, span: Span) -> Lane | None:
        """Replay a range beside the live events; ``None`` where another one is under way."""
        if self._lane is not None:
            return None
        self._lane = Lane(span, self.loan, self._journal, hub())
        self._due = 0.0
        self.loan.wake()
        return self._lane

    def turn(self) -> None:
        """Let the guest and the lane, where there are any, handle a portion each, unless the consumer is paused."""
        if self.guest is not None and not self.loan.paused():
            self.guest.turn()
        lane = self._lane
        if lane is None or self.loan.paused() or time.monotonic() < self._due:
            return
        try:
            pause = lane.step()
        except Interrupted:
            raise
        except Exception as error:
            log.exception("%s failed", lane.span.name)
            if (state := self.loan.state()) is not None:
                # What its portion wrote must not become durable with the consumer's next one.
                state.drop()
            lane.close(f"{type(error).__name__}: {error}")
            pause = None
        if pause is None:
            self._lane = None
        else:
            self._due = time.monotonic() + min(pause, LOOK_UP)

    def sleeps(self, seconds: float) -> float:
        """How long the consumer may sleep that wants to for ``seconds``."""
        if self.guest is not None:
            seconds = self.guest.sleeps(seconds)
        return seconds if self._lane is None else max(0.0, min(seconds, self._due - time.monotonic()))

    def stop(self) -> None:
        """The consumer is told to stop: wait for no journal that refuses."""
        if self.guest is not None:
            self.guest.stop()
        if self._lane is not None:
            self._lane.halt()

    def close(self) -> None:
        """The consumer stops: write how far the lane is."""
        if self.guest is not None:
            self.guest.close()
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.close("the daemon is stopping")


class Lane:
    """One replay in the hands of a consumer."""

    def __init__(self, span: Span, loan: Loan, journal: Journal, timers: Timers) -> None:
        known = journal.consumers.get(span.name)
        record = known or ConsumerRecord(span.first, since=span.first)
        self.span = span
        #: Whether an earlier lane of this name was broken off.
        self.resumed = known is not None
        #: Events of which this lane knows what became of them.
        self.settled = 0
        self.dead = 0
        self.error: str | None = None
        #: Set when it is over, whether it came to its end or not.
        self.over = Signal()
        self.complete = False
        self._loan = loan
        self._journal = journal
        self._ordering = Ordering()
        self._handling = Handling(
            REPLAY + loan.consumer, loan.call, loan.breathe, loan.policy, self._ordering, loan.key
        )
        self._intake = Intake(span.name, journal, span.wants, loan.types)
        self._above = record.above
        self._intake.start(record.offset, (*record.above, (span.end, BEHIND_ALL)))
        self._front = record.offset
        self._commits = Commits(
            span.name, journal.submit, timers, record, known.offset if known else NEW, self._landed, _nothing,
            loan.consumer,
        )  # fmt: skip
        self._told_to_stop = False

    @property
    def offset(self) -> int:
        """Up to where it has handed events to the plugin."""
        return self._front

    @property
    def waiting(self) -> bool:
        """Whether it only waits for next attempts."""
        return self._front >= self.span.end and self._ordering.count > 0

    def stop(self) -> None:
        """Have it end after the portion in the plugin's hands."""
        self._told_to_stop = True

    def halt(self) -> None:
        """The same, and wait for no journal that refuses."""
        self._told_to_stop = True
        self._commits.stop()

    def step(self) -> float | None:
        """Handle the next portion; seconds until there is another one, ``None`` when this lane is over."""
        if self._told_to_stop:
            self.close("it was broken off")
            return None
        if self._commits.broken:
            self.close("somebody else moved its place in the journal")
            return None
        if self._loan.state() is not None and not self._loan.commits().drain():
            # Changes become durable in the order in which they were taken; the consumer goes back, or stops.
            return 0.0
        portion = self._next()
        if portion is not None:
            self._handle(portion)
            return 0.0
        if self._ordering.next_due is not None:
            return max(0.0, self._ordering.next_due - time.monotonic())
        if self._front < self.span.end:
            return 0.0
        self.close(None)
        return None

    def close(self, error: str | None) -> None:
        """Write where it is, and be over."""
        if error is None:
            self._commits.flush()
            self._commits.drain()
        self._commits.close()
        if error is None and self._commits.pending:
            error = "its last events are not durable"
        if error is None:
            error = self._forget()
        self.error, self.complete = error, error is None
        self.over.set()

    def _forget(self) -> str | None:
        """Let the next replay of this name begin anew; what hinders that."""
        try:
            self._journal.forget_consumer(self.span.name)
        except EventdError as refusal:
            return refusal.message
        return None

    def _next(self) -> Portion | None:
        """What is due, or the next of the range; ``None`` where there is nothing at this moment."""
        ready = self._ordering.ready(time.monotonic(), self._loan.batch_size)
        if ready:
            return Portion.of(ready, self._loan.types)
        if self._ordering.full or self._front >= self.span.end:
            return None
        if not self._intake.count and self._intake.position < self.span.end:
            self._intake.read()
        portion = self._intake.cut(self._loan.batch_size)
        if portion is None:
            # Nothing is left there: it was dropped, or is damaged.
            self._front = min(self._intake.position, self.span.end)
            self._commits.settle(self._place())
        return portion

    def _handle(self, portion: Portion) -> None:
        outcome = self._handling.handle(portion)
        if not portion.waiting:
            self._front = min(portion.end, self.span.end)
        state = self._loan.state()
        changes = state.take() if state is not None else None
        self._commits.settle(
            self._place(), outcome.settled, outcome.lost, outcome.drafts, outcome.dead, outcome.raised, changes
        )
        self.settled += outcome.settled
        self.dead += outcome.lost
        if changes:
            self._commits.drain()

    def _place(self) -> tuple[int, tuple[tuple[int, int], ...]]:
        return place(self._front, self._ordering.offsets, self._above)

    def _landed(self, unit: Unit) -> None:
        state = self._loan.state()
        if unit.state and state is not None:
            state.committed()


def _nothing() -> None:
    """Where a lane that lost its place looks by itself."""
