"""Fuzz target: bytes as one CloudEvent in msgpack."""

from __future__ import annotations

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import Block
from eventd.formats import blocks, json_events, msgpack_events, rules

#: What may come of any bytes besides an event.
ALLOWED = (MalformedInput, InvalidEvent)


def target(data: bytes) -> None:
    """What is taken can be read again, keeps to the rules, and can be written as JSON."""
    draft = msgpack_events.read_event(data, {})
    [event] = blocks.decode(Block(0, 1, draft.encoding, draft.types, 0, draft.body))
    rules.check({"specversion": rules.SPECVERSION, **event.attributes})
    json_events.write(event)
