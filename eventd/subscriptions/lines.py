"""Live subscriptions, those that ask for the same together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator
from typing import Any

from eventd.dispatch.feed import Feed
from eventd.event import Block
from eventd.green import Hub
from eventd.journal import Journal
from eventd.protocol.native import Codec
from eventd.routing import Patterns, Router
from eventd.subscriptions.frames import Cutter, FrameCache
from eventd.subscriptions.live import Live
from eventd.subscriptions.pace import Pace
from eventd.subscriptions.presence import naming_presence
from eventd.subscriptions.shape import Shape
from eventd.subscriptions.subscriber import Subscriber

__all__ = ["Line", "Lines"]


class Line:
    """All subscriptions of one shape."""

    def __init__(self, key: tuple[str, bytes, int], shape: Shape, cutter: Cutter, live: Live) -> None:
        self.key = key
        self.shape = shape
        self.cutter = cutter
        self.live = live
        self.subscribers: set[Subscriber] = set()
        #: Whether it asks for an event of presence, by a pattern that names such.
        self.asks_for = Patterns(naming_presence(shape.types)).matches


class Lines:
    """Every line that somebody holds.

    :param sids: numbers for shapes, none twice.
    """

    def __init__(self, journal: Journal, feed: Feed, timers: Hub, sids: Callable[[], int]) -> None:
        self._journal = journal
        self._feed = feed
        self._timers = timers
        self._sids = sids
        self._cache = FrameCache()
        self._pace = Pace(lambda: timers.passes)
        self._lines: dict[tuple[str, bytes, int], Line] = {}
        self._router: Router[Line] = Router()

    def __iter__(self) -> Iterator[Line]:
        return iter(list(self._lines.values()))

    def find(self, codec: Codec, types: list[str], filters: Any, taken: Collection[int]) -> Line:
        """The line of a shape; not one whose ``sid`` is taken on the connection that asks.

        :raises InvalidSubscription: when a pattern or a filter cannot be understood.
        """
        shape = Shape(codec, types, filters)
        for number in itertools.count():
            key = (codec.name, shape.terms, number)
            line = self._lines.get(key)
            if line is None:
                return self._open(key, shape)
            if line.shape.sid not in taken:
                return line
        raise AssertionError("counting ended")

    def let_go(self, line: Line) -> None:
        """Drop a line that nobody holds any more."""
        if not line.subscribers and self._lines.pop(line.key, None) is not None:
            self._feed.unsubscribe(line.live)
            for pattern in line.shape.types:
                self._router.remove(pattern, line)

    def deliver(self, block: Block, drop: Callable[[int], object]) -> None:
        """Hand out volatile events; ``drop`` is told how many were not, since who wants them lags."""
        for line in self._wanting(block):
            events, reached = line.live.deliver(block)
            drop(events * (len(line.subscribers) - reached))

    def announce(self, block: Block) -> None:
        """Hand out an event of presence to those who ask for such."""
        for line in self._router.match(block.types[0]):
            if line.asks_for(block.types[0]):
                line.live.deliver(block)

    def forget_frames(self) -> None:
        """What was cut is not what the journal has now."""
        self._cache.clear()

    def _open(self, key: tuple[str, bytes, int], shape: Shape) -> Line:
        shape.sid = self._sids()
        cutter = Cutter(shape, self._journal, self._cache, self._pace)
        line = Line(key, shape, cutter, Live(cutter, self._journal, self._feed, self._timers))
        self._lines[key] = line
        self._feed.subscribe(shape.types, line.live)
        for pattern in shape.types:
            self._router.add(pattern, line)
        return line

    def _wanting(self, block: Block) -> list[Line]:
        if not block.types:
            return list(self._lines.values())
        return list(dict.fromkeys(line for type in block.types for line in self._router.match(type)))
