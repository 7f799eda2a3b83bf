"""The events that a consumer gets at once, cut out of the journal's blocks.

Blocks are as large as they came, batches as large as the consumer wants: small blocks
are put together, large ones are handed out in parts. Nothing is decoded before someone
looks, except where a block has types that the consumer does not want.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from eventd.dispatch.ordering import Waiting
from eventd.dispatch.progress import Ranges, covers, without
from eventd.event import Block, Event
from eventd.formats.apart import alone, pieces
from eventd.formats.blocks import decode

__all__ = ["Backlog", "Part", "Portion", "View"]

Types = Mapping[str, type[Event]]

#: More bytes than there are.
ANY_SIZE = 1 << 62


class View:
    """One block as one consumer sees it: the indices that it wants, in order, from ``at`` on."""

    __slots__ = ("_decoded", "_pieces", "at", "block", "chosen", "types")

    def __init__(self, block: Block, types: Types, chosen: Sequence[int] = range(1)) -> None:
        self.block = block
        self.types = types
        self.at = 0
        self._decoded: list[Event] | None = None
        self._pieces: Sequence[msgspec.Raw] | None = None
        self.chosen = chosen

    def events(self) -> list[Event]:
        """All events of the block, decoded once for all who look through this view."""
        if self._decoded is None:
            self._decoded = decode(self.block, self.types)
        return self._decoded

    def alone(self, index: int) -> Block:
        """One event as a block of its own."""
        if self.block.count == 1:
            return self.block
        if self._pieces is None:
            self._pieces = pieces(self.block)
        return alone(self.block, self._pieces, index)

    def choose(self, wants: Callable[[str], bool], done: Ranges) -> None:
        """Leave out what is not wanted, and what is done already."""
        self.chosen = self._wanted(wants)
        first, end = self.block.first, self.block.end
        if done and covers(done, first, end):
            self.chosen = [offset - first for offset in without([first + index for index in self.chosen], done)]

    @property
    def left(self) -> int:
        """How many are not handed out yet."""
        return len(self.chosen) - self.at

    @property
    def next(self) -> int:
        """The offset up to which nothing is left to hand out."""
        return self.block.first + self.chosen[self.at] if self.left else self.block.end

    def _wanted(self, wants: Callable[[str], bool]) -> Sequence[int]:
        verdicts = set(map(wants, self.block.types))
        if verdicts == {True}:
            return self.chosen
        if verdicts == {False}:
            return ()
        events = self.events()
        return [index for index in self.chosen if wants(events[index].type)]


#: A part of a portion: indices into one block.
Part = tuple[View, Sequence[int]]


class Portion:
    """Events to handle together: ``count`` of them; below ``end``, nothing else is left to handle.

    ``waiting`` has what is known of those that waited for this, and is empty for a first attempt.
    """

    def __init__(self, parts: list[Part], end: int, waiting: Sequence[Waiting] = ()) -> None:
        self._parts = parts
        self.count = sum([len(chosen) for _, chosen in parts])
        self.end = end
        self.waiting = waiting

    @classmethod
    def of(cls, waiting: Sequence[Waiting], types: Types) -> Portion:
        """Those whose time has come."""
        return cls([(View(one.block, types), range(1)) for one in waiting], -1, waiting)

    @property
    def blocks(self) -> list[tuple[Block, Sequence[int]]]:
        """The blocks that it is cut of, and which of their events belong to it."""
        return [(view.block, chosen) for view, chosen in self._parts]

    @property
    def offsets(self) -> list[int]:
        """Where its events stand in the journal."""
        return [view.block.first + index for view, chosen in self._parts for index in chosen]

    def load(self) -> list[Event]:
        """The events, decoded."""
        if len(self._parts) == 1:
            return self._events(*self._parts[0])
        return [event for part in self._parts for event in self._events(*part)]

    def event(self, index: int) -> Event:
        """One event, as the journal has it, whatever a handler did to the one that it got."""
        view, place = self._find(index)
        return decode(view.alone(place), view.types)[0]

    def block(self, index: int) -> Block:
        """One event as a block of its own."""
        view, place = self._find(index)
        return view.alone(place)

    def between(self, begin: int, end: int) -> Portion:
        """The events from index ``begin`` on, up to ``end``."""
        parts: list[Part] = []
        at = 0
        for view, chosen in self._parts:
            some = chosen[max(0, begin - at) : max(0, end - at)]
            if some:
                parts.append((view, some))
            at += len(chosen)
        return Portion(parts, self.end)

    def besides(self, indices: Collection[int]) -> Portion:
        """The same without some of the events."""
        parts: list[Part] = []
        index = 0
        for view, chosen in self._parts:
            parts.append((view, [place for place in chosen if (index := index + 1) - 1 not in indices]))
        return Portion(parts, self.end)

    @staticmethod
    def _events(view: View, chosen: Sequence[int]) -> list[Event]:
        events = view.events()
        if len(chosen) == len(events):
            return events
        if isinstance(chosen, range):
            return events[chosen.start : chosen.stop]
        return [events[index] for index in chosen]

    def _find(self, index: int) -> tuple[View, int]:
        for view, chosen in self._parts:
            if index < len(chosen):
                return view, chosen[index]
            index -= len(chosen)
        raise IndexError(index)


class Backlog:
    """What a consumer has read and not handled yet."""

    def __init__(self, wants: Callable[[str], bool], types: Types) -> None:
        self._wants = wants
        self._types = types
        #: What an earlier run has done of what is still to be read.
        self.done: Ranges = ()
        self._views: deque[View] = deque()
        #: How many events wait to be cut.
        self.count = 0

    def add(self, block: Block, position: int) -> int:
        """Take the events of ``block`` from ``position`` on; the bytes that are kept for those that are wanted."""
        view = View(block, self._types, range(max(0, position - block.first), block.count))
        view.choose(self._wants, self.done)
        if self._views and not self._views[-1].left:
            # Nothing of it is wanted, and where it ends the next one begins.
            self._views.pop()
        self._views.append(view)
        self.count += view.left
        return len(block.body) if view.left else 0

    def clear(self) -> None:
        """Forget what was read."""
        self._views.clear()
        self.count = 0

    def cut(self, most: int, size: int = ANY_SIZE) -> Portion | None:
        """The next ``most`` events or fewer, past those that nobody wants; ``None`` when there is nothing.

        :param size: about how many bytes of them; at least one event is given.
        """
        if not self._views:
            return None
        parts: list[Part] = []
        end = 0
        while self._views and (most or not self._views[0].left):
            view = self._views[0]
            mean = len(view.block.body) // view.block.count + 1
            taken = min(most, view.left, max(size // mean, 0 if parts else 1))
            if taken:
                size -= taken * mean
                parts.append((view, view.chosen[view.at : view.at + taken]))
                view.at += taken
                most -= taken
                self.count -= taken
            end = view.next
            if view.left:
                break
            self._views.popleft()
        return Portion(parts, end)
