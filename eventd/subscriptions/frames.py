"""``events`` messages cut from the journal: made once for all who asked for the same and are at the same place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from time import perf_counter

from eventd.event import Block
from eventd.journal import Journal
from eventd.subscriptions.pace import Pace
from eventd.subscriptions.shape import Frame, Shape

__all__ = ["Cutter", "FrameCache"]

#: Bytes of events above which a message ends with the block that it is in: large enough to be written
#: cheaply, small beside a window.
MOST_BYTES = 128 * 1024
#: Bytes of blocks that are looked through for one message.
LOOKED_THROUGH = 1 << 20
#: Bytes of messages that are kept for others who come to the same place; framed, each is there once more.
KEPT_BYTES = 8 << 20
#: What a kept message costs beside its bytes.
ENTRY = 400


class FrameCache:
    """The messages that were cut last, of all shapes, bounded in bytes."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._frames: OrderedDict[tuple[int, int], Frame] = OrderedDict()
        self.size = 0

    def get(self, shape: Shape, position: int) -> Frame | None:
        """The message at a place, if it is still known."""
        frame = self._frames.get((shape.sid, position))
        if frame is not None:
            self._frames.move_to_end((shape.sid, position))
        return frame

    def clear(self) -> None:
        """Know nothing."""
        self._frames.clear()
        self.size = 0

    def put(self, shape: Shape, position: int, frame: Frame) -> None:
        """Keep a message; the least used go for it."""
        before = self._frames.pop((shape.sid, position), None)
        self.size += len(frame.data) + ENTRY - (0 if before is None else len(before.data) + ENTRY)
        self._frames[shape.sid, position] = frame
        while self.size > self._limit:
            _, gone = self._frames.popitem(last=False)
            self.size -= len(gone.data) + ENTRY


class Cutter:
    """Cuts messages of one shape, wherever in the journal."""

    def __init__(self, shape: Shape, journal: Journal, cache: FrameCache, pace: Pace) -> None:
        self.shape = shape
        self._journal = journal
        self._cache = cache
        self._pace = pace

    def recent(self, position: int) -> Frame | None:
        """The message at ``position``, from memory and without waiting; ``None`` where it is only on the disk."""
        known = self._cache.get(self.shape, position)
        if known is not None:
            return known
        blocks = self._journal.recent(position, LOOKED_THROUGH)
        return None if blocks is None else self._keep(position, self._cut(blocks, position))

    def read(self, position: int, most: int | None = None) -> Frame:
        """The message at ``position``, with ``most`` events at most; it may be without any, and only lead on.

        :raises JournalUnavailable: when the disk does not answer.
        """
        known = self._cache.get(self.shape, position)
        if known is not None and (most is None or known.count <= most):
            return known
        self._pace.wait()
        end = self._journal.end
        blocks = self._journal.read(position, LOOKED_THROUGH)
        if not blocks:
            return self.shape.frame([], end, end, missing=end > position)
        began = perf_counter()
        frame = self._cut(blocks, position, most)
        self._pace.took(perf_counter() - began)
        return frame if most is not None else self._keep(position, frame)

    def _keep(self, position: int, frame: Frame) -> Frame:
        if frame.count:
            self._cache.put(self.shape, position, frame)
        return frame

    def _cut(self, blocks: Sequence[Block], position: int, most: int | None = None) -> Frame:
        start = at = max(position, blocks[0].first) if blocks else position
        events: list[bytes] = []
        size = 0
        # What has to be taken apart to see what is wanted of it counts like what is written.
        for block in blocks:
            if block.first > at:
                # Something is missing here: the next message begins behind it, and says so.
                break
            chosen = self.shape.pick(block, at - block.first)
            cut = most is not None and len(chosen) > most - len(events)
            if cut:
                assert most is not None
                chosen = chosen[: most - len(events)]
            if chosen:
                events += self.shape.write(block, chosen)
            if chosen or not self.shape.plain(block):
                size += len(block.body)
            at = block.first + chosen[-1] + 1 if cut and chosen else (at if cut else block.end)
            if cut or size >= MOST_BYTES:
                break
        return self.shape.frame(events, start, at, missing=start > position)
