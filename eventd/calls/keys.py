"""What ``order_by`` means: from an event to its key. Events of one key are handled in order."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import msgspec

from eventd.event import Event

__all__ = ["Key", "key_of"]

#: Events with the same key are handled in order.
Key = Callable[[Event], Hashable]

#: ``order_by`` for all events in one order.
ALL = "*"
#: What stands before the path of a field in the payload.
DATA = "data"


def key_of(order_by: str | None) -> Key | None:
    """The key of an event: an attribute, or the field of the payload at ``data.path``; ``None`` for no order.

    Events without it are of one key, too.
    """
    if not order_by:
        return None
    if order_by == ALL:
        return lambda event: None
    first, *path = order_by.split(".")
    if first == DATA:
        return lambda event: _hashable(_field(event.data, path))
    return lambda event: event.attributes.get(order_by)


def _field(value: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, msgspec.Struct):
            value = _member(value, name)
        else:
            return None
    return value


def _member(value: msgspec.Struct, name: str) -> Any:
    """The field that is called ``name`` where the payload is written."""
    written = value.__struct_encode_fields__
    if name not in written:
        return None
    return getattr(value, value.__struct_fields__[written.index(name)], None)


def _hashable(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value  # type: ignore[no-any-return]  # it has just been hashed
