"""Plugins behind a route of the http listeners: a request in, events in the journal, a response out.

The response leaves when everything that the plugin emitted is durable. The listener
gives requests and writes responses; sockets are not known here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from eventd.calls.collector import Collector, source_of
from eventd.dispatch.calling import HeldTooLong, Place
from eventd.dispatch.emitter import Deliver
from eventd.errors import ClientError, EventdError, PluginError, Unavailable
from eventd.formats.blocks import merge
from eventd.green import Bridge, Group
from eventd.plugin.build import prepare
from eventd.plugin.contract import Reject, Request, Response, Retry, Webhook
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import Registry

__all__ = ["Webhooks"]

log = logging.getLogger(__name__)


class _Hook:
    def __init__(self, loaded: Loaded, registry: Registry, deliver: Deliver, bridge: Bridge) -> None:
        self.path: str = loaded.subject.path
        self.name = loaded.full_name
        self._loaded = loaded
        self._registry = registry
        self._deliver = deliver
        options = loaded.options
        # Nobody goes on in the place of one that hangs.
        self._place = Place(options.run or loaded.subject.run, loaded.full_name, bridge, options.on_stall, math.inf)
        self._source = source_of(registry.configuration.eventd.node, loaded.full_name)
        self._plugin: Webhook | None = None

    def receive(self, request: Request) -> Response:
        """Answer one request; runs in the green thread of its connection.

        :raises EventdError: what the sender is to be told.
        """
        collector = Collector(self._source, self._registry.schemas)
        collector.open()
        response = self._received(request, collector)
        drafts = collector.close()
        for draft in merge(drafts, limit=sum(len(draft.body) for draft in drafts) + 1):
            self._deliver(draft)
        return Response(204) if response is None else response

    def start(self) -> None:
        """Build and start the plugin; where that fails now, the next request tries again."""
        try:
            self._started()
        except Exception:
            log.exception("%s cannot be started", self.name)

    def stop(self) -> None:
        """Stop the plugin."""
        plugin, self._plugin = self._plugin, None
        try:
            if plugin is not None:
                self._place.call(plugin.stop)
        except Exception:
            log.exception("%s failed while it was stopped", self.name)
        self._place.close()

    def _received(self, request: Request, collector: Collector) -> Response | None:
        if self._place.disabled:
            raise Unavailable(f"{self.name} is disabled", hint="the daemon's log says why")
        try:
            response = self._place.call(self._started().receive, request, collector)
        except EventdError:
            raise
        except Retry as error:
            raise Unavailable(str(error), retry_after=error.after) from error
        except Exception as error:
            if isinstance(error, Reject) and not isinstance(error, HeldTooLong):
                raise ClientError(str(error), reason="rejected") from error
            log.exception("%s failed", self.name)
            raise PluginError(f"{self.name} failed", hint="the daemon's log says why") from error
        if response is not None and not isinstance(response, Response):
            raise PluginError(f"{self.name} returned {type(response).__name__}, not a Response")
        return response

    def _started(self) -> Webhook:
        """The plugin, built where it is not yet."""
        if self._plugin is None:
            registry = self._registry
            make = prepare(self._loaded, registry.injector, registry.configuration, {})
            plugin: Webhook = self._place.call(make)
            self._place.call(plugin.start)
            self._plugin = plugin
        return self._plugin


class Webhooks:
    """All webhooks of the daemon."""

    def __init__(self, registry: Registry, deliver: Deliver, bridge: Bridge) -> None:
        self._group = Group("webhooks")
        self._hooks = [_Hook(loaded, registry, deliver, bridge) for loaded in registry.webhooks.values()]

    def routes(self) -> dict[str, Callable[[Request], Response]]:
        """What answers on which path."""
        return {hook.path: hook.receive for hook in self._hooks}

    def start(self) -> None:
        """Start each plugin, before the doors open."""
        for hook in self._hooks:
            hook.start()

    def stop(self, timeout: float) -> bool:
        """Stop each plugin; whether all were in time."""
        for hook in self._hooks:
            self._group.spawn(f"stop {hook.name}", hook.stop)
        return self._group.stop(timeout)
