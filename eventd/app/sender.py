"""Makes durable what was published, in order, and lets those go on who wait for room; on the hub.

One unit is under way at a time, with everything that gathered meanwhile. What ``eventd.ingest``
does beyond that, for thousands of senders that each want an answer, nobody asks for here.
"""

from __future__ import annotations

from collections.abc import Callable

from eventd.app.outbox import Outbox
from eventd.errors import EventdError
from eventd.event import Draft
from eventd.formats.blocks import merge, split
from eventd.green import Signal
from eventd.journal import Journal, Unit

__all__ = ["Sender"]

#: Bytes of one unit, or a little more.
UNIT_BYTES = 4 << 20
#: Seconds between two looks at what is handled, while somebody waits for that.
LOOK_AGAIN = 0.01
#: Seconds after which what the journal could not take is sent again.
TRY_AGAIN = 1.0


class Sender:
    """Brings what is in the outbox into the journal.

    :param handled: asked for the offset below which all subscribers are done.
    """

    def __init__(self, outbox: Outbox, journal: Journal, handled: Callable[[], int]) -> None:
        self._outbox = outbox
        self._journal = journal
        self._handled = handled
        self._called = Signal()
        self._ended = Signal()

    def look(self) -> None:
        """Have it look into the outbox."""
        self._called.set()

    def run(self) -> None:
        """Send until told to stop."""
        while not self._ended.is_set():
            self._called.clear()
            drafts = self._outbox.take(UNIT_BYTES)
            if drafts:
                self._send(drafts)
            elif self._outbox.crowded:
                self._outbox.handled(self._handled())
                self._called.wait(LOOK_AGAIN)
            else:
                self._called.wait()

    def stop(self) -> None:
        """End, however much there is to send: who wants that to be done waits before."""
        self._ended.set()
        self._called.set()

    def _send(self, drafts: list[Draft]) -> None:
        """Returns when they are durable: while the journal refuses, everything waits in the outbox."""
        unit = Unit(drafts=[part for draft in merge(drafts) for part in split(draft)])
        while not self._ended.is_set():
            try:
                first = self._journal.commit(unit).first
            except EventdError as error:
                self._ended.wait(error.retry_after or TRY_AGAIN)
            else:
                self._outbox.written(drafts, first + sum(draft.count for draft in drafts))
                return
