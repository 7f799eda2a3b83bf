"""The syntax of attributes: names, characters, times, media types and URIs.

Each expression is taken once over a string from the left, without trying again, so that
no sender can make it slow. What an attribute must be is in ``rules``.
"""

from __future__ import annotations

import calendar
import functools
import re

__all__ = ["FORBIDDEN", "NAME", "is_json", "is_media_type", "is_reference", "is_time", "is_uri"]

NAME = re.compile(r"[a-z0-9]+")

#: U+0000-1F, U+007F-9F, surrogates, U+FDD0-FDEF and the last two of each of the 17 planes.
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0, 0x110000, 0x10000))
    + "]"
)

#: Only the days past the 28th depend on the month.
EVERY_MONTH = "28"

TIME = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[ \t]*+;[ \t]*+(?:{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))?)*+[ \t]*+")

JSON_TYPE = re.compile(rf"{_TOKEN}/(?:{_TOKEN}\+)?json[ \t]*(?:;.*)?", re.IGNORECASE)

# RFC 3986, appendix A. The authority is not taken apart: what is legal in it is enough.
_PCHAR = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_NO_COLON = r"(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})"
_AUTHORITY = r"//(?:[A-Za-z0-9._~!$&'()*+,;=:@\[\]-]|%[0-9A-Fa-f]{2})*"
_TAIL = rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:\#(?:{_PCHAR}|[/?])*)?"
_SEGMENTS = rf"(?:/{_PCHAR}*)*"
_HIERARCHY = rf"(?:{_AUTHORITY}{_SEGMENTS}|/(?:{_PCHAR}+{_SEGMENTS})?|{_PCHAR}+{_SEGMENTS}|)"
URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:{_HIERARCHY}{_TAIL}")
RELATIVE = re.compile(rf"(?:{_AUTHORITY}{_SEGMENTS}|/(?:{_PCHAR}+{_SEGMENTS})?|{_NO_COLON}+{_SEGMENTS}|){_TAIL}")


def is_time(value: str) -> bool:
    """Whether it is an RFC 3339 time."""
    return TIME.fullmatch(value) is not None and (value[8:10] <= EVERY_MONTH or _is_day(value[:10]))


@functools.lru_cache(64)
def _is_day(date: str) -> bool:
    """Whether the month has that day; today is nearly always remembered."""
    year, month, day = map(int, date.split("-"))
    # Year 0 is a leap year like year 4, which the calendar knows.
    return day <= calendar.monthrange(year or 4, month)[1]


def is_media_type(value: str) -> bool:
    """Whether it is a media type with or without parameters (RFC 2046)."""
    return MEDIA_TYPE.fullmatch(value) is not None


def is_json(value: str) -> bool:
    """Whether the media type is JSON: ``*/json`` or ``*/*+json``, whatever its parameters."""
    return JSON_TYPE.fullmatch(value) is not None


def is_uri(value: str) -> bool:
    """Whether it is a URI: with a scheme, and with or without a fragment (RFC 3986)."""
    return URI.fullmatch(value) is not None


def is_reference(value: str) -> bool:
    """Whether it is a URI-reference: a URI, or one relative to another (RFC 3986)."""
    return bool(URI.fullmatch(value) or RELATIVE.fullmatch(value))
