"""Fuzz target: a header's value, a line feed, and a body, as a binary-mode request."""

from __future__ import annotations

from eventd.errors import InvalidEvent
from eventd.event import Block
from eventd.formats import blocks, http_binding, rules

#: What may come of any bytes besides an event.
ALLOWED = (InvalidEvent,)

MEDIA_TYPES = ("application/json", "text/plain", "image/png", None)


class Limits:
    """No limits."""

    batch_events = 0


def target(data: bytes) -> None:
    """What is taken can be read again and keeps to the rules."""
    value, _, body = data.partition(b"\n")
    headers = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "a")]
    headers.append(("ce-subject", value.decode("latin-1")))
    draft = http_binding.read(MEDIA_TYPES[len(data) % 4], headers, body, {}, Limits())
    [event] = blocks.decode(Block(0, 1, draft.encoding, draft.types, 0, draft.body))
    rules.check({"specversion": rules.SPECVERSION, **event.attributes})
