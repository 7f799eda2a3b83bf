"""The plugin of a consumer: built, started, run and stopped where its section says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from eventd.dispatch.emitter import Collector
from eventd.dispatch.retry import Policy
from eventd.dispatch.runner import Place, Runner, executing
from eventd.event import Batch
from eventd.green import Bridge
from eventd.plugin.build import bind, prepare
from eventd.plugin.contract import Emitter, Handler
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry

__all__ = ["Observe", "Work"]

log = logging.getLogger(__name__)

#: Told the name of a consumer and the seconds of one call.
Observe = Callable[[str, float], None]


class Work:
    """A handler, or the ``execute`` of an event type, ready to be called with batches."""

    def __init__(
        self, loaded: Loaded, registry: Registry, bridge: Bridge, collector: Collector, observe: Observe
    ) -> None:
        options = loaded.options
        self.loaded = loaded
        self.policy = Policy(options.attempts, options.retry_first, options.retry_most)
        self._registry = registry
        self._collector = collector
        self._observe = observe
        run = options.run or str(getattr(loaded.subject, "run", "green"))
        self._place = Place(run, loaded.full_name, bridge)
        self._handler: Handler | None = None

    def start(self) -> Runner | None:
        """Build and start the plugin; ``None``, and the log says why, where it cannot be started now."""
        name = self.loaded.full_name
        try:
            work = self._event_type() if self.loaded.kind == "event_type" else self._started_handler()
        except Exception:
            log.exception("%s cannot be started", name)
            return None
        return Runner(work, self._place, self._collector, lambda seconds: self._observe(name, seconds))

    def stop(self) -> None:
        """Stop the plugin, if it was started, and its thread."""
        handler, self._handler = self._handler, None
        try:
            if handler is not None:
                self._place.call(handler.stop)
        except Exception:
            log.exception("%s failed while it was stopped", self.loaded.full_name)
        self._place.close()

    def _event_type(self) -> Callable[[Batch], None]:
        registry = self._registry
        execute = bind(self.loaded, registry.injector, registry.configuration, self._extra())
        return executing(execute, self._collector, self._place)

    def _started_handler(self) -> Callable[[Batch], None]:
        registry = self._registry
        make = prepare(self.loaded, registry.injector, registry.configuration, self._extra())
        handler: Handler = self._place.call(make)
        self._place.call(handler.start)
        self._handler = handler
        return handler.handle

    def _extra(self) -> dict[Any, object]:
        return {Emitter: self._collector}
