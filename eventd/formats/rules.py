"""The rules of CloudEvents 1.0 for attributes: what makes an event valid.

    R1  id, source, specversion and type are there, strings, not empty; specversion is "1.0"
    R2  names are of a-z and 0-9, and none is called data
    R3  values are strings, booleans, 32-bit integers or bytes
    R4  strings have no control characters, noncharacters or lone surrogates
    R5  time is RFC 3339
    R6  datacontenttype is a media type, dataschema a URI, source a URI-reference

``docs/formats.md`` has all of R1 to R13; the others belong to one format each and
live there. Payloads are not looked at here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from eventd.errors import InvalidEvent
from eventd.formats import syntax

__all__ = ["DEEPEST", "SPECVERSION", "Schemas", "check", "check_one", "too_deep"]

#: Event type name → the type of its payload, as msgspec understands it.
Schemas = Mapping[str, type]

#: The one version that eventd speaks; 1.0.1 to 1.0.3 did not change the wire's.
SPECVERSION = "1.0"

#: Levels of nesting in a payload. Readers recurse on the C stack up to Python's limit of
#: 1000 less what the caller used, so what one door took another place could not read back.
DEEPEST = 128

#: Strings up to this length are remembered when they were found valid: senders repeat
#: source, type and media type, and hostile long ones must not fill the caches.
MOST_REMEMBERED = 256

#: Distinct strings remembered by each rule.
REMEMBERED = 4096

_KINDS = {
    type(None): "null",
    dict: "an object",
    list: "an array",
    bool: "a boolean",
    int: "an integer",
    float: "a fraction",
    bytes: "bytes",
}

LEAST_INTEGER, MOST_INTEGER = -(2**31), 2**31 - 1


def check(attributes: Mapping[str, object]) -> None:
    """Check the attributes of an event, ``specversion`` among them, without its data.

    :raises InvalidEvent: naming the attribute and what is wrong with it.
    """
    rules = _RULES
    required = 0
    for name, value in attributes.items():
        rule = rules.get(name)
        if rule is None:
            _check_extension(name, value)
        else:
            required += rule(value)
    if required != _REQUIRED:
        _missing(attributes)


def check_one(name: str, value: object) -> None:
    """Check one attribute alone.

    :raises InvalidEvent: naming the attribute and what is wrong with it.
    """
    rule = _RULES.get(name)
    if rule is None:
        _check_extension(name, value)
    else:
        rule(value)


def too_deep(value: object) -> bool:
    """Whether a decoded payload is nested deeper than ``DEEPEST`` levels."""
    level = [value]
    for _ in range(DEEPEST):
        level = [child for container in level for child in _children(container)]
        if not level:
            return False
    return True


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [child for child in (*value.values(), *value) if isinstance(child, dict | list | tuple)]
    if isinstance(value, list | tuple):
        return [child for child in value if isinstance(child, dict | list | tuple)]
    return []


def _missing(attributes: Mapping[str, object]) -> None:
    for name in ("specversion", "id", "source", "type"):
        if name not in attributes:
            raise InvalidEvent("is missing", attribute=name)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidEvent(f"must be a string, not {_kind(value)}", attribute=name)
    if not value:
        raise InvalidEvent("must not be empty", attribute=name)
    # isprintable is the fast answer: no printable character is a forbidden one.
    if not value.isprintable():
        _check_characters(name, value)
    return value


def _check_characters(name: str, value: str) -> None:
    found = syntax.FORBIDDEN.search(value)
    if found:
        raise InvalidEvent(f"has the character U+{ord(found[0]):04X}, which no attribute may have", attribute=name)


def _kind(value: object) -> str:
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def _check_specversion(value: object) -> int:
    if value != SPECVERSION:
        raise InvalidEvent('must be "1.0", the one version there is', attribute="specversion")
    return 1


def _check_id(value: object) -> int:
    if value.__class__ is not str or not value or not value.isprintable():
        _text("id", value)
    return 1


def _check_subject(value: object) -> int:
    _text("subject", value)
    return 0


def _check_time(value: object) -> int:
    if not (isinstance(value, str) and syntax.is_time(value)):
        _text("time", value)
        raise InvalidEvent("must be an RFC 3339 time such as 2026-01-31T12:00:00Z", attribute="time")
    return 0


def _check_extension(name: str, value: object) -> None:
    _check_name(name)
    if value.__class__ is str:
        if not value.isprintable():
            _check_characters(name, value)
    elif isinstance(value, int):
        if not LEAST_INTEGER <= value <= MOST_INTEGER:
            raise InvalidEvent("must be an integer of 32 bits", attribute=name)
    elif not isinstance(value, bytes | str):
        raise InvalidEvent(f"must be a string, a boolean or an integer, not {_kind(value)}", attribute=name)


def _remembering(name: str, accepts: Callable[[str], bool], message: str, required: int) -> Callable[[object], int]:
    """Make the rule of a string that senders repeat: found valid once, it is remembered."""

    def judge(value: object) -> int:
        if not accepts(_text(name, value)):
            raise InvalidEvent(message, attribute=name)
        return required

    remembered = functools.lru_cache(REMEMBERED)(judge)

    def rule(value: object) -> int:
        if value.__class__ is str and len(value) <= MOST_REMEMBERED:
            return remembered(value)
        return judge(value)

    return rule


def _judge_name(name: str) -> None:
    if name == "data" or name == "data_base64" or not syntax.NAME.fullmatch(name):
        raise InvalidEvent("is no name for an attribute: names are of a-z and 0-9, and not data", attribute=name)


_remembered_name = functools.lru_cache(REMEMBERED)(_judge_name)


def _check_name(name: str) -> None:
    (_remembered_name if len(name) <= MOST_REMEMBERED else _judge_name)(name)


#: How many of the rules answer 1: those of the attributes that must be there.
_REQUIRED = 4

_RULES: dict[str, Callable[[object], int]] = {
    "id": _check_id,
    "source": _remembering("source", syntax.is_reference, "must be a URI-reference (RFC 3986)", 1),
    "specversion": _check_specversion,
    "type": _remembering("type", lambda value: True, "", 1),
    "subject": _check_subject,
    "time": _check_time,
    "datacontenttype": _remembering(
        "datacontenttype", syntax.is_media_type, "must be a media type such as text/plain", 0
    ),
    "dataschema": _remembering("dataschema", syntax.is_uri, "must be an absolute URI (RFC 3986)", 0),
}
