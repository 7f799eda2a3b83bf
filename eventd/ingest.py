"""The front door: what a listener read goes to the journal, and the ack comes back.

    connection ── submit(draft, done) ──► Ingest ── append ──► journal's writer
        ▲                                   │  ▲                     │
        └──────────── done(first) ──────────┘  └──── committed ──────┘

Drafts that arrive while the writer is busy are gathered and appended together: under
load a commit carries thousands of events, without load it carries one and waits for
nobody. Nothing is acknowledged before ``append`` says that it is durable.

Ingest runs on the hub and never blocks. It does not know sockets, formats or SQLite:
the daemon hands it ``append`` and ``pressure``, the doors hand it ``done``.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from eventd.errors import EventdError, Stopping
from eventd.event import Draft

__all__ = ["DRAFT_BYTES", "Append", "Done", "Ingest", "Pressure"]

log = logging.getLogger(__name__)

#: Called once on the hub: with the offset of the first event when all of them are
#: durable, or with -1 and the error for which they were refused.
Done = Callable[[int, EventdError | None], None]

#: Makes drafts durable, in order and together; answers like ``Done``.
Append = Callable[[list[Draft], Done], None]

#: Told ``True`` when the doors should stop reading, ``False`` when they may go on.
Pressure = Callable[[bool], None]

_Gathered = tuple[list[Draft], int, Done]

#: One unit is committed while the next is ready: more would only make smaller commits.
MOST_IN_FLIGHT = 2

#: What a draft costs in memory beside its body: itself, who waits for it and the ack that it will be.
DRAFT_BYTES = 512

#: Seconds without a word from the journal after which the daemon is not ready: the disk hangs.
PATIENCE = 10.0


class Ingest:
    """Gathers drafts, hands them to the journal, and tells each sender the outcome.

    :param append: the journal's door.
    :param call_soon: runs a callable once at the end of the hub's pass.
    :param pressure: told when more than ``most_pending`` bytes of memory wait, and when half are gone.
    """

    def __init__(
        self,
        append: Append,
        call_soon: Callable[[Callable[[], None]], object],
        pressure: Pressure,
        most_pending: int,
    ) -> None:
        self._append = append
        self._call_soon = call_soon
        self._pressure = pressure
        self.most_pending = most_pending
        self._gathered: list[_Gathered] = []
        self._in_flight = 0
        #: When the journal was asked, or answered last, on the clock of ``time.monotonic``.
        self._heard = 0.0
        self._scheduled = False
        self._pressed = False
        self._stopping = False
        #: Events that are neither durable nor refused yet, and their bytes.
        self.pending = 0
        self.pending_bytes = 0
        #: Events that became durable, and those that the journal could not take, by reason.
        self.accepted = 0
        self.refused: Counter[str] = Counter()

    def submit(self, draft: Draft, done: Done) -> None:
        """Take checked events from a door; ``done`` is called once, never from within."""
        self.submit_all([draft], draft.count, done)

    def submit_all(self, drafts: list[Draft], count: int, done: Done) -> None:
        """Take several drafts with ``count`` events in all: offsets in a row, and all are taken or none."""
        self._gathered.append((drafts, count, done))
        self.pending += count
        for draft in drafts:
            self.pending_bytes += len(draft.body) + DRAFT_BYTES
        if self.pending_bytes > self.most_pending and not self._pressed:
            self._press(True)
        self._schedule()

    def stop(self) -> None:
        """Refuse what is submitted from now on; what was taken before is finished."""
        self._stopping = True

    @property
    def idle(self) -> bool:
        """Whether every sender has had its answer."""
        return not self._gathered and not self._in_flight

    @property
    def busy(self) -> bool:
        """Whether the journal works on something for a sender."""
        return self._in_flight > 0

    def problem(self) -> str | None:
        """Says so when the journal does not answer, neither yes nor no."""
        silent = time.monotonic() - self._heard
        if self._in_flight and silent > PATIENCE:
            return f"the journal has not answered for {silent:.0f} s"
        return None

    def _schedule(self) -> None:
        if not self._scheduled and self._in_flight < MOST_IN_FLIGHT:
            self._scheduled = True
            self._call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        if self._stopping:
            self._answer(gathered, -1, Stopping("the daemon is stopping", hint="send it again when it is back"))
            return
        if not self._in_flight:
            self._heard = time.monotonic()
        self._in_flight += 1
        self._append([draft for drafts, _, _ in gathered for draft in drafts], partial(self._committed, gathered))

    def _committed(self, gathered: list[_Gathered], first: int, error: EventdError | None) -> None:
        self._in_flight -= 1
        self._heard = time.monotonic()
        self._answer(gathered, first, error)
        if self._gathered:
            self._schedule()

    def _answer(self, gathered: list[_Gathered], first: int, error: EventdError | None) -> None:
        total = 0
        for drafts, count, done in gathered:
            for draft in drafts:
                self.pending_bytes -= len(draft.body) + DRAFT_BYTES
            try:
                done(first if error is not None else first + total, error)
            except Exception:
                log.exception("a door could not be told the outcome of its events")
            total += count
        self.pending -= total
        if error is None:
            self.accepted += total
        else:
            self.refused[error.reason] += total
        if self._pressed and self.pending_bytes < self.most_pending // 2:
            self._press(False)

    def _press(self, pressed: bool) -> None:
        self._pressed = pressed
        self._pressure(pressed)
