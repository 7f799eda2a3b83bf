"""What a plugin author sees: base classes of no-op methods, and what is injected.

An event type is a subclass of ``eventd.Event``; the other kinds are here. A package
registers them by entry point, in the groups ``eventd.event_types``,
``eventd.handlers``, ``eventd.sources`` and ``eventd.services``.

    kind        base       eventd calls
    handler     Handler    start, handle for each batch, stop
    source      Source     run, stop
    webhook     Webhook    start, receive for each request, stop
    service     any class  start and stop, where it has them

Constructors, and ``execute`` of an event type, get what their parameters' annotations
name: ``Config`` (the class's own, from its section), ``Logger``, ``StateDirectory``,
``Stop`` (sources), ``Emitter`` and ``State`` (handlers and event types), and any service.

This file holds no behaviour. How plugins are found is in ``registry``, how they are
built in ``inject``, how they are run in ``eventd.dispatch``.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar, NewType, Protocol

from eventd.event import UNSET, AttributeValue, Batch, Event

# The two data classes of a webhook's conversation; no protocol comes with them.
from eventd.protocol.messages import Request, Response

__all__ = [
    "Batch",
    "Emitter",
    "Event",
    "Handler",
    "Logger",
    "Reject",
    "Request",
    "Response",
    "Retry",
    "Source",
    "State",
    "StateDirectory",
    "Stop",
    "Webhook",
]

#: The plugin's own logger: ``eventd.handler.NAME`` and the like.
Logger = logging.Logger

#: A directory of the plugin's own below ``state_dir``, made before the plugin is built.
StateDirectory = NewType("StateDirectory", Path)


class Emitter(Protocol):
    """Puts new events in at the journal's front door.

    In a handler and an event type, what was emitted is committed together with the
    place up to which events are handled: all of it or nothing. In a source, the call
    returns when the event is durable; in a webhook, the request is answered then.
    """

    def __call__(
        self, type: str, data: Any = UNSET, *, subject: str | None = None, **attributes: AttributeValue
    ) -> None:
        """Emit an event of ``type``; ``id``, ``source`` and ``time`` are filled in where absent."""

    def emit(self, *events: Event) -> None:
        """Emit events that are built already, all of them or none."""


class State(Protocol):
    """What a handler or event type keeps: values by key, durable with what it handled.

    Keys are text, values what msgpack can write: what is read is a copy, a tuple comes
    back as a list. Writes are seen at once, and become durable together with the place
    up to which events are handled: all of it or nothing. What a failed attempt wrote is
    taken back. Writing works during calls of ``handle`` and ``execute`` only.
    """

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default`` where there is none."""

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key``. A value that msgpack cannot write raises ``TypeError``."""

    def delete(self, key: str) -> None:
        """Keep nothing under ``key``, whether there was something or not."""

    def add(self, key: str, number: Any = 1) -> Any:
        """Add ``number`` to the value of ``key``, which counts as 0 where there is none; returns the sum.

        What is neither ``int`` nor ``float`` is made one, such as a number of NumPy; what cannot be raises
        ``TypeError``.
        """

    def range(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, limit: int = 1000
    ) -> list[tuple[str, Any]]:
        """Keys with their values in order: those that begin with ``prefix``, from ``start`` on, below ``end``."""

    def count(self, prefix: str = "") -> int:
        """How many keys begin with ``prefix``."""

    def __getitem__(self, key: str) -> Any: ...

    def __setitem__(self, key: str, value: Any) -> None: ...

    def __delitem__(self, key: str) -> None: ...

    def __contains__(self, key: str) -> bool: ...


class Stop(Protocol):
    """Tells a source that it is to return from ``run``."""

    def wait(self, timeout: float | None = None) -> bool:
        """Pause until told to stop, for ``timeout`` seconds at most; true when told."""

    def is_set(self) -> bool:
        """Whether it was told to stop."""


class Retry(Exception):
    """Raise it to have the event or batch handled again, ``after`` seconds from now.

    It counts as an attempt. Without ``after`` the usual backoff decides.
    """

    def __init__(self, after: float | None = None, why: str = "") -> None:
        super().__init__(why or "the handler asked to try again")
        # What is no number fails here, in the plugin, where the fault is.
        self.after = None if after is None else float(after)


class Reject(Exception):
    """Raise it to put the event aside as a dead letter, without another attempt."""

    def __init__(self, why: str) -> None:
        super().__init__(why)


class Handler:
    """Gets the events of the types that it names, in batches and in order."""

    #: Patterns of event types: tokens between dots, ``*`` is one token, ``>`` the rest.
    types: ClassVar[tuple[str, ...]] = ()

    #: Where it runs unless its section says so: ``green`` (on the hub: must not block), ``thread`` (a
    #: native thread of its own: may block) or ``process`` (worker processes: may compute, leak and crash).
    run: ClassVar[str] = "green"

    def start(self) -> None:
        """Called once before the first batch."""

    def handle(self, batch: Batch) -> None:
        """Handle the events of ``batch``; they count as handled when this returns."""
        raise NotImplementedError

    def stop(self) -> None:
        """Called once after the last batch."""


class Source:
    """Produces events inside the daemon. Runs in a native thread unless its section says ``run = green``."""

    def run(self, emit: Emitter) -> None:
        """Produce events until told to stop; called again, after a pause, when it returns or raises before."""
        raise NotImplementedError

    def stop(self) -> None:
        """Called when ``run`` is to return, from another thread than the one that runs it."""


class Webhook:
    """A source behind a route of the http listeners."""

    #: The path of the route, from its slash on.
    path: ClassVar[str] = ""

    #: As for a handler: ``green`` or ``thread``.
    run: ClassVar[str] = "green"

    def start(self) -> None:
        """Called once before the first request."""

    def receive(self, request: Request, emit: Emitter) -> Response | None:
        """Turn a request into events. ``None`` is answered as 204, when the events are durable."""
        raise NotImplementedError

    def stop(self) -> None:
        """Called once after the last request."""
