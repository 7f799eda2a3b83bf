"""Finds plugins: which are installed, which are wanted, which can be used.

An entry point's name is looked at before anything is imported: a plugin that is
disabled is never loaded. One that cannot be loaded is kept in ``failed`` with the
reason, and the others are loaded all the same.

The registry builds and runs nothing: that is the dispatcher's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from itertools import dropwhile
from traceback import extract_tb
from typing import Any

import msgspec

from eventd.config.nearest import did_you_mean
from eventd.config.options import Configuration
from eventd.errors import EventdError, Fault, PluginError
from eventd.event import Event
from eventd.plugin.build import build
from eventd.plugin.inject import Injector
from eventd.plugin.loaded import (
    Loaded,
    check_event_type,
    check_handler,
    check_service,
    check_source,
    convert,
    event_types,
)

__all__ = ["GROUPS", "Registry"]

#: Where Python's own frames of an import say that they are.
_IMPORTING = "<frozen importlib"

#: Entry-point group → kind. Services come first, since the others may want them.
GROUPS = {
    "eventd.services": "service",
    "eventd.event_types": "event_type",
    "eventd.handlers": "handler",
    "eventd.sources": "source",
}


class Registry:
    """The plugins of this daemon, by kind and name."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.injector = Injector()
        self.services: dict[str, Loaded] = {}
        self.event_types: dict[str, Loaded] = {}
        self.handlers: dict[str, Loaded] = {}
        self.sources: dict[str, Loaded] = {}
        self.webhooks: dict[str, Loaded] = {}
        #: What could not be used: ``(kind:name, why)``.
        self.failed: list[tuple[str, PluginError]] = []
        #: Names of installed plugins that the configuration turns off.
        self.disabled: list[str] = []
        #: The event class of each declared type, and the payload's type where it declares one.
        self.types: dict[str, type[Event]] = {}
        self.schemas: dict[str, type] = {}
        self._seen: set[tuple[str, str]] = set()

    @classmethod
    def load(cls, configuration: Configuration, entries: Iterable[EntryPoint] | None = None) -> Registry:
        """Find, import and check what is installed and enabled; ``failed`` tells what is wrong."""
        registry = cls(configuration)
        found = _installed() if entries is None else list(entries)
        for entry in sorted(found, key=lambda entry: (list(GROUPS).index(entry.group), entry.name)):
            registry.load_entry(entry)
        registry.tell_missing()
        return registry

    def load_entry(self, entry: EntryPoint) -> None:
        """Import and check one entry point, unless its section disables it."""
        kind = GROUPS[entry.group]
        options = self.configuration.plugin(kind, entry.name)
        if not options.enabled:
            self.disabled.append(f"{kind}:{entry.name}")
            self._seen.add((kind, entry.name))
            return
        package = entry.dist.name if entry.dist else ""
        version = entry.dist.version if entry.dist else ""
        with self._telling(kind, entry.name, package):
            self._claim(kind, entry.name)
            self._keep(
                entry.load(),
                Loaded(
                    kind=kind, name=entry.name, options=options, package=package, version=version, value=entry.value
                ),
            )

    def add(self, kind: str, name: str, subject: Any) -> None:
        """Check and keep a plugin that the program has at hand, as if an entry point had named it."""
        with self._telling(kind, name):
            self._claim(kind, name)
            options = self.configuration.plugin(kind, name)
            self._keep(subject, Loaded(kind=kind, name=name, options=options, value=_import_path(subject)))

    def tell_missing(self) -> None:
        """Put sections for which no plugin is installed among the failures, with the nearest name."""
        for (kind, name), options in self.configuration.plugins.items():
            if options.enabled and (kind, name) not in self._seen:
                known = [other for of_kind, other in self._seen if of_kind == kind]
                place = options.own.place
                where = str(Fault("no installed package registers it", place.file, place.line))
                with self._telling(kind, name):
                    raise PluginError(where + did_you_mean(name, known))

    @property
    def loaded(self) -> list[Loaded]:
        """All that can be used, in the order of their kinds and names."""
        groups = (self.services, self.event_types, self.handlers, self.sources, self.webhooks)
        return [loaded for group in groups for loaded in group.values()]

    @property
    def volatile(self) -> frozenset[str]:
        """The types whose events skip the journal."""
        return frozenset(loaded.types[0] for loaded in self.event_types.values() if not loaded.options.durable)

    def _claim(self, kind: str, name: str) -> None:
        if (kind, name) in self._seen:
            raise PluginError("it is registered a second time")
        self._seen.add((kind, name))

    def _keep(self, subject: Any, loaded: Loaded) -> None:
        """Check what an entry names, and each class apart where it names several."""
        loaded.config = convert(subject, loaded.options)
        if loaded.kind != "event_type":
            return self._keep_one(subject, loaded)
        subjects = event_types(subject)
        for one in subjects:
            name = loaded.name if one is subject else f"{loaded.name}/{one.type}"
            with self._telling(loaded.kind, name, loaded.package):
                self._keep_one(one, msgspec.structs.replace(loaded, name=name))
        return None

    def _keep_one(self, subject: Any, loaded: Loaded) -> None:
        loaded.subject = subject
        check, kept = {
            "service": (self._check_service, self.services),
            "event_type": (self._check_event_type, self.event_types),
            "handler": (check_handler, self.handlers),
            "source": (self._check_source, self.sources),
        }[loaded.kind]
        check(loaded, self.injector)
        (self.webhooks if loaded.kind == "webhook" else kept)[loaded.name] = loaded

    def _check_service(self, loaded: Loaded, injector: Injector) -> None:
        service = check_service(loaded, injector)
        injector.register(service, lambda: build(loaded, injector, self.configuration, {}))

    def _check_event_type(self, loaded: Loaded, injector: Injector) -> None:
        check_event_type(loaded, injector)
        cls = loaded.subject
        if cls.type in self.types:
            raise PluginError(f"the type {cls.type} is declared by {self.types[cls.type].__qualname__} already")
        self.types[cls.type] = cls
        if hasattr(cls, "Data"):
            self.schemas[cls.type] = cls.Data

    def _check_source(self, loaded: Loaded, injector: Injector) -> None:
        check_source(loaded, injector)
        taken = {webhook.subject.path: webhook.name for webhook in self.webhooks.values()}
        if loaded.kind == "webhook" and loaded.subject.path in taken:
            raise PluginError(f"the path {loaded.subject.path} is taken by {taken[loaded.subject.path]}")

    @contextmanager
    def _telling(self, kind: str, name: str, package: str = "") -> Iterator[None]:
        """Keep what is wrong with one plugin among the failures, and go on with the others."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except EventdError as error:
            self._fail(kind, name, package, error.message, error)
        except BaseException as error:  # noqa: BLE001 - an author's module may raise anything, SystemExit too
            self._fail(kind, name, package, f"{type(error).__name__}: {error}{_line_of(error)}", error)

    def _fail(self, kind: str, name: str, package: str, message: str, cause: BaseException) -> None:
        origin = f" of {package}" if package else ""
        failure = PluginError(f"{kind}:{name}{origin}: {message}", hint=getattr(cause, "hint", None))
        failure.__cause__ = cause
        self.failed.append((f"{kind}:{name}", failure))


def _import_path(subject: Any) -> str:
    """How another process imports it, ``module:attribute``; empty where it cannot."""
    module, name = getattr(subject, "__module__", ""), getattr(subject, "__qualname__", "<")
    return "" if not module or module == "__main__" or "<" in name else f"{module}:{name}"


def _line_of(error: BaseException) -> str:
    """Where a module failed while it was imported; its author need not see our frames for that."""
    frames = dropwhile(lambda frame: not frame.filename.startswith(_IMPORTING), extract_tb(error.__traceback__))
    lines = [f" ({frame.filename}:{frame.lineno})" for frame in frames if not frame.filename.startswith(_IMPORTING)]
    return lines[-1] if lines else ""


def _installed() -> list[EntryPoint]:
    return [entry for group in GROUPS for entry in entry_points(group=group)]
