"""The plugin of a consumer: built, started, run and stopped where its section says."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

from eventd.calls.collector import Collector, source_of
from eventd.calls.executing import executing
from eventd.calls.keys import key_of
from eventd.calls.state import StateView, Store
from eventd.calls.traces import Traces
from eventd.dispatch.calling import Place, TimedOut
from eventd.dispatch.retry import Policy
from eventd.dispatch.runner import Calls, Runner
from eventd.event import Batch, Draft
from eventd.green import Bridge
from eventd.plugin.build import bind, prepare, wants
from eventd.plugin.contract import Emitter, Handler, State
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry

__all__ = ["Observe", "Work"]

log = logging.getLogger(__name__)

#: Told the name of a consumer and the seconds of one call.
Observe = Callable[[str, float], None]

#: Threads of one plugin that may hang: with as many, it is not started again before one of them ends.
MOST_HANGING = 3


class Work:
    """A handler, or the ``execute`` of an event type, ready to be called with batches.

    :param store: what is committed of its state.
    """

    def __init__(self, loaded: Loaded, registry: Registry, bridge: Bridge, store: Store, observe: Observe) -> None:
        options = loaded.options
        self.loaded = loaded
        self.policy = Policy(options.attempts, options.retry_first, options.retry_most, options.poison_limit)
        self.key = key_of(options.order_by)
        #: Takes out what does not go into the journal, of what was emitted.
        self.sift: Callable[[list[Draft]], list[Draft]] = list
        self._registry = registry
        self._bridge = bridge
        self._collector = self._new_collector()
        #: What it keeps; ``None`` where it does not ask for a state.
        self.state: StateView | None = StateView(store) if wants(loaded, State) else None
        self._observe = observe
        #: Where it is called.
        self.place = Place(loaded.run, loaded.full_name, bridge, options.on_stall, options.timeout)
        self._hanging: list[Place] = []
        self._handler: Handler | None = None

    @property
    def workers(self) -> tuple[int, int]:
        """How many worker processes run, and how many were started in the place of others: there are none."""
        return 0, 0

    @property
    def deaths(self) -> int:
        """Workers that died since one did its work."""
        return 0

    @property
    def quiet(self) -> float:
        """Seconds since the last of them died."""
        return math.inf

    @property
    def hanging(self) -> int:
        """How many of its calls hang in threads that were given up."""
        self._hanging = [place for place in self._hanging if not place.ended]
        return len(self._hanging)

    @property
    def stuck(self) -> bool:
        """Whether so many of its calls hang that there is to be no other one."""
        return self.hanging >= MOST_HANGING

    def start(self) -> Calls | None:
        """Build and start the plugin; ``None``, and the log says why, where it cannot be started now."""
        name = self.loaded.full_name
        try:
            work = self._event_type() if self.loaded.kind == "event_type" else self._started_handler()
        except Exception:
            log.exception("%s cannot be started", name)
            return None
        return Runner(work, self.place, self._traces(), lambda seconds: self._observe(name, seconds))

    def abandon(self, error: TimedOut) -> None:
        """Give up a call that hangs, and its thread; what is started next is another instance, which knows nothing."""
        self.place.abandon()
        self._hanging.append(self.place)
        onward = "" if self.stuck else ", and a new instance goes on"
        log.error("%s: a call hangs: %s; its thread is given up%s", self.loaded.full_name, error, onward)
        self._handler = None
        self._collector.close()
        self._collector = self._new_collector()
        self.state = self.state.successor() if self.state is not None else None
        self.place = self.place.successor()

    def stop(self) -> None:
        """Stop the plugin, if it was started, and its thread."""
        handler, self._handler = self._handler, None
        try:
            if handler is not None:
                self.place.call(handler.stop)
        except Exception:
            log.exception("%s failed while it was stopped", self.loaded.full_name)
        self.place.close()

    def close(self) -> None:
        """Let go of what is left when the consumer is over, also where it was killed."""

    def _event_type(self) -> Callable[[Batch], None]:
        registry = self._registry
        execute = bind(self.loaded, registry.injector, registry.configuration, self._extra())
        return executing(execute, self._traces(), self.place.breathe, self.key)

    def _started_handler(self) -> Callable[[Batch], None]:
        registry = self._registry
        make = prepare(self.loaded, registry.injector, registry.configuration, self._extra())
        handler: Handler = self.place.call(make)
        self.place.call(handler.start)
        self._handler = handler
        return handler.handle

    def _extra(self) -> dict[Any, object]:
        return {Emitter: self._collector, State: self.state}

    def _new_collector(self) -> Collector:
        registry = self._registry
        return Collector(source_of(registry.configuration.eventd.node, self.loaded.full_name), registry.schemas)

    def _traces(self) -> Traces:
        return Traces(self._collector, self.state)
