"""Looks into drafts and blocks event by event: who each one is, and a draft of some of them.

Only where somebody asks for it (duplicates, volatile types): the usual way never takes
a draft apart again, and a draft whose types are all alike in this is not taken apart either.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import Raw

from eventd.event import Block, Draft, Encoding
from eventd.formats.forward_entries import array_header
from eventd.formats.payloads import distinct

__all__ = ["KEY_SIZE", "count_of", "keys", "select", "sort_out", "types"]

#: Bytes of a key: two different events have the same one with a chance of 2 to the minus 128.
KEY_SIZE = 16


class _Head(msgspec.Struct, gc=False):
    """What says which event it is, and of which type."""

    id: str
    source: str
    type: str


_HEADS: dict[Encoding, Any] = {
    Encoding.JSON: msgspec.json.Decoder(list[_Head]).decode,
    Encoding.MSGPACK: msgspec.msgpack.Decoder(list[_Head]).decode,
}
_PARTS: dict[Encoding, Any] = {
    Encoding.JSON: msgspec.json.Decoder(list[Raw]).decode,
    Encoding.MSGPACK: msgspec.msgpack.Decoder(list[Raw]).decode,
}


def keys(events: Draft | Block) -> list[bytes]:
    """One key an event, the same for all events with its ``source`` and ``id`` (CloudEvents 1.0.2, section 3.1.1).

    None at all for Forward entries, which carry no id of their own.
    """
    if events.encoding is Encoding.FORWARD:
        return []
    return [_key(head.source, head.id) for head in _HEADS[events.encoding](_array(events))]


def types(events: Draft | Block) -> list[str]:
    """The type of each event."""
    if events.encoding is Encoding.FORWARD:
        return [events.types[0]] * events.count
    return [head.type for head in _HEADS[events.encoding](_array(events))]


def select(draft: Draft, indices: Sequence[int]) -> Draft:
    """A draft of the events at ``indices``, as they are written; not for Forward entries."""
    parts = _PARTS[draft.encoding](_array(draft))
    separator = b"," if draft.encoding is Encoding.JSON else b""
    found = types(draft)
    body = separator.join([bytes(parts[index]) for index in indices])
    return Draft(draft.encoding, len(indices), distinct([found[index] for index in indices]), body, draft.origin)


def count_of(draft: Draft, chosen: frozenset[str]) -> int:
    """How many of the events are of types that are chosen."""
    if draft.types and chosen.isdisjoint(draft.types):
        return 0
    if draft.types and chosen.issuperset(draft.types):
        return draft.count
    return sum([type in chosen for type in types(draft)])


def sort_out(drafts: Sequence[Draft], chosen: frozenset[str]) -> tuple[list[Draft], list[Draft]]:
    """The events of other types, and those of the types that are chosen, both in their order."""
    others: list[Draft] = []
    found: list[Draft] = []
    for draft in drafts:
        count = count_of(draft, chosen)
        if not count:
            others.append(draft)
        elif count == draft.count:
            found.append(draft)
        else:
            kinds = types(draft)
            others.append(select(draft, [index for index, type in enumerate(kinds) if type not in chosen]))
            found.append(select(draft, [index for index, type in enumerate(kinds) if type in chosen]))
    return others, found


def _array(events: Draft | Block) -> bytes:
    if events.encoding is Encoding.JSON:
        return b"[%b]" % events.body
    return array_header(events.count) + events.body


def _key(source: str, id: str) -> bytes:
    # A length in front: no two pairs of source and id make the same text.
    return blake2b(f"{len(source)}:{source}{id}".encode(errors="surrogatepass"), digest_size=KEY_SIZE).digest()
