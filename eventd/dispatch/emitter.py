"""What plugins emit with: gathered until it is committed, or delivered at once.

Collector   handlers, event types and webhooks: kept until the call is over
DoorEmitter sources: returns when the event is durable
Deliver     the way to the front door, from green threads and native ones
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from eventd.errors import EventdError, Stopping, Unavailable
from eventd.event import UNSET, AttributeValue, Draft, Event
from eventd.formats.blocks import draft_of
from eventd.formats.payloads import Fill
from eventd.green import Bridge, Signal
from eventd.plugin.contract import Stop

__all__ = ["Collector", "Deliver", "DoorEmitter", "Submit", "source_of"]

#: Takes a draft on the hub, and answers there: with the first offset, or an error.
Submit = Callable[[Draft, Callable[[int, EventdError | None], None]], None]

Schemas = Mapping[str, type]


def source_of(node: str, full_name: str) -> str:
    """The ``source`` of what a plugin emits, where it does not say: ``eventd://node/handler/archive``."""
    return f"eventd://{quote(node)}/{quote(full_name.replace(':', '/', 1))}"


class _Writer:
    """Turns what a plugin emits into drafts, checked where the plugin calls."""

    def __init__(self, source: str, schemas: Schemas) -> None:
        self._fill = Fill(source)
        self._schemas = schemas
        self._lock = threading.Lock()

    def __call__(
        self, type: str, data: Any = UNSET, *, subject: str | None = None, **attributes: AttributeValue
    ) -> None:
        if subject is not None:
            attributes["subject"] = subject
        self.emit(Event(type, data, **attributes))

    def emit(self, *events: Event) -> None:
        """Emit events that are built already."""
        if events:
            # A plugin may emit from threads of its own; ids are counted one by one.
            with self._lock:
                draft = draft_of(events, self._schemas, "", fill=self._fill)
            self._put(draft)

    def _put(self, draft: Draft) -> None:
        raise NotImplementedError


class Collector(_Writer):
    """Keeps what is emitted during a call, for the one who called."""

    def __init__(self, source: str, schemas: Schemas) -> None:
        super().__init__(source, schemas)
        self._drafts: list[Draft] = []
        self._open = False

    def open(self) -> None:
        """Begin to gather, with nothing."""
        self._drafts = []
        self._open = True

    def close(self) -> list[Draft]:
        """Stop gathering; what was gathered."""
        self._open = False
        drafts, self._drafts = self._drafts, []
        return drafts

    def mark(self) -> int:
        """A place to rewind to."""
        return len(self._drafts)

    def rewind(self, mark: int = 0) -> None:
        """Forget what was emitted since ``mark``."""
        del self._drafts[mark:]

    def _put(self, draft: Draft) -> None:
        if not self._open:
            raise RuntimeError("emit was called outside of the call that it was given for")
        self._drafts.append(draft)


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


class DoorEmitter(_Writer):
    """Returns when what was emitted is durable; while the journal is unavailable, it holds the source back."""

    def __init__(self, source: str, schemas: Schemas, deliver: Deliver, stop: Stop) -> None:
        super().__init__(source, schemas)
        self._deliver = deliver
        self._stop = stop
        #: Events that became durable.
        self.emitted = 0

    def _put(self, draft: Draft) -> None:
        while True:
            try:
                self._deliver(draft)
            except Stopping:
                raise
            except Unavailable as error:
                if self._stop.wait(error.retry_after):
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
