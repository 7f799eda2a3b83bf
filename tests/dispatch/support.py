"""Blocks, a running journal with a dispatcher, and plugins for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence

import msgpack

from eventd.event import Block, Draft, Encoding, Event
from eventd.formats.blocks import draft_of

__all__ = ["block_of", "draft", "forward_block", "forward_draft"]


def draft(*events: Event) -> Draft:
    return draft_of(events, {}, "test")


def numbered(type: str, numbers: Sequence[int]) -> Draft:
    """One event of ``type`` for each number, which is its data."""
    return draft(*(Event(type, {"n": number}) for number in numbers))


def block_of(first: int, made: Draft) -> Block:
    return Block(first, made.count, made.encoding, made.types, 1_700_000_000_000_000_000, made.body, made.origin)


def forward_draft(type: str, records: Sequence[object]) -> Draft:
    body = b"".join(msgpack.packb([1_700_000_000, record]) for record in records)
    return Draft(Encoding.FORWARD, len(records), (type,), body, "forward://test")


def forward_block(first: int, type: str, records: Sequence[object]) -> Block:
    return block_of(first, forward_draft(type, records))
