"""Fuzz target: bytes to the native protocol, in both of its encodings, and the filters of who subscribes."""

from __future__ import annotations

import msgspec

from eventd.errors import InvalidSubscription, MalformedInput, TooLarge
from eventd.event import Block
from eventd.filters import Attributes, compile_filters
from eventd.formats import blocks
from eventd.protocol.asks import Ask, Credit, Declined, Settle, Subscribe
from eventd.protocol.limits import Limits
from eventd.protocol.native import JSON, MSGPACK, Codec, Nacked, Publish
from eventd.protocol.websocket import Message

#: What may come of any bytes besides a publish or a question.
ALLOWED = (MalformedInput, TooLarge, Nacked, Declined, InvalidSubscription)

LIMITS = Limits(batch_events=10)

EVENT: Attributes = {"id": "1", "source": "/s", "type": "a", "n": 5, "ok": True, "key": b"x"}


def target(data: bytes) -> None:
    """Text is JSON, the rest msgpack; what is taken can be read again, and what is asked be answered."""
    try:
        text = bool(data.decode()) or True
    except UnicodeDecodeError:
        text = False
    codec = JSON if text else MSGPACK
    found = codec.read(Message(text, data), {}, LIMITS)
    if isinstance(found, Publish):
        draft = found.draft
        assert len(blocks.decode(Block(0, draft.count, draft.encoding, draft.types, 0, draft.body))) == draft.count
    else:
        _answer(codec, found)


def _answer(codec: Codec, ask: Ask) -> None:
    if isinstance(ask, Settle):
        assert all(isinstance(each, int) or len(each) == 2 for each in ask.offsets)
    elif isinstance(ask, Credit):
        assert ask.n > 0
    else:
        decode = msgspec.json.decode if codec.text else msgspec.msgpack.decode
        assert decode(codec.unsubscribed(bytes(ask.id), 1))["id"] == decode(bytes(ask.id) or codec.null)
    if isinstance(ask, Subscribe):
        fits = compile_filters(ask.filters)
        assert fits is None or fits(EVENT) in (True, False)
