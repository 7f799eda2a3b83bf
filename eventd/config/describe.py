"""The settings that a plugin's ``Config`` declares, in the words of a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

__all__ = ["OwnSetting", "describe", "written_size"]

_NAMES = {bool: "yes or no", int: "number", float: "number", str: "text", Path: "path"}


class OwnSetting(msgspec.Struct, frozen=True):
    """One key: what it takes, and its default as a file would have it, or ``None`` where it must be set."""

    key: str
    type: str
    default: str | None


def describe(config: type[msgspec.Struct]) -> list[OwnSetting]:
    """What a ``Config`` declares, in its order."""
    return [
        OwnSetting(field.encode_name, _type(field.type), _default(field)) for field in msgspec.structs.fields(config)
    ]


def _type(declared: Any) -> str:
    """What a file takes for it: the kinds of docs/configuration.md, as far as they have a name there."""
    if special := _special(declared):
        return special
    if get_origin(declared) is Annotated:
        return _type(declared.__origin__)
    if get_origin(declared) is Literal:
        return " or ".join(map(str, get_args(declared)))
    if get_origin(declared) in (tuple, list, set, frozenset):
        return "list"
    if get_origin(declared) in (Union, UnionType):
        return " or ".join(_type(one) for one in get_args(declared) if one is not NoneType)
    return _NAMES.get(declared) or str(getattr(declared, "__name__", declared))


def _special(declared: Any) -> str | None:
    """``duration`` or ``size``, which are annotated numbers, also where they may be left out."""
    if get_origin(declared) in (Union, UnionType):
        rest = [one for one in get_args(declared) if one is not NoneType]
        return _special(rest[0]) if len(rest) == 1 else None
    extras = [meta.extra or {} for meta in getattr(declared, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    return next((extra["eventd"] for extra in extras if "eventd" in extra), None)


def _default(field: msgspec.structs.FieldInfo) -> str | None:
    if field.default_factory is not msgspec.NODEFAULT:
        return _written(field.default_factory())
    if field.required:
        return None
    write = _WRITERS.get(_special(field.type) or "", _written)
    return _written(field.default) if field.default is None else write(field.default)


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return ", ".join(map(_written, value))
    return str(value)


def _duration(value: float) -> str:
    """In the largest unit that it is a whole number of."""
    for seconds, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if value and value % seconds == 0:
            return f"{value / seconds:g}{unit}"
    return f"{value:.15g}s" if value else "0"


def written_size(value: int) -> str:
    """Bytes as a file has them, in the largest unit of which they are a whole number: ``64M``."""
    for power, unit in ((40, "T"), (30, "G"), (20, "M"), (10, "K")):
        if value and value % (1 << power) == 0:
            return f"{value >> power}{unit}"
    return str(value)


_WRITERS: dict[str, Callable[[Any], str]] = {"duration": _duration, "size": written_size}
