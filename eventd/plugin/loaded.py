"""A plugin that was found, imported and checked; what is wrong with one that was not.

The checks of each kind stand here, the walk over the installed packages is in
``registry``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from eventd.config.options import PluginOptions
from eventd.config.plugin_config import NoConfig, plugin_config
from eventd.config.settings import section_named
from eventd.errors import PluginError
from eventd.event import Event
from eventd.plugin.contract import Emitter, Handler, Logger, Source, State, StateDirectory, Stop, Webhook
from eventd.plugin.inject import Injector, name_of
from eventd.routing import valid_pattern

__all__ = ["OFFERS", "Loaded", "check_event_type", "check_handler", "check_service", "check_source", "event_types"]

#: The ways to run a webhook, and a handler or an event type.
_IN_DAEMON = ("green", "thread")
_ANYWHERE = (*_IN_DAEMON, "process")

#: Where a source runs unless its section says so: sources wait for things, and most block while they do.
SOURCES_RUN = "thread"

#: What a plugin of each kind can have injected beside its ``Config`` and services.
OFFERS: dict[str, tuple[Any, ...]] = {
    "event_type": (Logger, StateDirectory, Emitter, State),
    "handler": (Logger, StateDirectory, Emitter, State),
    "source": (Logger, StateDirectory, Stop),
    "webhook": (Logger, StateDirectory),
    "service": (Logger, StateDirectory),
}


class Loaded(msgspec.Struct, kw_only=True):
    """A plugin that passed its checks; nothing of it runs yet.

    ``name`` is its entry's name, ``kind`` one of ``event_type``, ``handler``,
    ``source``, ``webhook`` and ``service``. ``subject`` is the class, or a service's
    factory; ``types`` the patterns of types that it gets.
    """

    kind: str
    name: str
    options: PluginOptions
    subject: Any = None
    config: msgspec.Struct = msgspec.field(default_factory=NoConfig)
    package: str = ""
    version: str = ""
    #: ``module:attribute``, as the package registered it.
    value: str = ""
    types: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """How it is called in logs, metrics and the journal: ``handler:archive``."""
        return f"{self.kind}:{self.name}"

    @property
    def run(self) -> str:
        """Where its code runs: as its section says, or as it declares itself."""
        # What a source calls ``run`` is its work.
        declared = SOURCES_RUN if self.kind == "source" else getattr(self.subject, "run", "green")
        return self.options.run or str(declared)

    @property
    def summary(self) -> str:
        """The first line of what its author says about it, without the marks for code."""
        return (inspect.getdoc(self.subject) or "").partition("\n")[0].replace("``", "")

    def own(self) -> list[Any]:
        """What it can have injected that no other plugin can."""
        return [config_of(self.subject), *OFFERS[self.kind]]


def config_of(subject: Any) -> type[msgspec.Struct]:
    """The ``Config`` that a plugin declares.

    :raises PluginError: when it is not a ``msgspec.Struct``.
    """
    declared = getattr(subject, "Config", NoConfig)
    if not (isinstance(declared, type) and issubclass(declared, msgspec.Struct)):
        raise PluginError(f"{name_of(subject)}.Config is not a msgspec.Struct")
    return declared


def convert(subject: Any, options: PluginOptions) -> msgspec.Struct:
    """The plugin's ``Config``, of the keys of its section.

    :raises PluginError: when the class cannot be converted to. :raises ConfigurationError: when the keys do not fit.
    """
    declared = config_of(subject)
    section = section_named(options.kind)
    common = {setting.key for setting in section.settings} if section is not None else set()
    if shadowed := common.intersection(declared.__struct_fields__):
        raise PluginError(
            f"{name_of(declared)} has a field {min(shadowed)}, which is a setting of every {options.kind}",
            hint="give the field another name",
        )
    try:
        return plugin_config(options.own, declared)
    except (TypeError, NotImplementedError) as error:
        raise PluginError(f"{name_of(declared)} has a field that no text can fill: {error}") from None


def event_types(subject: Any) -> list[type[Event]]:
    """The event types of one entry: a class, or a sequence of classes.

    :raises PluginError: when it is neither.
    """
    found = list(subject) if isinstance(subject, Sequence) and not isinstance(subject, str) else [subject]
    for one in found:
        _subclass(one, Event)
    return found


def check_event_type(loaded: Loaded, injector: Injector) -> None:
    """See that an event type has a name, a schema that is one, and an ``execute`` that can be called.

    :raises PluginError: when it has not.
    """
    cls = loaded.subject
    if not isinstance(cls.type, str) or not valid_pattern(cls.type) or set(cls.type.split(".")) & {"*", ">"}:
        raise PluginError(
            f"{name_of(cls)}.type is {cls.type!r}" if isinstance(cls.type, str) else f"{name_of(cls)} has no type",
            hint='give it the name of its type, such as type = "com.example.reading"',
        )
    data = getattr(cls, "Data", None)
    if data is not None and not (isinstance(data, type) and issubclass(data, msgspec.Struct)):
        raise PluginError(f"{name_of(cls)}.Data is not a msgspec.Struct")
    loaded.types = (cls.type,)
    if hasattr(cls, "execute"):
        injector.check(cls, cls.execute, 1, loaded.own())
        _importable(loaded)


def check_handler(loaded: Loaded, injector: Injector) -> None:
    """See that a handler names patterns, can be built, and handles.

    :raises PluginError: when it does not.
    """
    cls = loaded.subject
    _subclass(cls, Handler)
    if isinstance(cls.types, str) or not cls.types:
        raise PluginError(f"{name_of(cls)}.types is no tuple of patterns", hint='such as types = ("com.example.>",)')
    for pattern in cls.types:
        if not isinstance(pattern, str) or not valid_pattern(pattern):
            raise PluginError(f"{name_of(cls)}.types has {pattern!r}, which is not a pattern")
    loaded.types = tuple(cls.types)
    _overrides(cls, Handler, "handle", 1)
    _runs(cls.run, cls, _ANYWHERE)
    _importable(loaded)
    _constructor(loaded, injector)


def check_source(loaded: Loaded, injector: Injector) -> None:
    """See that a source runs or a webhook receives, and that it can be built; tells the two apart.

    :raises PluginError: when it is neither.
    """
    cls = loaded.subject
    if isinstance(cls, type) and issubclass(cls, Webhook):
        loaded.kind = "webhook"
        if not isinstance(cls.path, str) or not cls.path.startswith("/"):
            raise PluginError(f"{name_of(cls)}.path is {cls.path!r}", hint='such as path = "/hooks/example"')
        _overrides(cls, Webhook, "receive", 2)
        _runs(cls.run, cls, _IN_DAEMON)
    else:
        _subclass(cls, Source)
        _overrides(cls, Source, "run", 1)
    _constructor(loaded, injector)


def check_service(loaded: Loaded, injector: Injector) -> Any:
    """See that a service can be built; returns the type under which it is injected.

    :raises PluginError: when it cannot, or has no type.
    """
    subject = loaded.subject
    if not callable(subject):
        raise PluginError(f"{name_of(subject)} is neither a class nor a function that makes a service")
    _constructor(loaded, injector)
    if isinstance(subject, type):
        return subject
    made = inspect.signature(subject, eval_str=True).return_annotation
    if made in (inspect.Signature.empty, None):
        raise PluginError(f"{name_of(subject)} does not say what it makes", hint="annotate what it returns")
    return made


def _constructor(loaded: Loaded, injector: Injector) -> None:
    function, given, owner = constructor(loaded.subject)
    injector.check(owner, function, given, loaded.own())


def constructor(subject: Any) -> tuple[Callable[..., Any], int, type | None]:
    """The function that builds ``subject``, how many parameters it has filled, and its class."""
    if not isinstance(subject, type):
        return subject, 0, None
    function = inspect.getattr_static(subject, "__init__")
    if function is object.__init__:
        return _plain, 0, subject
    return function, 1, subject


def _plain() -> None:
    """Stands for a constructor that a class does not have."""


def _subclass(subject: Any, base: type) -> None:
    if not (isinstance(subject, type) and issubclass(subject, base)) or subject is base:
        raise PluginError(f"{name_of(subject)} is not a subclass of eventd.{base.__name__}")


def _overrides(cls: type, base: type, method: str, arguments: int) -> None:
    function = getattr(cls, method)
    if function is getattr(base, method):
        raise PluginError(f"{name_of(cls)} has no {method}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise PluginError(f"{name_of(function)} is a coroutine or a generator", hint="eventd calls plain functions")
    try:
        inspect.signature(function).bind(*range(arguments + 1))
    except TypeError as error:
        raise PluginError(f"{name_of(function)} cannot be called with {arguments} arguments: {error}") from None


def _runs(run: object, cls: type, ways: Sequence[str]) -> None:
    if run not in ways:
        raise PluginError(f"{name_of(cls)}.run is {run!r}", hint=f"one of {', '.join(ways)}")


def _importable(loaded: Loaded) -> None:
    if loaded.run == "process" and not loaded.value:
        raise PluginError(
            f"{name_of(loaded.subject)} cannot run in a process of its own, which has to import it",
            hint="put it on the top level of a module, or run it in a thread",
        )
