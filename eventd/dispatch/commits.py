"""Makes durable what handling led to: one consumer's units, one behind the other.

    settle ──► note (its place moved, nothing else) ──► written with others of its own, soon
          └──► a unit: place, events emitted, state, dead letters ──► in flight, several at once

Each unit is fenced: it follows the one before it or is refused. So handling need not wait
for the disk. Where the journal refuses, all that is in flight comes back and is sent again
in its order; where it says that it has gone another way, the consumer steps back to what
is durable.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from eventd.dispatch.progress import Ranges, move_between, record_at
from eventd.errors import EventdError, Superseded
from eventd.event import Draft
from eventd.formats.blocks import merge
from eventd.green import Signal
from eventd.journal import Committed, ConsumerRecord, DeadLetter, Unit

__all__ = ["NEW", "Commits"]

log = logging.getLogger(__name__)

#: Seconds for which moves of a cursor are gathered: what a crash repeats is bounded by it.
GATHERED_FOR = 0.1
#: Seconds after which what the journal could not take is sent again.
TRY_AGAIN = 1.0
#: Units in flight, and their bytes, behind which the consumer waits.
MOST_UNITS = 16
MOST_BYTES = 16 << 20
#: What the durable record of a consumer that has none is expected to be.
NEW = -1

Submit = Callable[[Unit, Callable[[Committed | EventdError], None]], object]


class Timers(Protocol):
    """The part of the hub that is needed here."""

    def call_later(self, seconds: float, function: Callable[[], None]) -> object:
        """Run ``function`` later."""


class Commits:
    """The door through which one consumer settles.

    :param record: where it is.
    :param durable: the offset of its durable record, ``NEW`` where it has none.
    :param landed: told each unit that became durable.
    :param lost: called when what is in flight will never be durable.
    :param keeper: whose state it writes, where that is not the consumer's own.
    """

    def __init__(
        self,
        consumer: str,
        submit: Submit,
        timers: Timers,
        record: ConsumerRecord,
        durable: int,
        landed: Callable[[Unit], None],
        lost: Callable[[], None],
        keeper: str = "",
    ) -> None:
        self._consumer = consumer
        self._submit = submit
        self._timers = timers
        #: Where the consumer is, and its books, with all that it was told to settle.
        self.record = record
        self._sent = record
        self._expected = durable
        self._landed = landed
        self._lost = lost
        self._keeper = keeper or consumer
        self._line: deque[Unit] = deque()
        self._bytes = 0
        self._out = 0
        self._moved = Signal()
        self._noted = False
        self._refusal: EventdError | None = None
        self._closed = False
        #: The journal has gone another way: nothing of this line will be durable.
        self.broken = False

    @property
    def pending(self) -> bool:
        """Whether something is not durable yet."""
        return bool(self._line) or self.record != self._sent

    def settle(
        self,
        place: tuple[int, Ranges],
        settled: int = 0,
        lost: int = 0,
        drafts: list[Draft] | None = None,
        dead: list[DeadLetter] | None = None,
        raised: list[int] | None = None,
        state: dict[str, bytes | None] | None = None,
    ) -> None:
        """Note where the consumer is now, and make durable what it led to; returns when there is room for more.

        :param lost: how many more events are given up.
        """
        unit = Unit(drafts=merge(drafts or []), dead=dead or [], raised=raised or [])
        if state:
            unit.state = {self._keeper: state}
        self.record = record_at(*place, self.record, settled, lost)
        if not unit.urgent:
            self._note()
            return
        self._count(unit, lost)
        alone = self.record.done == self._sent.done
        self._send(unit)
        # The fence is made of places: nothing may follow a unit that has none of its own before it is durable.
        self._wait(0 if alone else MOST_UNITS)

    def flush(self) -> None:
        """Write where the consumer is, now."""
        if self.record != self._sent or self._expected == NEW:
            self._send(Unit())

    def drain(self) -> bool:
        """Wait until all that is in flight is durable; false where it will not be."""
        self._wait(0)
        return not self._line

    def close(self) -> None:
        """Write what waits, and wait until each unit is durable or refused."""
        if not self.broken:
            self.flush()
        self._closed = True
        while self._out or (self._line and not self._stuck):
            self._moved.clear()
            self._moved.wait()

    def stop(self) -> None:
        """Let nobody wait for a journal that refuses: the daemon stops."""
        self._closed = True
        self._moved.set()

    @property
    def _stuck(self) -> bool:
        """Whether waiting is of no use."""
        return self.broken or (self._closed and self._refusal is not None and not self._out)

    def _count(self, unit: Unit, lost: int) -> None:
        """What the unit adds to the journal's counters."""
        # Those given up for the first time, without those that are settled after all, are what is lost.
        raised = sum([not letter.id for letter in unit.dead]) - lost
        if raised:
            unit.books = {f"dead_raised:{self._consumer}": raised}
        if unit.drafts:
            emitted = sum([draft.count for draft in unit.drafts])
            unit.books = {**unit.books, f"emitted:{self._keeper}": emitted}

    def _note(self) -> None:
        if not self._noted and self.record != self._sent:
            self._noted = True
            self._timers.call_later(GATHERED_FOR, self._due)

    def _due(self) -> None:
        if self._refusal is not None or len(self._line) >= MOST_UNITS:
            # It says the same later, with what has moved until then.
            self._timers.call_later(TRY_AGAIN, self._due)
            return
        self._noted = False
        if not self._closed and not self.broken:
            self.flush()

    def _send(self, unit: Unit) -> None:
        unit.moves = {self._consumer: move_between(self._sent, self.record)}
        unit.expect = {self._consumer: self._expected}
        self._sent, self._expected = self.record, self.record.offset
        self._line.append(unit)
        self._bytes += unit.size
        if self._refusal is None and not self.broken:
            self._hand_in(unit)

    def _hand_in(self, unit: Unit) -> None:
        self._out += 1
        self._submit(unit, self._answered)

    def _wait(self, most: int) -> None:
        while (len(self._line) > most or self._bytes > MOST_BYTES) and not self._stuck:
            self._moved.clear()
            self._moved.wait()

    def _answered(self, outcome: Committed | EventdError) -> None:
        """The answer to the unit that was handed in before all others without an answer."""
        self._out -= 1
        if not self.broken:
            if isinstance(outcome, Committed):
                unit = self._line.popleft()
                self._bytes -= unit.size
                self._landed(unit)
            elif self._refusal is None:
                self._refused(outcome)
            if self._refusal is not None and not self._out and not self.broken:
                self._timers.call_later(self._refusal.retry_after or TRY_AGAIN, self._again)
        self._moved.set()

    def _refused(self, error: EventdError) -> None:
        """The first one of those in flight was; those behind it will be, too."""
        self._refusal = error
        if isinstance(error, Superseded):
            self.broken = True
            log.error("%s: %s; it goes back to what is durable", self._consumer, error)
            self._lost()
        else:
            log.warning("%s: its outcome cannot be committed: %s", self._consumer, error)

    def _again(self) -> None:
        if self._closed or self.broken:
            return
        self._refusal = None
        for unit in list(self._line):
            # Where the first one is refused at once, the others wait for it.
            if self._refusal is None:
                self._hand_in(unit)
