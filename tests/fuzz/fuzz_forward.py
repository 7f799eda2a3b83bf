"""Fuzz target: bytes to a Forward session, cut in two anywhere."""

from __future__ import annotations

from eventd.errors import MalformedInput, TooLarge, UnsupportedFormat
from eventd.event import Block
from eventd.formats import blocks
from eventd.protocol.forward import ForwardSession
from eventd.protocol.limits import Limits

#: What may come of any bytes besides chunks.
ALLOWED = (MalformedInput, TooLarge, UnsupportedFormat)

LIMITS = Limits(message_size=1000, decompressed_size=1000, batch_events=20)


def target(data: bytes) -> None:
    """The first byte says where to cut; what is taken can be read again."""
    at, data = (data[:1] or b"\0")[0], data[1:]
    session = ForwardSession(LIMITS, {}, "forward://h/x")
    for part in (data[:at], data[at:]):
        for chunk in session.receive(part):
            draft = chunk.draft
            if draft is not None:
                block = Block(0, draft.count, draft.encoding, draft.types, 0, draft.body, draft.origin)
                assert len(blocks.decode(block)) == draft.count
