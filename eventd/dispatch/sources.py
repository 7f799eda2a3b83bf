"""Runs the sources: each in a native thread or on the hub, and again when it ends by itself."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

import msgspec

from eventd.calls.collector import source_of
from eventd.dispatch.calling import Place
from eventd.dispatch.emitter import Deliver, DoorEmitter
from eventd.dispatch.retry import Policy
from eventd.errors import Stopping
from eventd.green import Bridge, Group, Signal
from eventd.plugin.build import prepare
from eventd.plugin.contract import Source, Stop
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry

__all__ = ["SourceStatus", "Sources"]

log = logging.getLogger(__name__)

#: A source that ran this many times its longest pause was well: its next failure is its first again.
WELL_FOR = 2.0


class SourceStatus(msgspec.Struct):
    """A source at one instant."""

    name: str
    emitted: int
    restarts: int
    state: str


class _Running:
    """One source, started again and again until told to stop."""

    def __init__(self, loaded: Loaded, registry: Registry, deliver: Deliver, bridge: Bridge) -> None:
        options = loaded.options
        self.name = loaded.name
        self.state = "starting"
        self.restarts = 0
        self._loaded = loaded
        self._registry = registry
        self._bridge = bridge
        self._policy = Policy(0, options.retry_first, options.retry_most)
        # Its ``run`` is one call without end.
        self._place = Place(loaded.run, loaded.full_name, bridge, options.on_stall, math.inf)
        #: What the plugin sees, of the kind that fits where it runs; and what our own pauses wait on.
        self._stop: Stop = Signal() if self._place.green else threading.Event()
        self._stopped = Signal()
        self._source: Source | None = None
        self.emitter = DoorEmitter(
            source_of(registry.configuration.eventd.node, loaded.full_name), registry.schemas, deliver, self._stop
        )

    def run(self) -> None:
        """Run the source until told to stop, with growing pauses between failures."""
        attempts = 0
        while not self._stopped.is_set():
            began = time.monotonic()
            self._run_once()
            if self._stopped.is_set():
                break
            if self._place.disabled:
                self.state = "disabled"
                self._stopped.wait()
                break
            if time.monotonic() - began > WELL_FOR * self._policy.most:
                attempts = 0
            attempts += 1
            self.state = "failing"
            self._stopped.wait(self._policy.backoff(attempts))
            self.restarts += 1
        self._place.close()
        self.state = "stopped"

    def stop(self) -> None:
        """Tell the source to return."""
        self._stopped.set()
        self._stop.set()  # type: ignore[attr-defined]  # plugins only look at it
        if self._source is not None:
            try:
                (self._call_here if isinstance(self._stop, Signal) else self._bridge.call)(self._source.stop)
            except Exception:
                log.exception("source:%s failed while it was stopped", self.name)

    def _run_once(self) -> None:
        registry = self._registry
        if self._place.moved and isinstance(self._stop, Signal):
            self._stop = self.emitter.stop = threading.Event()
        try:
            make = prepare(self._loaded, registry.injector, registry.configuration, {Stop: self._stop})
            source: Source = self._place.call(make)
            self._source = source
            self.state = "running"
            self._place.call(source.run, self.emitter)
            if not self._stopped.is_set():
                log.warning("source:%s returned; it is started again", self.name)
        except Stopping:
            pass
        except Exception:
            log.exception("source:%s failed; it is started again", self.name)
        finally:
            self._source = None

    @staticmethod
    def _call_here(function: Callable[[], None]) -> None:
        function()


class Sources:
    """All sources of the daemon."""

    def __init__(self, registry: Registry, deliver: Deliver, bridge: Bridge) -> None:
        self._group = Group("sources")
        self._running = [_Running(loaded, registry, deliver, bridge) for loaded in registry.sources.values()]

    def start(self) -> None:
        """Start each source; returns at once."""
        for one in self._running:
            self._group.spawn(f"source:{one.name}", one.run)

    def stop(self, timeout: float) -> bool:
        """Tell all to return, and wait; whether all did in time."""
        for one in self._running:
            # Each on its own: one whose ``stop`` does not return holds up no other, and is broken off.
            self._group.spawn(f"stop source:{one.name}", one.stop)
        return self._group.stop(timeout)

    def status(self) -> list[SourceStatus]:
        """How each source is now."""
        return [SourceStatus(one.name, one.emitter.emitted, one.restarts, one.state) for one in self._running]
