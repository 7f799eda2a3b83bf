"""Fuzz target: bytes to the native protocol, in both of its encodings."""

from __future__ import annotations

from eventd.errors import MalformedInput
from eventd.event import Block
from eventd.formats import blocks
from eventd.protocol.limits import Limits
from eventd.protocol.native import JSON, MSGPACK, Nacked
from eventd.protocol.websocket import Message

#: What may come of any bytes besides a publish.
ALLOWED = (MalformedInput, Nacked)

LIMITS = Limits(batch_events=10)


def target(data: bytes) -> None:
    """Text is JSON, the rest msgpack; what is taken can be read again."""
    try:
        text = bool(data.decode()) or True
    except UnicodeDecodeError:
        text = False
    publish = (JSON if text else MSGPACK).read(Message(text, data), {}, LIMITS)
    draft = publish.draft
    assert len(blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body))) == draft.count
