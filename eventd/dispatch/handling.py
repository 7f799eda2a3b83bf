"""One portion of events, from the first call to the last attempt.

    together ──ok──────────────────────────────► settled
       │ raised, or some failed
       ▼
    one by one, in order ──ok──────────────────► settled
       │ raised: pause, again
       ▼
    attempts used up, or rejected ─────────────► dead letter

An event that waits for its next attempt holds back those behind it, so that a handler
sees events in order. Before each pause, all that went before is settled.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable

import msgspec

from eventd.dispatch.portion import Portion
from eventd.dispatch.retry import Policy
from eventd.dispatch.runner import Runner
from eventd.event import Batch, Draft
from eventd.formats import json_events
from eventd.journal import DeadLetter
from eventd.plugin.contract import Retry

__all__ = ["Handling", "Interrupted", "Settle"]

log = logging.getLogger(__name__)

#: Characters of a traceback that a dead letter keeps: the end says what was raised where.
MOST_TRACEBACK = 16384

#: Told that everything below an offset is done, and what it led to; returns when that is
#: durable, or at once where it led to nothing.
Settle = Callable[[int, list[Draft], list[DeadLetter]], None]


class Interrupted(Exception):
    """The daemon stops while an event waits for its next attempt; it stays pending."""


class Tries(msgspec.Struct):
    """What an event went through; ``error`` is ``None`` where it was not at fault."""

    attempts: int = 0
    first_time: int = 0
    last_time: int = 0
    error: BaseException | None = None

    def failed(self, error: BaseException) -> None:
        """Note one more attempt."""
        self.last_time = time.time_ns()
        self.first_time = self.first_time or self.last_time
        self.attempts += 1
        self.error = error


class Handling:
    """Brings portions of one consumer to their end.

    :param wait: pauses for some seconds; true when the daemon stops.
    """

    def __init__(
        self, consumer: str, runner: Runner, policy: Policy, settle: Settle, wait: Callable[[float], bool]
    ) -> None:
        self._consumer = consumer
        self._runner = runner
        self._policy = policy
        self._settle = settle
        self._wait = wait
        self.breathe = runner.breathe
        self._drafts: list[Draft] = []
        self._dead: list[DeadLetter] = []
        #: Calls that were made again.
        self.retries = 0
        #: Whether an event waits for its next attempt.
        self.waiting = False

    def handle(self, portion: Portion) -> None:
        """Return when each event of the portion is handled or a dead letter.

        :raises Interrupted: when the daemon stops before.
        """
        self._drafts, self._dead = [], []
        tries = self._together(portion) if portion.count else {}
        for index in sorted(tries):
            self._alone(portion, index, tries[index])
            self.breathe()
        self._settled(portion.end)
        self.breathe()

    def _together(self, portion: Portion) -> dict[int, Tries]:
        """Handle all at once; those that are to be handled alone."""
        whole = Tries()
        load = portion.load
        while True:
            batch = Batch(portion.count, load)
            try:
                self._drafts += self._runner.run(batch)
            except Exception as error:  # noqa: BLE001 - whatever the plugin raises
                whole.failed(error)
                if portion.count == 1:
                    return {0: whole}
                log.warning("%s: a batch of %d events failed: %r", self._consumer, portion.count, error)
                if not self._again_together(portion, whole):
                    return self._apart(portion, whole)
                load = portion.reload
                continue
            return {index: _failed(error) for index, error in batch.failures.items()}

    def _again_together(self, portion: Portion, whole: Tries) -> bool:
        """Whether the batch is handled as a whole once more: only where the handler asked for it."""
        if not isinstance(whole.error, Retry):
            return False
        pause = self._policy.pause(whole.attempts, whole.error)
        if pause is None:
            return False
        self._pause(portion.offset(0), pause)
        return True

    def _apart(self, portion: Portion, whole: Tries) -> dict[int, Tries]:
        """Each event has as many attempts left as a fault of another one cannot have cost it."""
        used = max(0, self._policy.attempts - 1) if isinstance(whole.error, Retry) else 0
        self.retries += 1
        return {index: Tries(used, whole.first_time, whole.last_time) for index in range(portion.count)}

    def _alone(self, portion: Portion, index: int, tries: Tries) -> None:
        while True:
            if tries.error is not None:
                pause = self._policy.pause(tries.attempts, tries.error)
                if pause is None:
                    self._bury(portion, index, tries, tries.error)
                    return
                log.warning(
                    "%s: event %d failed, attempt %d; again in %.3g s: %r",
                    self._consumer, portion.offset(index), tries.attempts, pause, tries.error,
                )  # fmt: skip
                self._pause(portion.offset(index), pause)
            batch = Batch.of([portion.event(index)])
            try:
                drafts = self._runner.run(batch)
            except Exception as error:  # noqa: BLE001 - whatever the plugin raises
                tries.failed(error)
                continue
            if not batch.failures:
                self._drafts += drafts
                return
            tries.failed(batch.failures[0])

    def _pause(self, offset: int, seconds: float) -> None:
        self._settled(offset)
        self.waiting = True
        try:
            if self._wait(seconds):
                raise Interrupted
        finally:
            self.waiting = False
        self.retries += 1
        self.breathe.reset()

    def _bury(self, portion: Portion, index: int, tries: Tries, error: BaseException) -> None:
        offset = portion.offset(index)
        told = "".join(traceback.format_exception(error))
        log.error("%s: event %d is put aside after attempt %d: %r", self._consumer, offset, tries.attempts, error)
        self._dead.append(
            DeadLetter(
                consumer=self._consumer,
                offset=offset,
                event=json_events.write(portion.event(index)),
                attempts=tries.attempts,
                first_time=tries.first_time,
                last_time=tries.last_time,
                reason=_words(error),
                traceback=told[-MOST_TRACEBACK:],
            )
        )

    def _settled(self, end: int) -> None:
        drafts, self._drafts = self._drafts, []
        dead, self._dead = self._dead, []
        self._settle(end, drafts, dead)


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a plugin's own error, whose text fails, too
        return type(error).__name__


def _failed(error: BaseException) -> Tries:
    tries = Tries()
    tries.failed(error)
    return tries
