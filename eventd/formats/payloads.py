"""What is common to the readers: payloads held against their declared types, and errors.

What a reader refuses is told with the attribute it is about: ``data.celsius`` for the
field of a payload. Which bytes are an event is not known here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eventd.errors import InvalidEvent, MalformedInput
from eventd.formats.breath import Breathe, hold, paced
from eventd.formats.rules import DEEPEST, SPECVERSION, too_deep
from eventd.formats.times import now

__all__ = ["MOST_TYPES", "Fill", "check_depth", "check_payload", "distinct", "read_each", "refuse_payload"]

#: Distinct types that a draft lists; with more of them, the list would cost more than it saves.
MOST_TYPES = 32
#: Events that are read in a row, some 0.5 ms.
IN_A_ROW = 64


class Fill:
    """What the daemon sets where a door accepts events without id, source or time.

    An id is ``id_prefix`` and a running number, so that it costs nothing and no two
    of one daemon are the same; the default prefix is random.
    """

    __slots__ = ("_next", "id_prefix", "source")

    def __init__(self, source: str, id_prefix: str | None = None) -> None:
        self.source = source
        self.id_prefix = f"{secrets.token_hex(6)}-" if id_prefix is None else id_prefix
        self._next = 0

    def absent(self, attributes: Mapping[str, Any]) -> dict[str, str]:
        """The attributes that an event lacks, with the values that the daemon gives them."""
        get = attributes.get
        filled = {}
        if get("specversion") is None:
            filled["specversion"] = SPECVERSION
        if get("id") is None:
            filled["id"] = self._id()
        if get("source") is None:
            filled["source"] = self.source
        if get("time") is None:
            filled["time"] = now()
        return filled

    def _id(self) -> str:
        self._next += 1
        return f"{self.id_prefix}{self._next}"


def check_depth(data: object) -> None:
    """Refuse a payload that is nested so deep that it might not be read again."""
    if too_deep(data):
        raise InvalidEvent(f"is nested deeper than {DEEPEST} levels", attribute="data", reason="too_large")


def check_payload(data: object, payload: type, *, json: bool) -> None:
    """Hold a decoded payload against the type that its event type declares."""
    if data is msgspec.UNSET:
        raise InvalidEvent("is missing", attribute="data")
    try:
        msgspec.convert(data, payload, str_keys=json)
    except msgspec.ValidationError as error:
        raise refuse_payload(error) from None


def refuse_payload(error: msgspec.ValidationError) -> InvalidEvent:
    """The error for a payload that is not of its type: the path becomes the attribute."""
    message, _, path = str(error).partition(" - at `$")
    message = message[:1].lower() + message[1:]
    return InvalidEvent(message, attribute="data" + path.rstrip("`"))


def read_each(
    raws: Sequence[bytes | msgspec.Raw], read: Callable[[bytes], tuple[bytes, str]], breathe: Breathe = hold
) -> tuple[list[bytes], list[str]]:
    """The bodies and types of events that stand or fall together.

    :param breathe: called now and then.
    :raises InvalidEvent: with the index of the first event that ``read`` refuses, and how many are refused with it.
    """
    bodies, types = [], []
    for index, raw in enumerate(paced(raws, breathe, IN_A_ROW)):
        try:
            body, type = read(bytes(raw))
        except InvalidEvent as error:
            error.index, error.events = index, len(raws)
            raise
        except MalformedInput as error:
            refused = InvalidEvent(error.message, index=index)
            refused.events = len(raws)
            raise refused from None
        bodies.append(body)
        types.append(type)
    return bodies, types


def distinct(types: Iterable[str]) -> tuple[str, ...]:
    """The distinct types in order of appearance, or none where they are too many to list."""
    found = tuple(dict.fromkeys(types))
    return found if len(found) <= MOST_TYPES else ()
