"""The settings that a plugin's ``Config`` declares, in the words of a configuration file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, get_origin

import msgspec

__all__ = ["OwnSetting", "describe"]


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
    if get_origin(declared) is Annotated:
        kinds = [(meta.extra or {}).get("eventd") for meta in declared.__metadata__ if isinstance(meta, msgspec.Meta)]
        return next((kind for kind in kinds if kind), _type(declared.__origin__))
    if declared is bool:
        return "yes or no"
    return declared.__name__ if type(declared) is type else str(declared).replace("typing.", "")


def _default(field: msgspec.structs.FieldInfo) -> str | None:
    if field.default_factory is not msgspec.NODEFAULT:
        return _written(field.default_factory())
    return None if field.required else _written(field.default)


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
