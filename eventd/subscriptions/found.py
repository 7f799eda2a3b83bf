"""Events that were handed out before, found in the journal again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from eventd.event import Block
from eventd.journal import Journal

__all__ = ["Found", "Picked", "find"]

#: A block, and which of its events are meant.
Picked = tuple[Block, Sequence[int]]


class Found(NamedTuple):
    """Events, offsets that the journal does not have any more, and those that were not looked for yet."""

    events: list[Picked]
    gone: list[int]
    left: list[int]


def find(journal: Journal, offsets: Sequence[int], most_bytes: int) -> Found:
    """The events at ``offsets``, which rise, up to about so many bytes.

    :raises JournalUnavailable: when the disk does not answer.
    """
    events: list[Picked] = []
    gone: list[int] = []
    left = list(offsets)
    while left and most_bytes > 0:
        blocks = journal.read(left[0], 1)
        if not blocks or blocks[0].first > left[0]:
            gone.append(left.pop(0))
            continue
        block = blocks[0]
        within = [offset - block.first for offset in left if offset < block.end]
        events.append((block, within))
        most_bytes -= len(block.body)
        del left[: len(within)]
    return Found(events, gone, left)
