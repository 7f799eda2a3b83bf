"""The kinds of values that a setting can have: from the text of a file to Python.

Each parser takes the text and returns the value, or raises ``ValueError`` with a
message that says what it would take. They look at the text alone: whether a file
exists or a port is free is found out by whoever opens it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import NamedTuple

__all__ = [
    "ADDRESS",
    "BOOLEAN",
    "COUNT",
    "DURATION",
    "LIST",
    "ORDER",
    "PATH",
    "POSITIVE",
    "SIZE",
    "START",
    "TEXT",
    "Kind",
    "choice",
]

_BOOLEANS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ms|[smhdw])\s*)+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_HOST_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\s:\[\]/]*):(\d{1,5})")
_ORDER = re.compile(r"\*|[a-z0-9]+|data(\.[^.\s]+)+")
_DESCRIPTOR = re.compile(r"fd:\S+")
_MOST_PORT = 65535


class Kind(NamedTuple):
    """One kind of value: its name, how it is written, and its parser."""

    name: str
    written: str
    parse: Callable[[str], object]


def _text(text: str) -> str:
    return text


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(f"{text!r} is neither yes nor no")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        raise ValueError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _duration(text: str) -> float:
    lowered = text.lower()
    if re.fullmatch(r"\d+(\.\d+)?", lowered, re.ASCII):
        return float(lowered)
    if not _DURATION.fullmatch(lowered):
        raise ValueError(f"{text!r} is not a duration: write 500ms, 5s, 10m, 2h, 7d or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(lowered))


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size: write bytes, or 512K, 64M, 10G or 1T")
    return int(float(match[1]) * _SIZES[match[2].lower()])


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not an absolute path: it would depend on where the daemon is started")
    return text.rstrip("/") or "/"


def _list(text: str) -> tuple[str, ...]:
    return tuple(item for part in text.splitlines() for item in (piece.strip() for piece in part.split(",")) if item)


def _address(text: str) -> str:
    if text.startswith("unix:"):
        if not text.startswith("unix:/"):
            raise ValueError(f"{text!r} needs an absolute path: unix:/run/eventd/http.sock")
        return text
    match = _HOST_PORT.fullmatch(text)
    if match is not None and int(match[1]) <= _MOST_PORT:
        return text
    if _DESCRIPTOR.fullmatch(text):
        return text
    raise ValueError(f"{text!r} is not an address: write host:port, [v6]:port, unix:/path or fd:NAME")


def _start(text: str) -> str:
    if text in ("now", "earliest"):
        return text
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text!r} is not now, earliest or a time such as 2026-01-31T12:00:00Z")
    return text


def _order(text: str) -> str:
    if not _ORDER.fullmatch(text) or text == "data":
        raise ValueError(f"{text!r} is neither an attribute such as subject, nor a field such as data.sensor, nor *")
    return text


TEXT = Kind("text", "any text", _text)
BOOLEAN = Kind("yes or no", "`yes` or `no`", _boolean)
COUNT = Kind("number", "a whole number from 0 on", _count)
POSITIVE = Kind("number", "a whole number from 1 on", _positive)
DURATION = Kind("duration", "`500ms`, `5s`, `10m`, `2h`, `7d`, `1h30m`; a bare number is seconds", _duration)
SIZE = Kind("size", "bytes, or `512K`, `64M`, `10G`, `1T` (powers of 1024)", _size)
PATH = Kind("path", "an absolute path", _path)
LIST = Kind("list", "values separated by commas or line ends", _list)
ADDRESS = Kind("address", "`host:port`, `[v6]:port`, `unix:/path` or `fd:NAME`", _address)
START = Kind("place", "`now`, `earliest` or an RFC 3339 time", _start)

ORDER = Kind("order", "an attribute such as `subject`, a field such as `data.sensor`, or `*`", _order)


def choice(*values: str) -> Kind:
    """One of a few words."""

    def parse(text: str) -> str:
        if text.lower() not in values:
            raise ValueError(f"{text!r} is none of {', '.join(values)}")
        return text.lower()

    return Kind("choice", " or ".join(f"`{value}`" for value in values), parse)
