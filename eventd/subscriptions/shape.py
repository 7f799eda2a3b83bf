"""What a subscription wants of the journal, and how that is written: the same for all who ask for the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from eventd.errors import InvalidSubscription
from eventd.event import Block
from eventd.filters import compile_filters
from eventd.formats.blocks import decode
from eventd.formats.placed import placed
from eventd.formats.selection import types as types_of
from eventd.protocol.native import Codec
from eventd.protocol.shared import SharedMessage
from eventd.routing import Patterns, valid_pattern

__all__ = ["Frame", "Shape"]


#: Bytes of what one subscription asks for: it is kept, and told to others.
MOST_TERMS = 16 * 1024


class Frame(SharedMessage):
    """One ``events`` message: ``count`` events between the offsets ``start`` and ``end``.

    ``missing`` says that the journal has nothing between the place asked for and ``start``.
    """

    __slots__ = ("count", "end", "missing", "start")

    def __init__(self, data: bytes, text: bool, count: int, start: int, end: int, *, missing: bool = False) -> None:
        super().__init__(data, text)
        self.count = count
        self.start = start
        self.end = end
        self.missing = missing


class Shape:
    """Types, filters and format.

    :param sid: what stands as ``sid`` in its messages.
    :raises InvalidSubscription: when a pattern or a filter cannot be understood.
    """

    def __init__(self, codec: Codec, types: Sequence[str], filters: Any, sid: int = 0) -> None:
        for pattern in types:
            if not valid_pattern(pattern):
                hint = "tokens between dots, * for one, > at the end for the rest"
                raise InvalidSubscription(f"{pattern!r} is no pattern", hint=hint)
        self.codec = codec
        self.types = tuple(sorted(set(types)))
        self.filters = filters or []
        self.sid = sid
        self.wants = Patterns(self.types).matches
        self._fits = compile_filters(filters)
        #: What is wanted, the same bytes for the same wish.
        self.terms = msgspec.json.encode((self.types, self.filters), order="deterministic")
        if len(self.terms) > MOST_TERMS:
            raise InvalidSubscription(f"types and filters of more than {MOST_TERMS} bytes")

    def plain(self, block: Block) -> bool:
        """Whether it is known without looking at its events which of them are wanted."""
        verdicts = set(map(self.wants, block.types))
        return verdicts == {False} or (verdicts == {True} and self._fits is None)

    def pick(self, block: Block, begin: int = 0) -> Sequence[int]:
        """The indices of the events that are wanted, from ``begin`` on."""
        verdicts = set(map(self.wants, block.types))
        if verdicts == {False}:
            return ()
        if verdicts == {True} and self._fits is None:
            return range(begin, block.count)
        chosen: Sequence[int] = range(begin, block.count)
        if verdicts != {True}:
            kinds = types_of(block)
            chosen = [index for index in chosen if self.wants(kinds[index])]
        return self.sift(block, chosen)

    def sift(self, block: Block, indices: Sequence[int]) -> Sequence[int]:
        """Those of the indices whose events pass the filters."""
        if self._fits is None or not indices:
            return indices
        events = decode(block)
        return [index for index in indices if self._fits(events[index].attributes)]

    def write(self, block: Block, indices: Sequence[int]) -> list[bytes]:
        """These events as they stand in a message."""
        return placed(block, None if len(indices) == block.count else indices, json=self.codec.text)

    def frame(self, events: Sequence[bytes], start: int, end: int, *, missing: bool = False) -> Frame:
        """A message of events that are written."""
        data = self.codec.events(self.sid, events, end)
        return Frame(data, self.codec.text, len(events), start, end, missing=missing)
