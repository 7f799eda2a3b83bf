"""One batch among the workers of a plugin.

    share ──► a worker ──► outcome ──► what was emitted, what failed
                 │ died, or took too long
                 ├─ with several events: each is a suspect, to be tried by itself
                 └─ with one: it has failed

A share that is too large to be sent is as one that raised.
What is not concluded when the round is over was not tried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from eventd.calls.executing import Behind, Suspect
from eventd.calls.messages import Call, Outcome
from eventd.calls.told import raised
from eventd.config.describe import written_size
from eventd.dispatch.calling import TimedOut
from eventd.dispatch.process import WorkerDied, WorkerProcess
from eventd.dispatch.shared import SharedState
from eventd.dispatch.shares import Share
from eventd.errors import MalformedInput
from eventd.event import Batch, Draft
from eventd.plugin.contract import Retry

__all__ = ["Round"]

log = logging.getLogger(__name__)

#: Seconds for a worker without memory to stop its plugin.
STOP_WITHIN = 5.0


class Round:
    """Shares of a batch on their way through workers.

    :param timeout: seconds for each share; 0 is no limit. :param observe: told how long each call took.
    :param memory_limit: bytes that a worker may have; 0 is no limit.
    """

    def __init__(
        self,
        batch: Batch,
        shares: Sequence[Share],
        state: SharedState | None,
        timeout: float,
        observe: Callable[[float], None],
        memory_limit: int = 0,
    ) -> None:
        self._batch = batch
        self._waiting = list(shares)
        self._open = list(shares)
        self._alone = len(shares) == 1
        self._state = state
        self._timeout = timeout
        self._observe = observe
        self._memory_limit = memory_limit
        #: What was emitted.
        self.drafts: list[Draft] = []
        #: Workers that died, and shares that came back.
        self.died = 0
        self.done = 0
        #: Seconds of all calls together.
        self.seconds = 0.0
        #: What the plugin raised, where there is one share only.
        self.error: Exception | None = None

    def work(self, place: int, worker: WorkerProcess) -> None:
        """Have a worker handle share after share, until there is none for it or it is gone."""
        while worker.alive and (share := self._next(place)) is not None:
            self._try(worker, share)

    def finish(self) -> None:
        """Say of all that was not tried that it is to be."""
        for share in self._open:
            self._fail(share, Behind())

    def _next(self, place: int) -> Share | None:
        for share in self._waiting:
            if share.worker in (-1, place):
                self._waiting.remove(share)
                return share
        return None

    def _try(self, worker: WorkerProcess, share: Share) -> None:
        try:
            outcome = self._outcome(worker, share)
        except (WorkerDied, TimedOut) as error:
            self.died += 1
            self._conclude(share)
            self._fail(share, error if len(share.indices) == 1 else Suspect())
            return
        except MalformedInput as error:
            self._conclude(share)
            self._raised(share, error)
            return
        if self._state is not None and not self._state.admit(worker, outcome):
            self._waiting.insert(0, share)
        else:
            self._conclude(share)
            self._take(share, outcome)
        if outcome.spent:
            limit = f"= {written_size(self._memory_limit)}" if self._memory_limit else "is not set"
            log.warning("%s had no memory left (memory_limit %s) and is replaced", worker.name, limit)
            worker.ask_to_stop()
            worker.await_end(STOP_WITHIN)

    def _outcome(self, worker: WorkerProcess, share: Share) -> Outcome:
        stale = [] if self._state is None else self._state.tell(worker)
        started = time.perf_counter()
        try:
            return worker.call(Call(share.cuts, stale), self._timeout)
        except MalformedInput:
            # It was not sent, and what is stale neither.
            if self._state is not None:
                self._state.untold(worker)
            raise
        finally:
            seconds = time.perf_counter() - started
            self.seconds += seconds
            self._observe(seconds)

    def _take(self, share: Share, outcome: Outcome) -> None:
        self.done += 1
        if outcome.raised is not None:
            self._raised(share, raised(outcome.raised))
            return
        self.drafts += outcome.drafts
        for index, told in outcome.failures.items():
            if 0 <= index < len(share.indices):
                self._batch.fail(share.indices[index], raised(told))

    def _raised(self, share: Share, error: Exception) -> None:
        if self._alone:
            self.error = error
        elif isinstance(error, Retry) or len(share.indices) == 1:
            self._fail(share, error)
        else:
            self._fail(share, Suspect())

    def _conclude(self, share: Share) -> None:
        self._open.remove(share)

    def _fail(self, share: Share, error: Exception) -> None:
        for index in share.indices:
            self._batch.fail(index, error)
