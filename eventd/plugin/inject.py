"""Injection: what a plugin's parameters are annotated with is what they get.

Annotations are read when a plugin is registered, so that one nobody can serve is told
then; values are looked up once when the plugin starts, so that a call of ``execute``
costs nothing more than its arguments.

Which plugins there are, and when they start, is not known here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, get_type_hints

import svcs

from eventd.errors import PluginError

__all__ = ["Injector", "Wish", "name_of", "wishes"]

#: Parameters that one argument each is put in for.
SINGLE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Wish(NamedTuple):
    """A parameter, what it is annotated with, and whether it can do without."""

    parameter: str
    wanted: Any
    optional: bool


def name_of(thing: Any) -> str:
    """How a class, a function or an annotation is called in messages."""
    return getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None) or repr(thing)


def wishes(owner: type | None, function: Callable[..., Any], given: int) -> list[Wish]:
    """What ``function`` wants behind its first ``given`` parameters.

    :param owner: the class in whose body it stands; its nested classes can be named bare.
    :raises PluginError: naming the parameter that is not annotated, or whose annotation names nothing.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{name_of(function)} cannot be called: {error}") from None
    parameters = [parameter for parameter in signature.parameters.values() if parameter.kind in SINGLE]
    return [_wish(owner, function, parameter) for parameter in parameters[given:]]


def _wish(owner: type | None, function: Callable[..., Any], parameter: inspect.Parameter) -> Wish:
    optional = parameter.default is not inspect.Parameter.empty
    where = f"the parameter {parameter.name!r} of {name_of(function)}"
    if parameter.annotation is inspect.Parameter.empty:
        if optional:
            return Wish(parameter.name, None, optional)
        raise PluginError(f"{where} has no annotation", hint="annotate it with what it is to get")
    try:
        wanted = _resolve(owner, function, parameter.annotation)
    except Exception as error:  # noqa: BLE001 - evaluating an author's annotation can raise anything
        if optional:
            return Wish(parameter.name, None, optional)
        raise PluginError(
            f"{where} has an annotation that cannot be read: {error}",
            hint="names imported under TYPE_CHECKING do not exist when eventd looks",
        ) from None
    return Wish(parameter.name, wanted, optional)


def _resolve(owner: type | None, function: Callable[..., Any], annotation: Any) -> Any:
    holder = SimpleNamespace(__annotations__={"it": annotation})
    return get_type_hints(holder, getattr(function, "__globals__", {}), _nested(owner))["it"]


def _nested(owner: type | None) -> dict[str, Any]:
    """The classes in the body of ``owner`` and of its bases, nearest first."""
    found: dict[str, Any] = {}
    for base in reversed(owner.__mro__ if owner else ()):
        found |= {name: value for name, value in vars(base).items() if isinstance(value, type)}
    return found


class Injector:
    """Knows the services, and fills parameters from them and from what a plugin has of its own."""

    def __init__(self) -> None:
        self._registry = svcs.Registry()
        self._container = svcs.Container(self._registry)
        self._known: set[Any] = set()
        self._building: list[str] = []

    def register(self, service: Any, make: Callable[[], object]) -> None:
        """Offer what ``make`` returns to whoever is annotated with ``service``; made once, when first wanted.

        :raises PluginError: when it is offered already.
        """
        if service in self._known:
            raise PluginError(f"the service {name_of(service)} is registered twice")
        self._known.add(service)
        self._registry.register_factory(service, self._factory(name_of(service), make), enter=True)

    def check(self, owner: type | None, function: Callable[..., Any], given: int, own: Collection[Any]) -> None:
        """See that each parameter can be served, by ``own`` or by a service.

        :raises PluginError: naming the function and the parameter that cannot.
        """
        for wish in wishes(owner, function, given):
            if not wish.optional and wish.wanted not in own and wish.wanted not in self._known:
                raise PluginError(
                    f"the parameter {wish.parameter!r} of {name_of(function)} wants {name_of(wish.wanted)}, "
                    "which nobody provides",
                    hint=f"it can have {', '.join(sorted(map(name_of, [*own, *self._known])))}",
                )

    def arguments(
        self, owner: type | None, function: Callable[..., Any], given: int, own: Mapping[Any, object]
    ) -> dict[str, Any]:
        """What to call ``function`` with, by name of the parameter.

        :raises PluginError: when a service cannot be made, or wants itself.
        """
        found = {}
        for wish in wishes(owner, function, given):
            if wish.wanted in own:
                found[wish.parameter] = own[wish.wanted]
            elif wish.wanted in self._known:
                found[wish.parameter] = self._container.get(wish.wanted)
        return found

    def close(self) -> None:
        """Stop the services that were made, the last one first."""
        self._container.close()

    def _factory(self, name: str, make: Callable[[], object]) -> Callable[[], Iterator[object]]:
        def running() -> Iterator[object]:
            service = self._made(name, make)
            getattr(service, "start", _nothing)()
            yield service
            getattr(service, "stop", _nothing)()

        return running

    def _made(self, name: str, make: Callable[[], object]) -> object:
        if name in self._building:
            raise PluginError(f"services want each other: {' → '.join([*self._building, name])}")
        self._building.append(name)
        try:
            return make()
        finally:
            self._building.pop()


def _nothing() -> None:
    """Stands where a service has no ``start`` or ``stop``."""
