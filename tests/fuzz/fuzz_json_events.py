"""Fuzz target: bytes as one CloudEvent in JSON, or as a batch where they begin with an array."""

from __future__ import annotations

from eventd.errors import InvalidEvent, MalformedInput
from eventd.event import Block
from eventd.formats import blocks, json_events, rules
from eventd.formats.payloads import Fill

#: What may come of any bytes besides events.
ALLOWED = (MalformedInput, InvalidEvent)


def target(data: bytes) -> None:
    """What is taken can be read again, keeps to the rules, and can be written."""
    if data.startswith(b"["):
        draft = json_events.read_batch(data, {})
    else:
        draft = json_events.read_event(data, {}, fill=Fill("/here") if len(data) % 2 else None)
    events = blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body))
    assert len(events) == draft.count
    for event in events:
        rules.check({"specversion": rules.SPECVERSION, **event.attributes})
        json_events.read_event(json_events.write(event), {})
