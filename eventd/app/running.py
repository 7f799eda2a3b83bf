"""The parts of a loop, from its start to its end: built from the back, stopped from the front, on the hub.

    websockets                        (native threads)
    outbox ─► sender ─► journal ─► dispatcher ─► subscribers

It is the daemon's own delivery, without doors: what is not handled when it stops is handled
by the next one, where the journal stays.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Protocol

import msgspec

from eventd.app.giving_up import GivenUp, TellingJournal
from eventd.app.outbox import Outbox
from eventd.app.place import Limits, Place, Private
from eventd.app.sender import Sender
from eventd.app.subscription import Subscription, registry_of
from eventd.dispatch.dispatcher import Dispatcher
from eventd.dispatch.emitter import Submit
from eventd.green import Bridge, Group, Signal, Watchdog, Worker, hub, sleep
from eventd.journal import DeadLetter

__all__ = ["Connected", "OnError", "Options", "Running"]

log = logging.getLogger(__name__)

#: Told the name of a subscriber, and what it could not handle.
OnError = Callable[[str, GivenUp], object]

#: Seconds that each part gets to stop, also where those before it took all of ``stop_timeout``.
LEAST_SECONDS = 1.0
#: Seconds between two looks at whether everything is handled.
LOOK_AGAIN = 0.01
#: Where a subscriber has nothing to do but to wait, maybe for long.
WAITING = ("retrying", "failing", "stuck", "disabled")


class Options(msgspec.Struct, frozen=True):
    """What a manager gives to its loops."""

    journal: str | None
    limits: Limits
    buffer: int
    stop_timeout: float
    on_error: OnError | None


class Connected(Protocol):
    """What runs in native threads of its own beside the loop; a WebSocket."""

    def start(self) -> None:
        """Begin, and return."""

    def stop(self, timeout: float) -> bool:
        """End; whether it did in time."""


class Running:
    """One run of a loop; made, started and stopped by one green thread."""

    def __init__(
        self,
        options: Options,
        subscriptions: list[Subscription],
        connected: list[Connected],
        outbox: Outbox,
    ) -> None:
        self._options = options
        self._subscriptions = subscriptions
        self._connected = connected
        self._outbox = outbox
        self._after = ExitStack()
        self._deadline = 0.0
        self._asked = Signal()
        #: Whether all parts have started.
        self.started = False
        self._errors: Worker | None = None
        self._group = Group("loop")
        self._bridge = Bridge()
        self._after.callback(self._bridge.close)
        self.dispatcher: Dispatcher

    def start(self) -> None:
        """Open the journal, start the subscribers, and only then let events in.

        :raises EventdError: when the journal cannot be opened; ``stop`` is still to be called.
        """
        place = self._place()
        if self._options.on_error is not None:
            self._errors = self._bridge.thread("on_error")
            self._in_time(self._errors.stop)
        journal = TellingJournal(place.file, self._bridge, place.options, on_dead=self._given_up)
        journal.open()
        self._in_time(journal.close)
        registry = registry_of(self._subscriptions, str(place.directory))
        self.dispatcher = Dispatcher(journal, registry, hub(), self._bridge, _no_source)
        self._watch(registry.configuration.eventd.stall_limit)
        self._after.callback(self._tell_lost, place)
        self.dispatcher.start()
        self._in_time(self.dispatcher.stop)
        self._open(Sender(self._outbox, journal, lambda: journal.end - self.pending))
        self._after.callback(self._drain, place)
        self._connect()
        self.started = True

    def wait(self) -> None:
        """Wait until somebody asks it to stop."""
        self._asked.wait()

    def ask_to_stop(self) -> None:
        """Have ``wait`` return. From any thread."""
        self._bridge.post(self._asked.set)

    @property
    def asked(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked.is_set()

    def stop(self) -> None:
        """Finish what was published, or let the time run out, and stop all parts."""
        self._deadline = time.monotonic() + self._options.stop_timeout
        self._after.close()

    def hurry(self) -> None:
        """Let what is left be; on the hub."""
        self._asked.set()
        self._deadline = 0.0

    @property
    def pending(self) -> int:
        """Durable events that the slowest subscriber has still before it."""
        return max((status.pending for status in self.dispatcher.status()), default=0)

    def _place(self) -> Place:
        place = Private() if self._options.journal is None else Place(self._options.journal, self._options.limits)
        self._after.callback(place.close)
        return place

    def _open(self, sender: Sender) -> None:
        self._group.spawn("sender", sender.run)
        self._in_time(self._group.stop)
        self._after.callback(sender.stop)
        self._outbox.open(lambda: self._bridge.post(sender.look))

    def _connect(self) -> None:
        for one in self._connected:
            self._in_time(partial(self._bridge.call, one.stop))
            self._bridge.call(one.start)

    def _in_time(self, stop: Callable[[float], object]) -> None:
        """Have a part stopped within what is then left of ``stop_timeout``."""
        self._after.callback(lambda: stop(max(LEAST_SECONDS, self._deadline - time.monotonic())))

    def _drain(self, place: Place) -> None:
        """Wait until all that was published, and what that led to, is handled."""
        while (self._outbox.count or self._busy(place)) and time.monotonic() < self._deadline:
            sleep(LOOK_AGAIN)
        if lost := self._outbox.close():
            log.error("%d events are lost: the journal did not take them before the loop stopped", lost)

    def _busy(self, place: Place) -> bool:
        """Whether there is something to wait for; what waits for its next attempt has that after the next start."""
        return any(
            # What it emitted is nobody's before it is durable.
            consumer.unsaved or (consumer.status().pending and (place.passing or consumer.state not in WAITING))
            for consumer in self.dispatcher.consumers
        )

    def _tell_lost(self, place: Place) -> None:
        if place.passing and (left := self.pending):
            log.warning("%d events are not handled, and gone: they were in memory only", left)

    def _given_up(self, letter: DeadLetter) -> None:
        if self._errors is not None and self._options.on_error is not None:
            name = letter.consumer.partition(":")[2]
            self._errors.submit(self._options.on_error, name, GivenUp.of(letter))

    def _watch(self, limit: float) -> None:
        loop = hub()
        loop.stall_limit, loop.on_stall = limit, _stalled
        self._after.callback(setattr, loop, "on_stall", None)
        # Signals are the program's, so nothing is broken off.
        watchdog = Watchdog(loop, breaking=False)
        watchdog.start()
        self._after.callback(watchdog.stop)


def _stalled(label: str, seconds: float) -> None:
    log.warning("%s held the event loop for %.3f s", label, seconds)


def _no_source(*_args: object) -> None:
    """Nothing emits but subscribers: there is no door."""
    raise AssertionError("a loop has no sources")


_: Submit = _no_source
