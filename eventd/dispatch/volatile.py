"""Volatile events on their way through a consumer's plugin, between two portions of the journal.

They have no place in the journal and stand in none of its books. They are tried again like
all others, in memory; what is given up becomes a dead letter on the disk, and what the
plugin keeps and emits for them is committed before it gets the next ones.
"""

from __future__ import annotations

import logging
import time

from eventd.dispatch.handling import Handling, Outcome
from eventd.dispatch.inbox import Inbox
from eventd.dispatch.instance import Interrupted
from eventd.dispatch.lane import Loan
from eventd.dispatch.ordering import Ordering
from eventd.dispatch.portion import Portion
from eventd.dispatch.progress import VolatileStatus
from eventd.errors import EventdError
from eventd.formats.blocks import merge
from eventd.green import Signal
from eventd.journal import Journal, Unit

__all__ = ["VolatileLane"]

log = logging.getLogger(__name__)

#: Seconds after which what the journal could not take is sent again.
TRY_AGAIN = 1.0


class VolatileLane:
    """The volatile events of one consumer."""

    def __init__(self, loan: Loan, journal: Journal, inbox: Inbox) -> None:
        self._loan = loan
        self._journal = journal
        self._inbox = inbox
        self._ordering = Ordering()
        self._handling = Handling(loan.consumer, loan.call, loan.breathe, loan.policy, self._ordering, loan.key)
        self._settled = 0
        self._dead = 0
        self._started = False
        self._stopped = Signal()

    def turn(self) -> None:
        """Handle the next portion, if there is one."""
        self._started = True
        portion = self._next()
        if portion is not None:
            self._handle(portion)

    def sleeps(self, seconds: float) -> float:
        """How long the consumer may sleep that wants to for ``seconds``."""
        if self._inbox.count and not self._ordering.full:
            return 0.0
        return self._ordering.sleeps(seconds, time.monotonic())

    def stop(self) -> None:
        """Wait for no journal that refuses."""
        self._stopped.set()

    def close(self) -> None:
        """Have all that is here handled once; what failed cannot wait for its next attempt any more.

        A paused consumer is handed nothing here, either.
        """
        ready = self._started and not self._loan.paused()
        try:
            while ready and (portion := self._inbox.cut(self._loan.batch_size)) is not None:
                self._handle(portion)
        except Interrupted:
            pass
        if lost := self._pending:
            log.warning("%s: %d volatile events are lost, since the daemon stops", self._loan.consumer, lost)

    @property
    def status(self) -> VolatileStatus:
        """How many came, and what became of them."""
        inbox = self._inbox
        return VolatileStatus(inbox.came, self._settled, self._dead, inbox.dropped, self._pending)

    @property
    def _pending(self) -> int:
        return self._inbox.came - self._settled - self._dead - self._inbox.dropped

    def _next(self) -> Portion | None:
        ready = self._ordering.ready(time.monotonic(), self._loan.batch_size)
        if ready:
            return Portion.of(ready, self._loan.types)
        return None if self._ordering.full else self._inbox.cut(self._loan.batch_size)

    def _handle(self, portion: Portion) -> None:
        if self._loan.state() is not None:
            # Changes become durable in the order in which they were taken: nobody else's may be under way.
            self._loan.commits().drain()
        try:
            outcome = self._handling.handle(portion)
        except Interrupted:
            raise
        except Exception:
            log.exception("%s: volatile events are dropped", self._loan.consumer)
            self._inbox.dropped = self._inbox.came - self._settled - self._dead - self._here
            return
        self._settled += outcome.settled
        self._dead += outcome.lost
        self._commit(outcome)

    @property
    def _here(self) -> int:
        """Events that wait here, in the inbox or for their next attempt."""
        return self._inbox.count + self._ordering.count

    def _commit(self, outcome: Outcome) -> None:
        """Make durable what the events led to; returns when it is."""
        state = self._loan.state()
        changes = state.take() if state is not None else None
        if not (outcome.drafts or outcome.dead or changes):
            return
        unit = Unit(drafts=merge(outcome.drafts), dead=outcome.dead)
        if outcome.drafts:
            unit.books = {f"emitted:{self._loan.consumer}": sum([draft.count for draft in outcome.drafts])}
        if changes:
            unit.state = {self._loan.consumer: changes}
        if self._submit(unit) and changes and state is not None:
            state.committed()

    def _submit(self, unit: Unit) -> bool:
        """Whether it became durable; tried until it does, or until the daemon stops."""
        while True:
            try:
                self._journal.commit(unit)
            except EventdError as error:
                log.warning("%s: what volatile events led to cannot be committed: %s", self._loan.consumer, error)
                if self._stopped.wait(error.retry_after or TRY_AGAIN):
                    return False
            else:
                return True
