"""Makes running things of loaded plugins: an instance, or a call with its arguments in place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eventd.config.options import Configuration
from eventd.errors import PluginError
from eventd.plugin.contract import Logger, StateDirectory
from eventd.plugin.inject import Injector, wishes
from eventd.plugin.loaded import Loaded, config_of, constructor

__all__ = ["bind", "build", "logger_of", "prepare", "wants"]


def logger_of(loaded: Loaded) -> Logger:
    """The logger that a plugin gets."""
    return logging.getLogger(f"eventd.{loaded.kind}.{loaded.name}")


def build(loaded: Loaded, injector: Injector, configuration: Configuration, extra: Mapping[Any, object]) -> Any:
    """An instance of a plugin, with what its constructor asks for.

    :raises PluginError: when something it asks for cannot be made.
    """
    return prepare(loaded, injector, configuration, extra)()


def prepare(
    loaded: Loaded, injector: Injector, configuration: Configuration, extra: Mapping[Any, object]
) -> Callable[[], Any]:
    """Look up what the constructor asks for; the callable only constructs, and may run in another thread.

    :raises PluginError: when something it asks for cannot be made.
    """
    function, given, owner = constructor(loaded.subject)
    own = _own(loaded, configuration, extra, [wish.wanted for wish in wishes(owner, function, given)])
    arguments = injector.arguments(owner, function, given, own)
    return lambda: loaded.subject(**arguments)


def bind(
    loaded: Loaded, injector: Injector, configuration: Configuration, extra: Mapping[Any, object]
) -> Callable[[Any], Any]:
    """The ``execute`` of an event type, called with an event and what else it asks for.

    :raises PluginError: when something it asks for cannot be made.
    """
    execute = loaded.subject.execute
    own = _own(loaded, configuration, extra, [wish.wanted for wish in wishes(loaded.subject, execute, 1)])
    arguments = injector.arguments(loaded.subject, execute, 1, own)
    if not arguments:
        return lambda event: event.execute()
    return lambda event: event.execute(**arguments)


def wants(loaded: Loaded, thing: Any) -> bool:
    """Whether a handler's constructor, or the ``execute`` of an event type, asks for ``thing``."""
    subject = loaded.subject
    function, given, owner = (
        (subject.execute, 1, subject) if loaded.kind == "event_type" else constructor(loaded.subject)
    )
    return any(wish.wanted is thing for wish in wishes(owner, function, given))


def _own(
    loaded: Loaded, configuration: Configuration, extra: Mapping[Any, object], wanted: list[Any]
) -> dict[Any, object]:
    found = {config_of(loaded.subject): loaded.config, Logger: logger_of(loaded), **extra}
    if StateDirectory in wanted:
        found[StateDirectory] = _directory(loaded, configuration)
    return found


def _directory(loaded: Loaded, configuration: Configuration) -> Path:
    path = Path(configuration.eventd.state_dir) / "plugins" / f"{loaded.kind}-{loaded.name.replace('/', '-')}"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PluginError(f"{loaded.full_name}: its directory {path} cannot be made: {error.strerror}") from error
    return path
