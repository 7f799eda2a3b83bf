"""What sources emit with: each call returns when the event is durable.

DoorEmitter what a source gets
Deliver     the way to the front door, from green threads and native ones
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from eventd.calls.collector import Schemas, Writer
from eventd.errors import EventdError, Stopping, Unavailable
from eventd.event import Draft
from eventd.green import Bridge, Signal
from eventd.plugin.contract import Stop

__all__ = ["Deliver", "DoorEmitter", "Submit"]

#: Takes a draft on the hub, and answers there: with the first offset, or an error.
Submit = Callable[[Draft, Callable[[int, EventdError | None], None]], None]

class Deliver:
    """Hands drafts to the front door and waits until they are durable."""

    def __init__(self, submit: Submit, bridge: Bridge) -> None:
        self._submit = submit
        self._bridge = bridge
        self._hub = threading.get_ident()

    def __call__(self, draft: Draft) -> int:
        """The offset of the draft's first event.

        :raises EventdError: when it was refused.
        """
        if threading.get_ident() == self._hub:
            outcome = _Outcome(Signal())
            self._submit(draft, outcome.done)
        else:
            outcome = _Outcome(threading.Event())
            self._bridge.post(self._submit, draft, outcome.done)
        return outcome.wait()


class DoorEmitter(Writer):
    """Returns when what was emitted is durable; while the journal is unavailable, it holds the source back."""

    def __init__(self, source: str, schemas: Schemas, deliver: Deliver, stop: Stop) -> None:
        super().__init__(source, schemas)
        self._deliver = deliver
        #: What ends its waiting; another one when the source moves to a thread.
        self.stop = stop
        #: Events that became durable.
        self.emitted = 0

    def _put(self, draft: Draft) -> None:
        while True:
            try:
                self._deliver(draft)
            except Stopping:
                raise
            except Unavailable as error:
                if self.stop.wait(error.retry_after):
                    raise Stopping("the daemon is stopping") from error
            else:
                self.emitted += draft.count
                return


class _Outcome:
    def __init__(self, known: Signal | threading.Event) -> None:
        self._known = known
        self._first = -1
        self._error: EventdError | None = None

    def done(self, first: int, error: EventdError | None) -> None:
        self._first, self._error = first, error
        self._known.set()

    def wait(self) -> int:
        self._known.wait()
        if self._error is not None:
            raise self._error
        return self._first
