"""A plugin's own keys: from text to the ``Config`` that it declares.

A ``Config`` is a ``msgspec.Struct``. Beside what msgspec makes of text (numbers,
literals, enumerations, dates), a ``bool`` is yes or no, a list or tuple is separated
by commas, ``Duration`` and ``Size`` are written as in the other settings, and a path
is a ``pathlib.Path``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import inspect

from eventd.errors import ConfigurationError, Fault

from .nearest import did_you_mean
from .options import OwnKeys, Place
from .secrets import resolve
from .settings_plugins import HANDLER
from .values import BOOLEAN, DURATION, LIST, SIZE, Kind

__all__ = ["Duration", "NoConfig", "Size", "plugin_config"]

_KINDS = {"duration": DURATION, "size": SIZE}
#: Types of which text may have the wrong form.
_MISFITS = {"int": "whole number", "float": "number"}

#: Seconds, written as ``500ms``, ``5s``, ``2h``.
Duration = Annotated[float, msgspec.Meta(extra={"eventd": "duration"})]
#: Bytes, written as ``64M``.
Size = Annotated[int, msgspec.Meta(extra={"eventd": "size"})]

T = TypeVar("T", bound=msgspec.Struct)


class NoConfig(msgspec.Struct):
    """The ``Config`` of a plugin that declares none: any key of its own is a fault."""


def plugin_config(own: dict[str, str], cls: type[T]) -> T:
    """Make a ``Config`` of a plugin's own keys.

    :raises ConfigurationError: with all that is wrong, each with its file and line.
    """
    return _Conversion(own if isinstance(own, OwnKeys) else OwnKeys(own), cls).result(cls)


class _Conversion:
    def __init__(self, own: OwnKeys, cls: type[msgspec.Struct]) -> None:
        self._own = own
        info = inspect.type_info(cls)
        assert isinstance(info, inspect.StructType)  # the registry lets only structs in
        self._fields = {field.name.lower(): field for field in info.fields}
        self._types = {field.name: field.type for field in msgspec.structs.fields(cls)}
        self._faults: list[Fault] = []

    def result(self, cls: type[T]) -> T:
        values = {}
        for key, text in self._own.items():
            field = self._fields.get(key)
            if field is None:
                self._tell_unknown(key)
            else:
                values[field.name] = self._convert(key, text, field)
        self._tell_missing()
        if self._faults:
            raise ConfigurationError(self._faults)
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:  # what its __post_init__ found
            place = self._own.place
            raise ConfigurationError([Fault(f"[{self._own.section}] {error}", place.file, place.line)]) from error

    def _convert(self, key: str, text: str, field: inspect.Field) -> Any:
        try:
            value = _prepare(resolve(text), field.type)
            return msgspec.convert(value, self._types[field.name], strict=False, dec_hook=_hook)
        except ValueError as error:  # msgspec.ValidationError is one
            self._fault(f"{key}: {_in_words(text, error)}", self._own.places.get(key))
            return None

    def _tell_unknown(self, key: str) -> None:
        known = [*self._fields, *(setting.key for setting in HANDLER.settings)]
        self._fault(f"[{self._own.section}] has no {key}{did_you_mean(key, known)}", self._own.places.get(key))

    def _tell_missing(self) -> None:
        for key, field in self._fields.items():
            if field.required and key not in self._own:
                self._fault(f"[{self._own.section}] needs {key}", self._own.place)

    def _fault(self, message: str, place: Place | None) -> None:
        place = place or Place()
        self._faults.append(Fault(message, place.file, place.line))


def _in_words(text: str, error: ValueError) -> str:
    """What msgspec tells is about Python's types, and leaves out what was written."""
    told = str(error)
    for name, words in _MISFITS.items():
        if told.startswith(f"Expected `{name}"):
            return f"{text!r} is not {f'a list of {words}s' if ' - at ' in told else f'a {words}'}"
    return told


def _prepare(text: str, wanted: inspect.Type) -> Any:
    """Text as msgspec can convert it."""
    match wanted:
        case inspect.Metadata():
            kind = _kind(wanted)
            return kind.parse(text) if kind else _prepare(text, wanted.type)
        case inspect.BoolType():
            return BOOLEAN.parse(text)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            return [_prepare(item, wanted.item_type) for item in LIST.parse(text)]  # type: ignore[attr-defined]  # LIST gives a tuple
        case inspect.UnionType():
            rest = [one for one in wanted.types if not isinstance(one, inspect.NoneType)]
            optional = len(rest) < len(wanted.types)
            return None if optional and not text else _prepare(text, rest[0]) if len(rest) == 1 else text
    return text


def _kind(wanted: inspect.Metadata) -> Kind | None:
    return _KINDS.get((wanted.extra or {}).get("eventd", ""))


def _hook(wanted: type, value: object) -> object:
    if wanted is Path:
        return Path(str(value))
    raise ValueError(f"eventd cannot make {wanted.__name__} of text")
