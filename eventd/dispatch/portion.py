"""The events that a consumer gets at once, cut out of the journal's blocks.

Blocks are as large as they came, batches as large as the consumer wants: small blocks
are put together, large ones are handed out in parts. Nothing is decoded before someone
looks, except where a block has types that the consumer does not want.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from eventd.event import Block, Event
from eventd.formats.blocks import decode

__all__ = ["Backlog", "Portion"]

Types = Mapping[str, type[Event]]


class View:
    """One block as one consumer sees it: the indices that it wants, in order, from ``at`` on."""

    __slots__ = ("_decoded", "at", "block", "chosen", "types")

    def __init__(self, block: Block, start: int, wants: Callable[[str], bool], types: Types) -> None:
        self.block = block
        self.types = types
        self.at = 0
        self._decoded: list[Event] | None = None
        self.chosen = self._choose(range(start, block.count), wants)

    def events(self) -> list[Event]:
        """All events of the block, decoded once for all who look through this view."""
        if self._decoded is None:
            self._decoded = decode(self.block, self.types)
        return self._decoded

    def decode_again(self) -> list[Event]:
        """The events as the journal has them, whatever a handler did to those it got."""
        self._decoded = None
        return self.events()

    @property
    def left(self) -> int:
        """How many are not handed out yet."""
        return len(self.chosen) - self.at

    @property
    def next(self) -> int:
        """The offset up to which nothing is left to hand out."""
        return self.block.first + self.chosen[self.at] if self.left else self.block.end

    def _choose(self, indices: range, wants: Callable[[str], bool]) -> Sequence[int]:
        verdicts = set(map(wants, self.block.types))
        if verdicts == {True}:
            return indices
        if verdicts == {False}:
            return ()
        events = self.events()
        return [index for index in indices if wants(events[index].type)]


class Portion:
    """Events to handle together: ``count`` of them; below ``end``, nothing else is left to handle."""

    def __init__(self, slices: list[tuple[View, int, int]], end: int) -> None:
        self._slices = slices
        self._used: set[int] | None = None
        self.count = sum(stop - start for _, start, stop in slices)
        self.end = end

    def load(self) -> list[Event]:
        """The events, decoded."""
        if len(self._slices) == 1:
            return self._slice(*self._slices[0])
        return [event for part in self._slices for event in self._slice(*part)]

    def reload(self) -> list[Event]:
        """The events, decoded again."""
        for view, _, _ in self._slices:
            view.decode_again()
        return self.load()

    def event(self, index: int) -> Event:
        """One event, as the journal has it: never one that was handed out before."""
        if self._used is None or index in self._used:
            self._used = set()
            for view, _, _ in self._slices:
                view.decode_again()
        self._used.add(index)
        view, place = self._find(index)
        return view.events()[place]

    def offset(self, index: int) -> int:
        """Where an event stands in the journal."""
        view, place = self._find(index)
        return view.block.first + place

    @staticmethod
    def _slice(view: View, start: int, stop: int) -> list[Event]:
        events = view.events()
        chosen = view.chosen[start:stop]
        if len(chosen) == len(events):
            return events
        if isinstance(chosen, range):
            return events[chosen.start : chosen.stop]
        return [events[index] for index in chosen]

    def _find(self, index: int) -> tuple[View, int]:
        for view, start, stop in self._slices:
            if index < stop - start:
                return view, view.chosen[start + index]
            index -= stop - start
        raise IndexError(index)


class Backlog:
    """What a consumer has read and not handled yet."""

    def __init__(self, wants: Callable[[str], bool], types: Types) -> None:
        self._wants = wants
        self._types = types
        self._views: deque[View] = deque()
        #: How many events wait to be cut.
        self.count = 0

    def add(self, block: Block, position: int) -> int:
        """Take the events of ``block`` from ``position`` on; the bytes that are kept for those that are wanted."""
        view = View(block, max(0, position - block.first), self._wants, self._types)
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

    def cut(self, most: int) -> Portion | None:
        """The next ``most`` events or fewer, past those that nobody wants; ``None`` when there is nothing."""
        if not self._views:
            return None
        slices: list[tuple[View, int, int]] = []
        end = 0
        while self._views and (most or not self._views[0].left):
            view = self._views[0]
            taken = min(most, view.left)
            if taken:
                slices.append((view, view.at, view.at + taken))
                view.at += taken
                most -= taken
                self.count -= taken
            end = view.next
            if view.left:
                break
            self._views.popleft()
        return Portion(slices, end)
