"""Fuzz target: bytes as packed Forward entries; the first byte is the sender's size hint."""

from __future__ import annotations

from eventd.errors import MalformedInput, TooLarge
from eventd.event import Block
from eventd.formats import blocks, json_events, rules
from eventd.formats.forward_entries import read_packed

#: What may come of any bytes besides entries.
ALLOWED = (MalformedInput, TooLarge)


def target(data: bytes) -> None:
    """What is taken is decoded, however damaged its text is, and can be written."""
    draft, _ = read_packed("app.log", data[1:], size_hint=data[0] if data else None, origin="/o", schemas={})
    if draft is None:
        return
    events = blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 1, draft.body, draft.origin))
    assert len(events) == draft.count
    for event in events:
        rules.check({"specversion": rules.SPECVERSION, **event.attributes})
        json_events.write(event)
