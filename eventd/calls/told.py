"""What a plugin raised in a worker, as data, and the same again where its outcome is judged."""

from __future__ import annotations

import traceback
from typing import ClassVar

import msgspec

from eventd.calls.executing import Behind
from eventd.calls.location import MOST_LOCATION, Located, location_of
from eventd.plugin.contract import Reject, Retry

__all__ = ["Told", "WhereRaised", "raised", "tell"]

#: Characters of a text and of a traceback that are told.
MOST_TEXT, MOST_TRACEBACK = 2000, 16384


class Told(msgspec.Struct, array_like=True):
    """An exception: ``kind`` is what it means to eventd, ``name`` its class's name."""

    kind: str
    name: str
    text: str
    traceback: str
    after: float | None = None
    location: str = ""


class WhereRaised(Located):
    """The cause of an error that comes from a worker: its traceback there, as text, and the plugin's place in it."""

    def __init__(self, traceback: str, location: str = "") -> None:
        super().__init__(traceback)
        self.location = location

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class _Raised(Exception):
    """Base of the errors that stand for those of a worker."""

    known: ClassVar[dict[str, type[_Raised]]] = {}


#: Names of a worker's exception classes for which one of ours is kept; more are told under the base's name.
MOST_NAMES = 1000
#: Characters of such a name.
MOST_NAME = 100


def tell(error: BaseException) -> Told:
    """An exception as data, with its traceback."""
    kind = next((name for name, cls in _KINDS.items() if isinstance(error, cls)), "error")
    return Told(
        kind,
        _writable(type(error).__name__),
        _writable(_text(error)[:MOST_TEXT]),
        _writable("".join(traceback.format_exception(error))[-MOST_TRACEBACK:]),
        error.after if isinstance(error, Retry) else None,
        _writable(location_of(error)),
    )


def raised(told: Told) -> Exception:
    """The exception of a worker; its cause has the traceback."""
    error: Exception
    text = told.text[:MOST_TEXT]
    match told.kind:
        case "behind":
            return Behind()
        case "retry":
            error = Retry(told.after, text)
        case "reject":
            error = Reject(text)
        case _:
            error = _class(told.name)(text)
    error.__cause__ = WhereRaised(told.traceback[-MOST_TRACEBACK:], told.location[-MOST_LOCATION:])
    return error


_KINDS: dict[str, type[BaseException]] = {"behind": Behind, "retry": Retry, "reject": Reject}


def _class(name: str) -> type[_Raised]:
    known = _Raised.known
    if name not in known and (len(known) >= MOST_NAMES or len(name) > MOST_NAME or not name.isidentifier()):
        return _Raised
    if name not in known:
        known[name] = type(name, (_Raised,), {"__module__": "worker"})
    return known[name]


def _writable(text: str) -> str:
    """File names that are no UTF-8 come as lone surrogates, which cannot be written."""
    return text.encode("utf-8", "backslashreplace").decode()


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a plugin's own error, whose text fails, too
        return ""
