"""One portion of events, from the call to what becomes of each.

    together ──ok──────────────────────────────► settled
       │ raised, or some failed
       ▼
    one by one, in order ──ok──────────────────► settled
       │ raised
       ├─ attempts left ──► waits for the next one, and those of its key behind it
       └─ used up, or rejected ────────────────► dead letter

Nothing is waited for here: what waits does so in ``ordering``, and comes back in a portion
of its own. How it all becomes durable is in ``commits``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable

import msgspec

from eventd.calls.executing import Behind, Suspect
from eventd.calls.keys import Key
from eventd.calls.location import location_of
from eventd.dispatch.instance import Interrupted
from eventd.dispatch.letter import letter_of
from eventd.dispatch.ordering import Ordering, Tries, Waiting
from eventd.dispatch.portion import Portion
from eventd.dispatch.process import WorkerDied
from eventd.dispatch.retry import Poisoned, Policy
from eventd.dispatch.suspects import Suspects
from eventd.event import Batch, Draft
from eventd.formats import json_events
from eventd.journal import DeadLetter
from eventd.plugin.contract import Retry

__all__ = ["Handling", "Outcome"]

log = logging.getLogger(__name__)


class Outcome(msgspec.Struct):
    """What a portion came to: how many more events are settled and given up, and what they led to.

    ``raised`` are dead letters that are settled after all.
    """

    settled: int = 0
    lost: int = 0
    drafts: list[Draft] = []
    dead: list[DeadLetter] = []
    raised: list[int] = []


class Handling:
    """Brings portions of one consumer to their end.

    :param call: has a batch handled, and returns what was emitted.
    :param breathe: lets others on the hub have their turn, when it is time to.
    :param suspects: what is to be tried alone, since the daemon died with it in hand.
    """

    def __init__(
        self,
        consumer: str,
        call: Callable[[Batch], list[Draft]],
        breathe: Callable[[], None],
        policy: Policy,
        ordering: Ordering,
        key: Key | None,
        suspects: Suspects | None = None,
    ) -> None:
        self._consumer = consumer
        self._call = call
        self._breathe = breathe
        self._policy = policy
        #: Those that wait, and are to be brought back in portions of their own.
        self.ordering = ordering
        self._key = key
        self._suspects = suspects or Suspects()
        self._outcome = Outcome()
        self._over: list[Waiting] = []
        self._held: set[Hashable] = set()
        #: Calls that were made again.
        self.retries = 0

    def handle(self, portion: Portion) -> Outcome:
        """Handle the events of a portion; each is settled, given up or waits when this returns."""
        self._breathe()
        self._outcome, self._over, self._held = Outcome(), [], set()
        if portion.waiting:
            self.retries += 1
        else:
            if self._suspects:
                portion = self._past_suspects(portion)
            portion = self._in_order(portion)
        if portion.count:
            self._together(portion)
        # Not before: while others have their turn, what is in no book yet still waits.
        for waiting in self._over:
            self.ordering.done(waiting)
        return self._outcome

    def _past_suspects(self, portion: Portion) -> Portion:
        """Handle it up to its last suspect, in its order: what was in hand when the daemon died alone; the rest of it.

        What stands before them was handled once already, and may not have come into the journal.
        """
        deaths = [(index, n) for index, offset in enumerate(portion.offsets) if (n := self._suspects.deaths(offset))]
        begin = 0
        for index, n in deaths:
            before = self._in_order(portion.between(begin, index))
            if before.count:
                self._together(before)
            suspect = self._in_order(portion.between(index, index + 1))
            if suspect.count:
                self._try_suspect(suspect, n)
            begin = index + 1
            self._breathe()
        self._suspects.pass_to(portion.end)
        return portion.between(begin, portion.count)

    def _try_suspect(self, portion: Portion, deaths: int) -> None:
        """Handle the one event of this portion, unless processes died of it often enough."""
        if not self._policy.poisoned(deaths):
            try:
                self._alone(portion, 0, last=False)
            except Interrupted:
                self._put_back(portion, 0)
            return
        waiting = self._waiting(portion, 0)
        waiting.tries.deaths = deaths
        waiting.tries.failed(time.time_ns())
        self._bury(portion, 0, waiting, Poisoned.after(deaths, WorkerDied("the daemon died")))

    def _in_order(self, portion: Portion) -> Portion:
        """Have those wait that another one of their key waits before; the rest of the portion."""
        key, holds = self._key, self.ordering.holds
        if key is None or not self.ordering.count:
            return portion
        held = {index for index, event in enumerate(portion.load()) if holds(key(event))}
        for index in sorted(held):
            self.ordering.put(self._waiting(portion, index))
        return portion.besides(held) if held else portion

    def _together(self, portion: Portion) -> None:
        batch = Batch(portion.count, portion.load, portion.blocks)
        try:
            drafts = self._call(batch)
        except Interrupted:
            self._put_back(portion, 0)
            return
        except Exception as error:  # noqa: BLE001 - whatever the plugin raises
            self._failed_together(portion, error)
            return
        self._outcome.drafts += drafts
        if not batch.failures and not portion.waiting:
            self._outcome.settled += portion.count
            return
        for index in range(portion.count):
            self._judge(portion, index, batch.failures.get(index))

    def _failed_together(self, portion: Portion, error: Exception) -> None:
        if portion.count == 1:
            self._judge(portion, 0, error)
            return
        log.warning("%s: a batch of %d events failed: %r%s", self._consumer, portion.count, error, _at(error))
        if isinstance(error, Retry) and self._again_together(portion, error):
            return
        self.retries += 1
        for index in range(portion.count):
            try:
                self._alone(portion, index, last=isinstance(error, Retry))
            except Interrupted:
                self._put_back(portion, index)
                return
            self._breathe()

    def _put_back(self, portion: Portion, first: int) -> None:
        """The daemon stops, and the plugin does not run: what was not tried to its end waits for the next start."""
        for index in range(first, portion.count):
            self.ordering.put(self._waiting(portion, index))

    def _again_together(self, portion: Portion, error: Retry) -> bool:
        """Have all of them wait for the same moment; false where they have done so often enough."""
        attempts = 1 + max([waiting.tries.attempts for waiting in portion.waiting], default=0)
        pause = self._policy.pause(attempts, error)
        if pause is None:
            return False
        due, now = time.monotonic() + pause, time.time_ns()
        for index in range(portion.count):
            waiting = self._waiting(portion, index)
            waiting.tries.failed(now)
            waiting.due = due
            self.ordering.put(waiting)
        return True

    def _alone(self, portion: Portion, index: int, *, last: bool) -> None:
        """Handle one of several that failed together; where they were to be tried again, once and no more."""
        event = portion.event(index)
        if self._held and self._key is not None and self._key(event) in self._held:
            self._judge(portion, index, Behind())
            return
        if last and portion.waiting:
            tries = portion.waiting[index].tries
            tries.attempts = min(tries.attempts, max(0, self._policy.attempts - 1))
        batch = Batch(1, lambda: [event], [(portion.block(index), range(1))])
        try:
            self._outcome.drafts += self._call(batch)
        except Interrupted:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the plugin raises
            self._judge(portion, index, error)
        else:
            self._judge(portion, index, batch.failures.get(0))

    def _judge(self, portion: Portion, index: int, error: BaseException | None) -> None:
        """Say what becomes of one event after a call."""
        if error is None:
            self._settled(portion.waiting[index] if portion.waiting else None)
            return
        waiting = self._waiting(portion, index)
        if isinstance(error, Behind):
            waiting.alone = waiting.alone or isinstance(error, Suspect)
            self.ordering.put(waiting)
            return
        waiting.tries.failed(time.time_ns())
        if isinstance(error, WorkerDied):
            waiting.tries.deaths += 1
            if self._policy.poisoned(waiting.tries.deaths):
                error = Poisoned.after(waiting.tries.deaths, error)
        pause = self._policy.pause(waiting.tries.attempts, error)
        if pause is None:
            self._bury(portion, index, waiting, error)
        else:
            self._wait(waiting, pause, error)

    def _waiting(self, portion: Portion, index: int) -> Waiting:
        """What is known of an event that waited, or is to wait."""
        if portion.waiting:
            return portion.waiting[index]
        block = portion.block(index)
        key = self._key(portion.event(index)) if self._key else block.first
        return Waiting(block, key, Tries())

    def _wait(self, waiting: Waiting, pause: float, error: BaseException) -> None:
        log.warning(
            "%s: event %d failed, attempt %d; again in %.3g s: %r%s",
            self._consumer, waiting.offset, waiting.tries.attempts, pause, error, _at(error),
        )  # fmt: skip
        waiting.due = time.monotonic() + pause
        waiting.alone = True
        self._held.add(waiting.key)
        self.ordering.put(waiting)

    def _settled(self, waiting: Waiting | None) -> None:
        letter = None if waiting is None else waiting.letter
        if letter is not None:
            self._outcome.raised.append(letter.id)
        # A volatile event's, whose number is negative, stands in no books.
        if letter is None or (letter.consumer == self._consumer and letter.offset >= 0):
            self._outcome.settled += 1
            self._outcome.lost -= letter is not None
        if waiting is not None:
            self._over.append(waiting)

    def _bury(self, portion: Portion, index: int, waiting: Waiting, error: BaseException) -> None:
        before = waiting.letter
        log.error(
            "%s: event %d is put aside after attempt %d: %r%s",
            self._consumer, waiting.offset, waiting.tries.attempts, error, _at(error),
        )  # fmt: skip
        event = before.event if before else json_events.write(portion.event(index))
        self._outcome.dead.append(letter_of(self._consumer, waiting, event, error))
        self._outcome.lost += before is None
        if waiting.out:
            self._over.append(waiting)


def _at(error: BaseException) -> str:
    """An end for a line of the log: where in the plugin's code it was raised."""
    location = location_of(error)
    return f" at {location}" if location else ""
