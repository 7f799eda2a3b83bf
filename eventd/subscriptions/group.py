"""A durable subscription: what it hands out, and to whom.

    journal ──► cut ──┐
                      ├──► a member that has room ──► settle ──► the place moves
    again, when due ──┘              └── goes ──► again

It is what a handler is for plugins: the same cursor, books and dead letters, with clients
in the place of code. Its green thread hands out; what members say is taken as it comes.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from eventd.dispatch.commits import Timers
from eventd.dispatch.feed import Feed, Parked
from eventd.dispatch.intake import Intake
from eventd.dispatch.progress import ConsumerStatus
from eventd.dispatch.retried import Retried, Told
from eventd.errors import JournalUnavailable
from eventd.green import Group as Greens
from eventd.green import Signal
from eventd.journal import ConsumerRecord, DeadLetter, Journal
from eventd.subscriptions.found import Picked, find
from eventd.subscriptions.member import Member
from eventd.subscriptions.pace import Pace
from eventd.subscriptions.settling import Settling
from eventd.subscriptions.shape import Shape
from eventd.subscriptions.verdicts import Verdicts

__all__ = ["Group"]

log = logging.getLogger(__name__)

#: Seconds after which one that sleeps writes its place, and one that could not read tries again.
LOOK_UP, TRY_AGAIN = 5.0, 1.0

#: Events that are open, all members' together: so many numbers are kept. These may be handed out once more.
MOST_OPEN = 100_000
#: Bytes of events in one message; the last one may be larger.
MOST_BYTES = 256 * 1024


class Group:
    """Hands events to members until it is stopped.

    :param shape: what is wanted; its format is of no matter. :param record: where it is.
    :param pace: that of all who hand out.
    """

    def __init__(
        self, name: str, shape: Shape, journal: Journal, feed: Feed, timers: Timers, greens: Greens,
        record: ConsumerRecord, pace: Pace,
    ) -> None:  # fmt: skip
        self.name = name
        #: All of its members, and in the order of their turns those that know of it.
        self.admitted: set[Member] = set()
        self.members: deque[Member] = deque()
        self._journal = journal
        self._feed = feed
        self._greens = greens
        self._pace = pace
        self._bed = Parked(record.offset)
        self._news = Signal()
        self._stop = Signal()
        self._paused = False
        #: The journal knows it and what it is subscribed to.
        self.known = Signal()
        #: Its green thread has ended, and its place is written.
        self.ended = Signal()
        retried = Retried(None, {})
        self._settling = Settling(name, journal, timers, record, self._front, retried.landed, self.look)
        self._verdicts = Verdicts(self._settling, retried, self._again, self._once_more)
        self.adopt(shape)
        self._start(record)

    def adopt(self, shape: Shape) -> None:
        """Want this from now on."""
        front = self._front()
        self._feed.unsubscribe(self._bed)
        self.shape = shape
        self._feed.subscribe(shape.types, self._bed)
        self._intake = Intake(self.name, self._journal, shape.wants, {})
        self._intake.start(front, self._settling.above)

    def remember(self) -> None:
        """Have the journal know what is wanted, and the place; returns when it does."""
        self.known.clear()
        self._settling.remember(self.shape.terms)
        self.known.set()

    def run(self) -> None:
        """Hand out until told to stop."""
        while not self._stop.is_set():
            try:
                self._step()
            except JournalUnavailable as error:
                log.warning("%s: it waits: %s", self.name, error)
                self._stop.wait(TRY_AGAIN)
            except Exception:
                log.exception("%s: it goes on from its last place", self.name)
                self._go_back()
                self._stop.wait(TRY_AGAIN)
        # Not before it is awake: what came until then would be taken for not wanted.
        self._feed.unsubscribe(self._bed)
        self._verdicts.finish()
        self._settling.close()
        self._verdicts.give_up()
        self.ended.set()

    def stop(self) -> None:
        """Have it end; what members hold is handed out again by the next daemon."""
        self._stop.set()
        self._settling.stop()
        self.look()

    def status(self) -> ConsumerStatus:
        """How it is now."""
        state = "running" if self._settling.unsettled.open else "idle"
        state = "paused" if self._paused else state if self.members else "no members"
        return self._settling.status(state, self._verdicts.retries)

    @property
    def record(self) -> ConsumerRecord:
        """Where it is."""
        return self._settling.record

    def retry(self, letters: Sequence[DeadLetter], told: Told) -> None:
        """Hand out the events of dead letters again, and tell what became of each once that is durable."""
        self._again(self._verdicts.retry(letters, told))

    def hold(self, paused: bool) -> None:
        """Hand out nothing more, or go on; what members hold they may still settle."""
        self._paused = paused
        self.look()

    # What members say.

    def enter(self, member: Member) -> None:
        """Hand events to it from now on."""
        self.members.append(member)
        self.look()

    def leave(self, member: Member) -> None:
        """It takes no more; what it holds goes to others."""
        self.admitted.discard(member)
        if member in self.members:
            self.members.remove(member)
        self._again(member.held)
        member.held = set()

    def settle(self, offsets: Sequence[int], outcome: str, after: float | None) -> None:
        """A member says what became of events that it held."""
        self._verdicts.put(offsets, outcome, after)
        self.look()

    def look(self) -> None:
        """Something may be possible that was not."""
        self._news.set()
        self._bed.call()

    # The green thread.

    def _step(self) -> None:
        self._pace.wait()
        self._news.clear()
        if self._settling.broken:
            self._go_back()
        if self._verdicts:
            self._verdicts.judge()
        began = perf_counter()
        have = self._have()
        member = self._next_member() if have and not self._paused else None
        if member is not None:
            self._serve(member)
        # Where the disk was waited for, too: then others are let go first without need, which costs them nothing.
        self._pace.took(perf_counter() - began)
        if member is None:
            self._rest(have)

    def _rest(self, have: bool) -> None:
        """Nobody is handed anything now: wait until that may be different."""
        if not have:
            if self._intake.position >= self._journal.end:
                self._sleep()
        elif self.members and not self._paused:
            self._news.wait(LOOK_UP)
        elif not self._news.is_set():
            # Read again when it goes on: many without members, each with some megabytes at hand, are too many.
            self._settling.move()
            self._intake.start(self._bed.position, self._settling.above)
            self._news.wait()

    @property
    def _due(self) -> bool:
        """Whether something is to be handed out once more."""
        due = self._settling.unsettled.next_due
        return due is not None and due <= time.monotonic()

    def _have(self) -> bool:
        """Whether there is something to hand out; where not, there may be more to read."""
        if self._due:
            return True
        intake = self._intake
        if not intake.count and self._journal.end > intake.position:
            intake.read()
        # What is wanted may be something else since the disk was asked.
        if not intake.count and intake is self._intake:
            self._bed.pass_to(intake.position)
        return bool(intake.count)

    def _front(self) -> int:
        """The offset before which all is handed out or not wanted: while it sleeps, that is for the feed to say."""
        if self._bed.parked:
            self._bed.pass_to(self._feed.offset)
        return self._bed.position

    def _sleep(self) -> None:
        """Sleep until something is wanted or due."""
        if self._stop.is_set() or self._news.is_set():
            return
        self._settling.move()
        due = self._settling.unsettled.next_due
        self._bed.park(self._feed, LOOK_UP if due is None else min(LOOK_UP, max(0.0, due - time.monotonic())))
        self._intake.skip_to(self._bed.position)

    def _next_member(self) -> Member | None:
        """One that has room, each in its turn."""
        if len(self._settling.unsettled.open) >= MOST_OPEN and not self._due:
            return None
        for _ in range(len(self.members)):
            member = self.members[0]
            self.members.rotate(-1)
            if member.room:
                return member
            if member.clogged and not member.draining:
                member.draining = True
                self._greens.spawn("drain", member.drain)
        return None

    def _serve(self, member: Member) -> None:
        due = self._settling.unsettled.ready(time.monotonic(), member.room)
        found = self._once_more(due) if due else self._cut(member.room)
        offsets = [block.first + index for block, indices in found for index in indices]
        if not offsets:
            return
        if member.closed or self._paused:
            # That came while the disk was asked.
            self._again(offsets)
            return
        events = [event for block, indices in found for event in member.shape.write(block, indices)]
        member.send(offsets, events, self._bed.position)

    def _cut(self, most: int) -> list[Picked]:
        """The next events of the journal."""
        portion = self._intake.cut(most, MOST_BYTES)
        if portion is None:
            self._bed.pass_to(self._intake.position)
            return []
        found = [(block, self.shape.sift(block, indices)) for block, indices in portion.blocks]
        found = [(block, indices) for block, indices in found if indices]
        # Open before the place moves past them.
        for block, indices in found:
            self._settling.unsettled.hand_out([block.first + index for index in indices])
        self._bed.position = portion.end
        return found

    def _once_more(self, offsets: list[int]) -> list[Picked]:
        """Events that were handed out before, read again."""
        letters, rest = self._verdicts.part(offsets)
        try:
            found = find(self._journal, rest, MOST_BYTES)
        except JournalUnavailable:
            self._again(offsets, time.monotonic() + TRY_AGAIN)
            raise
        for offset in found.gone:
            log.error("%s: event %d is not in the journal any more", self.name, offset)
        self._settling.unsettled.close(found.gone)
        self._again(found.left)
        return letters + found.events

    def _again(self, offsets: Sequence[int] | set[int], due: float = 0.0) -> None:
        self._settling.unsettled.again(offsets, due)
        self.look()

    def _go_back(self) -> None:
        """Begin anew from what is durable; what members hold is handed out a second time."""
        for member in self.members:
            member.held = set()
        self._verdicts.forget()
        self._start(self._settling.go_back())

    def _start(self, record: ConsumerRecord) -> None:
        self._bed.position = record.offset
        self._intake.start(record.offset, record.above)
