"""The event loop of a program: subscribe, publish, start, stop.

``start`` runs the hub in the thread that calls it; everything else may be called from any
thread, from subscribers and from callbacks of WebSockets.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar, Unpack

from eventd import green
from eventd.app.outbox import Outbox, Patience
from eventd.app.running import Options, Running
from eventd.app.subscription import Settings, Subscription, make, registry_of
from eventd.app.websocket import WebSocket
from eventd.calls.collector import source_of
from eventd.event import Event
from eventd.formats.blocks import draft_of
from eventd.formats.payloads import Fill

__all__ = ["EventLoop"]

T = TypeVar("T")

#: Held by the loop that runs: the hub is one for the process.
_hub = threading.Lock()


class EventLoop:
    """Made by ``EventManager.create_event_loop``."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._subscriptions: list[Subscription] = []
        self._websockets: list[WebSocket] = []
        self._schemas: dict[str, type] = {}
        self._outbox = Outbox(options.buffer)
        self._fill = Fill(source_of(socket.gethostname(), "loop"))
        self._lock = threading.Lock()
        self._running: Running | None = None
        self._thread = 0
        #: Whether it was told to stop before it ever ran.
        self._early = False
        self._ran = False

    @property
    def running(self) -> bool:
        """Whether it has started, and was not stopped since."""
        running = self._running
        return running is not None and running.started and not running.asked

    def subscribe(
        self,
        subject: T,
        *,
        types: Iterable[str] | None = None,
        name: str | None = None,
        run: str | None = None,
        **settings: Unpack[Settings],
    ) -> T:
        """Have an event type, a handler, a function or a ``WebSocket`` run with this loop; returns it.

        :param types: patterns of the types with which a function is called; all by default.
        :param name: under which its place, state and dead letters are kept; by default what it is called.
        :param run: ``thread``, the default of functions, or ``green``: on the hub, for what never blocks.
        :raises RuntimeError: while the loop runs.
        :raises TypeError: when it is none of these. :raises ValueError: when there is one of its name.
        :raises PluginError: when it cannot be used, and why.
        """
        if self._running is not None:
            raise RuntimeError("subscribe before the event loop starts")
        if isinstance(subject, WebSocket):
            if types is not None or name is not None or run is not None or settings:
                raise TypeError("what a WebSocket is to know is given to itself")
            self._websockets.append(subject)
            return subject
        made = make(subject, name, types, run, settings)
        if any((one.kind, one.name) == (made.kind, made.name) for one in self._subscriptions):
            raise ValueError(f"there is a subscriber called {made.name} already: give this one another name")
        wanted = [*self._subscriptions, made]
        self._schemas = registry_of(wanted, "/").schemas
        self._subscriptions = wanted
        return subject

    def publish(self, *events: Event) -> None:
        """Hand events to the subscribers: all of them, or none and an error.

        It returns before they are durable. Where ``buffer`` bytes wait already, it waits in a native
        thread, and raises on the hub and before ``start``.

        :raises InvalidEvent: when an event breaks a rule, or does not fit its type.
        :raises Unavailable: when there is no room and it cannot wait for it. :raises Stopping: after the end.
        """
        for event in events:
            if not isinstance(event, Event):
                raise TypeError(f"{event!r} is no Event")
        if events:
            with self._lock:
                draft = draft_of(events, self._schemas, "", fill=self._fill)
            self._outbox.put(draft, self._patience())

    def start(self) -> None:
        """Run until ``stop``, or until SIGINT or SIGTERM where this is the main thread.

        It may be started again afterwards, by any thread.

        :raises RuntimeError: when an event loop runs in this process already.
        :raises EventdError: when the journal cannot be opened.
        """
        with _alone():
            green.install()
            green.run(self._serve)

    def stop(self) -> None:
        """Have ``start`` return when what was published is handled, or ``stop_timeout`` is over. It does not wait.

        Before the first ``start``, it has that return as soon as it can.
        """
        with self._lock:
            if self._running is not None:
                self._running.ask_to_stop()
            elif not self._ran:
                self._early = True

    def _serve(self) -> None:
        running = Running(self._options, self._subscriptions, [*self._websockets], self._outbox)
        self._thread = threading.get_ident()
        with self._lock:
            self._running = running
            early, self._early, self._ran = self._early, False, True
        try:
            with _signals(running):
                self._serve_with(running, early)
        finally:
            with self._lock:
                self._running = None

    @staticmethod
    def _serve_with(running: Running, early: bool) -> None:
        try:
            running.start()
            if not early:
                running.wait()
        finally:
            running.stop()

    def _patience(self) -> Patience:
        if threading.get_ident() == self._thread:
            return Patience.NOTHING
        # The dispatcher calls the thread of a subscriber by its full name.
        thread = threading.current_thread().name
        own = any(thread == f"{one.kind}:{one.name}" for one in self._subscriptions)
        return Patience.DURABLE if own else Patience.HANDLED


@contextmanager
def _alone() -> Iterator[None]:
    if not _hub.acquire(blocking=False):
        raise RuntimeError("an event loop runs in this process already, and there can be one at a time")
    try:
        yield
    finally:
        _hub.release()


@contextmanager
def _signals(running: Running) -> Iterator[None]:
    """SIGINT and SIGTERM end it; the second one does not wait for what is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def asked() -> None:
        (running.hurry if running.asked else running.ask_to_stop)()

    signals = green.Signals({signal.SIGINT: asked, signal.SIGTERM: asked})
    try:
        yield
    finally:
        signals.close()
