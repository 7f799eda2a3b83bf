"""What members say of events that are not simply done: another attempt, a dead letter, or a letter settled after all.

They say it on their connections; it is carried out by the green thread of the subscription,
since an event that is given up is read from the journal once more, and written there.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from eventd.dispatch.letter import once_more
from eventd.dispatch.ordering import Waiting
from eventd.dispatch.retried import Retried, Told
from eventd.dispatch.retry import Policy
from eventd.errors import JournalUnavailable
from eventd.formats import json_events
from eventd.formats.blocks import decode
from eventd.journal import DeadLetter
from eventd.subscriptions.found import Picked
from eventd.subscriptions.settling import Settling

__all__ = ["Verdicts"]

log = logging.getLogger(__name__)

#: What ``retry`` means where no settings say otherwise: those of handlers.
POLICY = Policy(5, 1.0, 60.0)

#: The reasons of dead letters.
REJECTED, GIVEN_UP = "rejected by the subscriber", "the subscriber asked for another attempt too often"


class Verdicts:
    """Those of one durable subscription.

    :param again: has events handed out once more, at a time of ``time.monotonic``.
    :param read: reads events that were handed out before.
    """

    def __init__(
        self, settling: Settling, retried: Retried, again: Callable[[list[int], float], object],
        read: Callable[[list[int]], list[Picked]],
    ) -> None:  # fmt: skip
        self._settling = settling
        self._retried = retried
        self._again = again
        self._read = read
        self._waiting: deque[tuple[int, str, float | None]] = deque()
        #: Dead letters that are tried again, by offset.
        self._letters: dict[int, Waiting] = {}
        #: Attempts that were asked for once more.
        self.retries = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def retry(self, letters: Sequence[DeadLetter], told: Told) -> list[int]:
        """Try dead letters again: the offsets of the events that are to be handed out."""
        for waiting in self._retried.take(letters, told):
            self._letters[waiting.offset] = waiting
        return [letter.offset for letter in letters]

    def part(self, offsets: Sequence[int]) -> tuple[list[Picked], list[int]]:
        """The events of letters among the offsets, and the other offsets: those are read from the journal."""
        letters: list[Picked] = [(self._letters[offset].block, [0]) for offset in offsets if offset in self._letters]
        return letters, [offset for offset in offsets if offset not in self._letters]

    def put(self, offsets: Sequence[int], outcome: str, after: float | None) -> None:
        """A member says what became of events."""
        if outcome == "done" and self._letters.keys().isdisjoint(offsets):
            self._settling.settle(offsets)
        else:
            self._waiting += [(offset, outcome, after) for offset in offsets]

    def judge(self) -> None:
        """Carry out what was said.

        :raises JournalUnavailable: when the disk does not answer; the rest is carried out the next time.
        """
        letters: list[DeadLetter] = []
        try:
            while self._waiting:
                letters += self._carry_out(*self._waiting[0])
                self._waiting.popleft()
        finally:
            if letters:
                self._settling.bury(letters)

    def finish(self) -> None:
        """Carry out what was said before the end, as far as the disk answers."""
        try:
            self.judge()
        except JournalUnavailable as error:
            log.warning("%s: what was said last is not carried out: %s", self._settling.name, error)

    def forget(self) -> None:
        """Nothing that was said counts any more, and what is tried again has to be asked for once more."""
        self._waiting.clear()
        self.give_up()

    def give_up(self) -> None:
        """None of the letters will be tried."""
        self._letters.clear()
        self._retried.give_up()

    def _carry_out(self, offset: int, outcome: str, after: float | None) -> list[DeadLetter]:
        """Hand an event out again, or settle it, or give it up: its dead letter."""
        if outcome == "done":
            self._done(offset)
            return []
        unsettled = self._settling.unsettled
        attempts = unsettled.attempts(offset) + 1
        if outcome == "retry" and not POLICY.exhausted(attempts):
            unsettled.failed(offset)
            self.retries += 1
            self._again([offset], time.monotonic() + (POLICY.backoff(attempts) if after is None else after))
            return []
        return self._give_up(offset, attempts, GIVEN_UP if outcome == "retry" else REJECTED)

    def _done(self, offset: int) -> None:
        waiting = self._letters.pop(offset, None)
        if waiting is None or waiting.letter is None:
            self._settling.settle([offset])
        else:
            self._settling.raise_up(offset, waiting.letter.id)

    def _give_up(self, offset: int, attempts: int, reason: str) -> list[DeadLetter]:
        name, now, found = self._settling.name, time.time_ns(), self._read([offset])
        log.error("%s: event %d is put aside: %s", name, offset, reason)
        letters = [
            DeadLetter(name, offset, json_events.write(decode(block)[index]), attempts, now, now, reason)
            for block, [index] in found
        ]
        before = self._letters.pop(offset, None)
        for letter in letters:
            if before is not None and before.letter is not None:
                once_more(letter, before.letter)
        return letters
