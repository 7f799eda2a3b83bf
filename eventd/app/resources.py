"""What a WebSocket reads: names, the patterns of types that each stands for, and how far each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eventd.routing import valid_pattern

__all__ = ["Resource", "resources_of"]

ALL = ">"


class Resource:
    """A name, the patterns that it stands for, and where it is to be continued.

    :param durable: the name under which the daemon keeps its place; ``None`` where it does not.
    """

    def __init__(self, name: str, types: tuple[str, ...], start: str | int, durable: str | None = None) -> None:
        self.name = name
        self.types = types
        self.durable = durable
        #: Where the next subscription to it begins, and of which sequence of offsets that is.
        self.start = start
        self.epoch: str | int | None = None


def resources_of(resource: object, start: str | int, durable: str | None = None) -> list[Resource]:
    """The resources that were named: by a pattern, several of them, or a mapping from names to patterns.

    A name that is no pattern stands for all types. Where there are several, each has a durable name of its own.

    :raises TypeError: when it is none of these. :raises ValueError: when nothing or no pattern is named.
    """
    named = _named(resource)
    if not named:
        raise ValueError("name at least one resource")
    for name, types in named.items():
        if wrong := [type for type in types if not valid_pattern(type)]:
            raise ValueError(f"{name}: {wrong[0]!r} is no pattern: tokens between dots, * for one, > for the rest")
    return [
        Resource(name, types, start, f"{durable}/{name}" if durable and len(named) > 1 else durable)
        for name, types in named.items()
    ]


def _named(resource: object) -> dict[str, tuple[str, ...]]:
    if isinstance(resource, Mapping):
        return {name: _texts(types) for name, types in resource.items()}
    return {name: (name if valid_pattern(name) else ALL,) for name in _texts(resource)}


def _texts(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    texts = tuple(given) if isinstance(given, Iterable) else (given,)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{given!r} is neither a pattern nor several")
    return texts
