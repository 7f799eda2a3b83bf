"""What can be subscribed to a loop, and what the dispatcher is given for it: a plugin and its settings.

A function becomes a handler that calls it with each event. Everything is checked as the
plugins of a daemon are, when it is subscribed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, TypedDict

from eventd.calls.executing import Behind, exit_of
from eventd.calls.keys import key_of
from eventd.config.options import Configuration
from eventd.config.reader import load
from eventd.dispatch.calling import Breath
from eventd.errors import ConfigurationError
from eventd.event import Batch, Event
from eventd.green import BrokenOff
from eventd.green.engine import GreenletExit
from eventd.plugin.contract import Handler
from eventd.plugin.inject import name_of
from eventd.plugin.registry import Registry

__all__ = ["Settings", "Subscription", "make", "registry_of"]

#: Where a function runs unless it is said otherwise: what programs do blocks now and then.
RUNS = "thread"

#: What a name can be: it stands in the journal, the log and the ``source`` of what is emitted.
_NAME = re.compile(r"[\w.-]+")


class Settings(TypedDict, total=False):
    """How events are handled, as in the section of a plugin: docs/configuration.md. Durations are seconds."""

    batch_size: int
    batch_wait: float
    order_by: str
    attempts: int
    retry_first: float
    retry_most: float
    timeout: float
    on_stall: str
    start: str


class Subscription(NamedTuple):
    """A plugin: the name under which it has its place in the journal, its class, and its settings as text."""

    kind: str
    name: str
    subject: type
    settings: dict[str, str]


def make(
    subject: Any, name: str | None, types: Iterable[str] | None, run: str | None, settings: Settings
) -> Subscription:
    """What is to be run for ``subject``: an event type, a handler's class or instance, or a function.

    :raises TypeError: when it is none of them, or a setting is not known. :raises ValueError: when the name cannot be.
    """
    if unknown := settings.keys() - Settings.__annotations__.keys():
        raise TypeError(f"{min(unknown)} is no setting of a subscription; {', '.join(Settings.__annotations__)} are")
    name = name or _name(subject)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, dots, - and _")
    texts = {key: str(value) for key, value in settings.items()}
    if run is not None:
        texts["run"] = run
    kind, plugin = _plugin(subject, types, run or RUNS, settings.get("order_by"))
    return Subscription(kind, name, plugin, texts)


def registry_of(subscriptions: Iterable[Subscription], directory: str) -> Registry:
    """All of them, checked.

    :raises PluginError: when one cannot be used. :raises ValueError: when a setting cannot be understood.
    """
    subscriptions = list(subscriptions)
    registry = Registry(_configuration(subscriptions, directory))
    for one in subscriptions:
        registry.add(one.kind, one.name, one.subject)
    for _, error in registry.failed:
        raise error
    return registry


def _configuration(subscriptions: list[Subscription], directory: str) -> Configuration:
    values = {"eventd.state_dir": directory}
    for one in subscriptions:
        values |= {f"{one.kind}:{one.name}.{key}": text for key, text in one.settings.items()}
    try:
        # A percent sign refers to another value.
        return load(overrides=[f"{key}={text.replace('%', '%%')}" for key, text in values.items()])
    except ConfigurationError as error:
        raise ValueError("; ".join(fault.message for fault in error.faults)) from None


def _plugin(subject: Any, types: Iterable[str] | None, run: str, order_by: str | None) -> tuple[str, type]:
    own = isinstance(subject, Handler | type)
    if own and types is not None:
        raise TypeError(f"{name_of(subject)} says itself which types it wants")
    if isinstance(subject, Handler):
        return "handler", _running(subject)
    if isinstance(subject, type) and issubclass(subject, Event):
        return "event_type", subject
    if isinstance(subject, type) and issubclass(subject, Handler):
        return "handler", subject
    if isinstance(subject, type) or not callable(subject):
        raise TypeError(
            f"{name_of(subject)} cannot be subscribed: an event type, a Handler, a function or a WebSocket can"
        )
    _check(subject)
    wanted = (">",) if types is None else (types,) if isinstance(types, str) else tuple(types)
    return "handler", _calling(subject, wanted, run, order_by)


def _name(subject: Any) -> str:
    """How it is called where it stands: ``Reading``, ``process_event``, ``Archive.add``."""
    named = getattr(subject, "func", subject)
    name: str = getattr(named, "__qualname__", None) or type(named).__qualname__
    return name.replace("<locals>.", "").replace("<lambda>", "lambda")


def _check(function: Callable[..., Any]) -> None:
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"{name_of(function)} is a coroutine or a generator; eventd calls plain functions")
    try:
        signature = inspect.signature(function)
    except ValueError:
        # Some functions of C do not say.
        return
    try:
        signature.bind(Event("any"))
    except TypeError as error:
        raise TypeError(f"{name_of(function)} cannot be called with an event: {error}") from None


def _running(handler: Handler) -> type[Handler]:
    """The class of a handler that is there already."""

    class Running(Handler):
        types = tuple(handler.types)
        run = handler.run

        def start(self) -> None:
            handler.start()

        def handle(self, batch: Batch) -> None:
            handler.handle(batch)

        def stop(self) -> None:
            handler.stop()

    return Running


def _calling(
    function: Callable[[Event], Any], wanted: tuple[str, ...], where: str, order_by: str | None
) -> type[Handler]:
    """The class of a handler that calls a function with each event; one that fails fails alone."""
    key = key_of(order_by)

    class Calling(Handler):
        types = wanted
        run = where

        def handle(self, batch: Batch) -> None:
            failed: set[Hashable] = set()
            breathe = Breath()
            for index, event in enumerate(batch):
                own = key(event) if key is not None else None
                if own in failed:
                    batch.fail(index, Behind())
                elif (error := _error_of(function, event)) is not None:
                    batch.fail(index, error)
                    if key is not None:
                        failed.add(own)
                breathe()

    return Calling


def _error_of(function: Callable[[Event], Any], event: Event) -> Exception | None:
    try:
        function(event)
    except Exception as error:  # noqa: BLE001 - whatever the function raises
        return error
    except (GreenletExit, BrokenOff):
        raise
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a function is a failure like any other
        return exit_of(error)
    return None
