"""The plugin of a consumer, in worker processes."""

from __future__ import annotations

import logging
import os
import pickle

import msgspec

from eventd.config.options import Configuration
from eventd.dispatch.crew import Crew
from eventd.dispatch.runner import Calls
from eventd.dispatch.shared import Pages, SharedState
from eventd.dispatch.work import Observe, Work
from eventd.green import Bridge
from eventd.plugin.loaded import Loaded
from eventd.plugin.registry import GROUPS, Registry
from eventd.worker.task import Task

__all__ = ["OutsideWork"]

log = logging.getLogger(__name__)

_GROUP_OF = {kind: group for group, kind in GROUPS.items()}


class OutsideWork(Work):
    """Like ``Work``, but nothing of the plugin runs in the daemon."""

    def __init__(self, loaded: Loaded, registry: Registry, bridge: Bridge, store: Pages, observe: Observe) -> None:
        super().__init__(loaded, registry, bridge, store, observe)
        shared = None if self.state is None else SharedState(store)
        self.state = shared
        self._crew = Crew(
            loaded, bridge, self._task, shared, self.key, lambda seconds: observe(loaded.full_name, seconds)
        )

    @property
    def workers(self) -> tuple[int, int]:
        """How many workers run, and how many were started in the place of others."""
        return self._crew.running, self._crew.restarts

    @property
    def deaths(self) -> int:
        """Workers that died since one did its work."""
        return self._crew.deaths

    @property
    def quiet(self) -> float:
        """Seconds since the last of them died."""
        return self._crew.quiet

    def start(self) -> Calls | None:
        """Start the workers that do not run; ``None``, and the log says why, where they cannot be started now."""
        try:
            self._crew.start()
        except Exception:
            # Whatever it is, it concerns this plugin, and it is tried again.
            log.exception("%s cannot be started", self.loaded.full_name)
            return None
        return self._crew

    def stop(self) -> None:
        """Stop the plugin in its workers, and end them."""
        self._crew.stop()

    def close(self) -> None:
        """End the workers that a consumer which was killed has left."""
        self._crew.close()

    def _task(self) -> bytes:
        loaded, registry = self.loaded, self._registry
        task = Task(
            kind=loaded.kind,
            name=loaded.name,
            configuration=_what_concerns(registry, loaded),
            entries=_entries(registry, loaded),
            parent=os.getpid(),
            memory_limit=loaded.options.memory_limit,
            log_level=logging.getLogger().getEffectiveLevel(),
            shared=loaded.options.workers > 1,
        )
        return pickle.dumps(task)


def _needed(registry: Registry, loaded: Loaded) -> list[Loaded]:
    """The plugin itself, the services that it may want, and the event types that it gets and emits."""
    return [loaded, *registry.services.values(), *registry.event_types.values()]


def _entries(registry: Registry, loaded: Loaded) -> list[tuple[str, str, str]]:
    named = [one for one in _needed(registry, loaded) if one.value]
    return sorted({(_GROUP_OF[one.kind], _entry_name(one), one.value) for one in named})


def _entry_name(loaded: Loaded) -> str:
    """The name of the entry; one that names several event types has them as ``name/type``."""
    return loaded.name.removesuffix(f"/{loaded.types[0]}") if loaded.kind == "event_type" else loaded.name


def _what_concerns(registry: Registry, loaded: Loaded) -> Configuration:
    """The configuration without what is others': there may be secrets in it."""
    sections = {(one.kind, _entry_name(one)) for one in _needed(registry, loaded)}
    configuration = registry.configuration
    plugins = {key: options for key, options in configuration.plugins.items() if key in sections}
    return msgspec.structs.replace(configuration, plugins=plugins, listeners={})
