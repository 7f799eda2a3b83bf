"""Volatile events on their way to those who want them: in memory, and bounded there.

    deliver ──► Post ──► Inbox of each consumer that wants one ──► its consumer cuts portions

An inbox that is full drops its oldest events and counts them: whoever publishes is never
held up by a consumer that is slow. Nothing here knows the journal.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping

from eventd.dispatch.portion import Part, Portion, View
from eventd.event import Block, Draft, Event
from eventd.formats.blocks import merge, split
from eventd.formats.selection import sort_out
from eventd.routing import Patterns, Router

__all__ = ["Inbox", "Post"]

#: Bytes that one inbox holds.
MOST_BYTES = 16 << 20
#: What a block costs beside its body.
ENTRY = 512
#: Added to the nanoseconds since 1970: negative until 2116, so that no number is an offset in the journal.
FIRST = -(1 << 62)


class Inbox:
    """What one consumer has not handled yet.

    :param wants: whether it wants events of a type. :param wake: called when something came.
    """

    def __init__(
        self,
        wants: Callable[[str], bool],
        types: Mapping[str, type[Event]],
        wake: Callable[[], None],
        most: int = MOST_BYTES,
    ) -> None:
        self._wants = wants
        self._types = types
        self._wake = wake
        self._most = most
        self._views: deque[View] = deque()
        self.size = 0
        #: Events that are here, that ever came, and that were dropped.
        self.count = 0
        self.came = 0
        self.dropped = 0

    def put(self, block: Block) -> int:
        """Take what is wanted of a block; how many events were dropped for it."""
        view = View(block, self._types, range(block.count))
        view.choose(self._wants, ())
        if not view.left:
            return 0
        self._views.append(view)
        self.size += _size(block)
        self.count += view.left
        self.came += view.left
        dropped = self._make_room()
        self._wake()
        return dropped

    def cut(self, most: int) -> Portion | None:
        """The next ``most`` events or fewer, in the order in which they came."""
        parts: list[Part] = []
        while self._views and most:
            view = self._views[0]
            taken = min(most, view.left)
            parts.append((view, view.chosen[view.at : view.at + taken]))
            view.at += taken
            self.count -= taken
            most -= taken
            if not view.left:
                self._pop()
        return Portion(parts, -1) if parts else None

    def _make_room(self) -> int:
        dropped = 0
        while self.size > self._most and len(self._views) > 1:
            dropped += self._views[0].left
            self._pop()
        self.count -= dropped
        self.dropped += dropped
        return dropped

    def _pop(self) -> None:
        self.size -= _size(self._views.popleft().block)


class Post:
    """Brings volatile events to all who want them; for the hub.

    :param volatile: the types whose events skip the journal. :param types: the classes of event types.
    """

    def __init__(self, volatile: frozenset[str], types: Mapping[str, type[Event]]) -> None:
        self._volatile = volatile
        self._types = types
        self._router: Router[Inbox] = Router()
        self._inboxes: list[Inbox] = []
        #: Told each block of volatile events, beside the inboxes.
        self.along: Callable[[Block], object] = lambda block: None
        # Rising from one daemon to the next: dead letters are known by it.
        self._next = FIRST + time.time_ns()

    def subscribe(self, patterns: tuple[str, ...], wake: Callable[[], None]) -> Inbox | None:
        """An inbox for who wants these types; ``None`` where none of the volatile ones is among them."""
        wants = Patterns(patterns).matches
        if not any(map(wants, self._volatile)):
            return None
        inbox = Inbox(wants, self._types, wake)
        for pattern in patterns:
            self._router.add(pattern, inbox)
        self._inboxes.append(inbox)
        return inbox

    @property
    def size(self) -> int:
        """Bytes in all inboxes."""
        return sum(inbox.size for inbox in self._inboxes)

    @property
    def most(self) -> int:
        """The bytes that all inboxes may hold."""
        return MOST_BYTES * len(self._inboxes)

    def deliver(self, drafts: list[Draft]) -> None:
        """Put volatile events into the inboxes of those who want them."""
        received = time.time_ns()
        for draft in merge(drafts):
            for part in split(draft):
                block = Block(self._next, part.count, part.encoding, part.types, received, part.body, part.origin)
                self._next += part.count
                self.along(block)
                for inbox in self._wanted_by(block):
                    inbox.put(block)

    def sift(self, drafts: list[Draft]) -> list[Draft]:
        """Deliver what is volatile of what a handler emitted; the rest, for the journal."""
        if not self._volatile or not drafts:
            return drafts
        durable, volatile = sort_out(drafts, self._volatile)
        if volatile:
            self.deliver(volatile)
        return durable

    def _wanted_by(self, block: Block) -> list[Inbox]:
        if not block.types:
            return self._inboxes
        return list(dict.fromkeys(inbox for type in block.types for inbox in self._router.match(type)))


def _size(block: Block) -> int:
    return len(block.body) + ENTRY
