"""The fast way for plain events: the usual attributes, no extensions, nothing null.

What is accepted here would be accepted by ``rules`` too. What is not may still be a
good event, or else is told what is wrong with it: both by the careful way in
``json_events`` and ``msgpack_events``. Nothing is ever refused here.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw

from eventd.errors import InvalidEvent
from eventd.formats import rules
from eventd.formats.rules import REMEMBERED
from eventd.formats.syntax import is_time

__all__ = ["Plain", "accepts", "accepts_all", "members", "payload_decoder"]

#: Sources, types and media types that are remembered together have at most so many characters.
MOST_REMEMBERED = 512

#: The members that each plain event has; all of them are strings.
REQUIRED = 4


class Plain(msgspec.Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The members of a plain event; an empty string stands for one that is absent."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str = ""
    subject: str = ""
    datacontenttype: str = ""
    dataschema: str = ""
    data: Raw = Raw()


def accepts(event: Plain) -> bool:
    """Whether the attributes are certainly valid."""
    source, type, media_type, schema = event.source, event.type, event.datacontenttype, event.dataschema
    return (
        len(source) + len(type) + len(media_type) + len(schema) <= MOST_REMEMBERED
        and _is_context(source, type, media_type, schema)
        and event.id != ""
        and event.id.isprintable()
        and event.subject.isprintable()
        and (not event.time or is_time(event.time))
    )


def accepts_all(events: Sequence[Plain]) -> bool:
    """The same for many, whose attributes are mostly the same or looked at together: it takes a third of the time."""
    contexts = {(event.source, event.type, event.datacontenttype, event.dataschema) for event in events}
    ids = [event.id for event in events]
    return (
        all(sum(map(len, context)) <= MOST_REMEMBERED and _is_context(*context) for context in contexts)
        and all(ids)
        and "".join(ids).isprintable()
        and "".join([event.subject for event in events]).isprintable()
        and all(map(is_time, {event.time for event in events if event.time}))
    )


def members(event: Plain) -> int:
    """How many members there are beside ``data``."""
    return (
        REQUIRED + (event.time != "") + (event.subject != "") + (event.datacontenttype != "") + (event.dataschema != "")
    )


@functools.lru_cache(REMEMBERED)
def _is_context(source: str, type: str, datacontenttype: str, dataschema: str) -> bool:
    attributes = {"source": source, "type": type, "specversion": rules.SPECVERSION, "id": "0"}
    if datacontenttype:
        attributes["datacontenttype"] = datacontenttype
    if dataschema:
        attributes["dataschema"] = dataschema
    try:
        rules.check(attributes)
    except InvalidEvent:
        return False
    return True


@functools.lru_cache(1024)
def payload_decoder(format: Any, payload: Any) -> Any:
    """The function that decodes a payload, made once for each type."""
    return format.Decoder(payload).decode
