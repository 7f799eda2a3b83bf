"""What a consumer has of the journal: read ahead of what it handles, and cut into portions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from eventd.dispatch.portion import ANY_SIZE, Backlog, Portion
from eventd.dispatch.progress import Ranges
from eventd.event import Event
from eventd.journal import Journal

__all__ = ["Intake"]

log = logging.getLogger(__name__)

#: Bytes that are read for one batch at most, however long it may wait for more.
FILLED_BYTES = 8 << 20
#: Seconds after which one that waits for its batch to fill looks whether it is to stop.
LOOK_UP = 0.5


class Intake:
    """Reads for one consumer.

    :param wants: whether it wants events of a type.
    """

    def __init__(
        self, name: str, journal: Journal, wants: Callable[[str], bool], types: Mapping[str, type[Event]]
    ) -> None:
        self._name = name
        self._journal = journal
        self._backlog = Backlog(wants, types)
        #: Up to where the journal is read.
        self.position = 0

    @property
    def count(self) -> int:
        """How many events are at hand."""
        return self._backlog.count

    def start(self, position: int, done: Ranges) -> None:
        """Forget what was read, and read from ``position`` on, without what is done already."""
        self._backlog.clear()
        self._backlog.done = done
        self.position = position

    def skip_to(self, position: int) -> None:
        """What lies before ``position`` is not wanted."""
        self.position = max(self.position, position)

    def cut(self, most: int, size: int = ANY_SIZE) -> Portion | None:
        """The next events, about ``size`` bytes of them; ``None`` where nothing was read."""
        return self._backlog.cut(most, size)

    def read(self) -> int:
        """Read what the journal has next; the bytes of what is wanted of it."""
        end = self._journal.end
        blocks = self._journal.read(self.position)
        size = 0
        for block in blocks:
            size += self._backlog.add(block, self.position)
            self.position = block.end
        if not blocks and end > self.position:
            log.warning("%s: events %d to %d are not in the journal any more", self._name, self.position, end - 1)
            self.position = end
        return size

    def fill(self, count: int, until: float, goes_on: Callable[[], bool]) -> None:
        """Read until there are ``count`` events, or the time (of ``time.monotonic``) has come.

        :param goes_on: asked again and again whether to wait on.
        """
        size = 0
        while self.count < count and size < FILLED_BYTES and goes_on():
            left = until - time.monotonic()
            if left <= 0:
                return
            self._journal.wait(self.position, min(left, LOOK_UP))
            size += self.read()
