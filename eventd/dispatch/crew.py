"""The worker processes of one plugin, kept running and called with a batch like a plugin in the daemon.

When a call begins, all workers run: whoever calls sees to it, by ``whole`` and ``start``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from eventd.calls.keys import Key
from eventd.calls.messages import Ask
from eventd.dispatch.calling import Breath
from eventd.dispatch.process import WorkerProcess
from eventd.dispatch.round import Round
from eventd.dispatch.shared import SharedState
from eventd.dispatch.shares import shares_of, worthwhile
from eventd.event import Batch, Draft
from eventd.green import Bridge, Group, Signal, Worker
from eventd.plugin.loaded import Loaded

__all__ = ["Crew"]

#: Seconds for workers to stop their plugins.
STOP_WITHIN = 10.0


class Crew:
    """The workers of one plugin.

    :param task: makes what each of them is to be. :param observe: told how long each call took.
    """

    def __init__(
        self,
        loaded: Loaded,
        bridge: Bridge,
        task: Callable[[], bytes],
        state: SharedState | None,
        key: Key | None,
        observe: Callable[[float], None],
    ) -> None:
        self.breathe = Breath()
        self._name = loaded.full_name
        self._options = loaded.options
        self._task = task
        self._state = state
        self._key = key
        self._observe = observe
        self._group = Group(f"{self._name} workers")
        self._starter: Worker = bridge.thread(f"{self._name} starter")
        self._workers: list[WorkerProcess] = []
        self._started = 0
        #: Seconds that an event took of late; before any did, it may take long.
        self._pace = math.inf
        #: Workers that died since one did its work; those of the same round count.
        self.deaths = 0
        self._died_at = -math.inf

    @property
    def running(self) -> int:
        """How many workers run."""
        return sum([worker.alive for worker in self._workers])

    @property
    def quiet(self) -> float:
        """Seconds since a worker died in a call."""
        return time.monotonic() - self._died_at

    @property
    def restarts(self) -> int:
        """How many were started in the place of others."""
        return max(0, self._started - self._options.workers)

    @property
    def whole(self) -> bool:
        """Whether all workers run."""
        return self.running == self._options.workers

    def start(self) -> None:
        """Start the workers that do not run.

        :raises PluginError: when the plugin cannot be started. :raises WorkerDied: when it kills its worker.
        :raises OSError: when there can be no other process.
        """
        self._bury_the_dead()
        running = len(self._workers)
        try:
            while len(self._workers) < self._options.workers:
                self._launch()
            for worker in self._workers[running:]:
                worker.await_ready()
                self._started += 1
        except BaseException:
            for worker in self._workers[running:]:
                worker.await_end(0.0)
            raise

    def run(self, batch: Batch) -> list[Draft]:
        """Have the workers handle the batch; what was emitted. What failed is in ``batch.failures``.

        :raises Exception: what the plugin raised, where one worker had all of the batch.
        """
        options, workers = self._options, self._options.workers
        shares = shares_of(batch, workers, self._key, worthwhile(self._pace * len(batch) / workers))
        turn = Round(batch, shares, self._state, options.timeout, self._observe, options.memory_limit)
        try:
            if len(shares) == 1:
                place = max(0, shares[0].worker)
                turn.work(place, self._workers[place])
            else:
                self._side_by_side(turn)
        except BaseException:
            # Nobody waits for them any more.
            self.kill()
            raise
        turn.finish()
        self._pace = turn.seconds / len(batch)
        self.deaths = turn.died if turn.done else self.deaths + turn.died
        if turn.died:
            self._died_at = time.monotonic()
        if turn.error is not None:
            raise turn.error
        return turn.drafts

    def stop(self) -> None:
        """Stop the plugin in each worker, and end them."""
        for worker in self._workers:
            worker.ask_to_stop()
        until = time.monotonic() + STOP_WITHIN
        for worker in self._workers:
            worker.await_end(max(0.0, until - time.monotonic()))

    def kill(self) -> None:
        """End all workers now."""
        for worker in self._workers:
            worker.kill()

    def close(self) -> None:
        """End what still runs; nothing is started any more."""
        self.kill()
        for worker in self._workers:
            worker.ended.wait()
        self._starter.stop(0.0)

    def _launch(self) -> None:
        worker = WorkerProcess(f"a worker of {self._name}", self._group, self._starter, self._answer)
        worker.launch(self._task())
        if self._state is not None:
            # Before it can have asked anything: nothing was waited for since it was launched.
            self._state.join(worker)
        self._workers.append(worker)

    def _bury_the_dead(self) -> None:
        for worker in self._workers:
            if not worker.alive and self._state is not None:
                self._state.leave(worker)
        self._workers = [worker for worker in self._workers if worker.alive]

    def _side_by_side(self, turn: Round) -> None:
        busy, over = len(self._workers), Signal()

        def work(place: int, worker: WorkerProcess) -> None:
            nonlocal busy
            try:
                turn.work(place, worker)
            finally:
                busy -= 1
                if not busy:
                    over.set()

        for place, worker in enumerate(self._workers):
            self._group.spawn(f"{self._name} share", work, place, worker)
        over.wait()

    def _answer(self, ask: Ask) -> object:
        # A plugin without a state has nothing to ask.
        return None if self._state is None else self._state.answer(ask)
