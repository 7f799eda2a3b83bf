"""The edge of the journal, for all subscribers of one shape: what comes is cut once and written to each.

    feed ── wake ──► Live ── advance ──► a frame ──► every member's stream

A member has everything before ``position``. One that has no credit, or does not read as fast
as events come, falls back and catches up in its own time; nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from eventd.dispatch.feed import Feed
from eventd.event import Block
from eventd.journal import Journal
from eventd.subscriptions.frames import Cutter
from eventd.subscriptions.outlet import Writable
from eventd.subscriptions.shape import Frame

__all__ = ["Live", "Member", "Timers"]

#: Bytes of messages that are handed out in one go; the rest follows when others had their turn. As one message
#: has: what lies in front of a socket is then the bytes that all share, and not a joined copy for each.
BYTES_A_PASS = 128 * 1024
#: Offsets that pass without anything wanted, after which the members are told how far the journal is.
TOLD_AFTER = 1000


class Timers(Protocol):
    """The part of the hub that is needed here."""

    def call_soon(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` at the end of this pass."""


class Member(Protocol):
    """A subscriber at the edge. ``credit`` is how many events it takes; infinite where it takes all."""

    stream: Writable
    deflate: int
    window: int
    credit: float

    def fall_back(self, position: int) -> None:
        """Catch up from there by itself."""


class Live:
    """Subscribers of one shape."""

    def __init__(self, cutter: Cutter, journal: Journal, feed: Feed, timers: Timers) -> None:
        self._cutter = cutter
        self._journal = journal
        self._feed = feed
        self._timers = timers
        self._members: dict[Member, None] = {}
        self._scheduled = False
        self._position = feed.offset
        self._told = feed.offset

    def __len__(self) -> int:
        return len(self._members)

    @property
    def position(self) -> int:
        """The offset before which each member has everything that it wants."""
        if not self._scheduled:
            # Whatever the feed has passed since then was not wanted.
            self._position = max(self._position, self._feed.offset)
        return self._position

    def join(self, member: Member) -> None:
        """Let one in that has everything before ``position``."""
        self._members[member] = None

    def leave(self, member: Member) -> None:
        """Let one go, whether it is here or not."""
        self._members.pop(member, None)

    def wake(self, offset: int) -> None:
        """An event at ``offset`` or behind it is wanted, none between here and there is: what the feed says."""
        if not self._scheduled:
            # Not ``offset``: where that is farther than the feed has passed, something is missing between them.
            self._position = max(self._position, self._feed.offset)
            self._schedule()

    def advance(self) -> None:
        """Hand out what there is, from memory."""
        self._scheduled = False
        # From here on the position is what has been cut, not what the feed has passed.
        position, left = self._position, BYTES_A_PASS
        if not self._members:
            # All of them lag, or there are none: nothing is cut for nobody.
            position = self._journal.end
        while position < self._journal.end and left > 0:
            frame = self._cutter.recent(position)
            if frame is None or frame.missing:
                # Not in memory any more, or lost: each reads on by itself, and tells its client.
                self._position = self._journal.end
                self._send_away(position)
                position = self._position
                break
            # Before it is handed out: who falls back to where the frame begins must not find the edge there.
            self._position = position = frame.end
            if frame.count:
                left -= len(frame.data)
                self._hand_out(frame)
        self._position = position
        if position < self._journal.end:
            self._schedule()

    def deliver(self, block: Block) -> tuple[int, int]:
        """Hand out events that are in no journal, to those who are here; how many are wanted, and how many got them."""
        shape = self._cutter.shape
        chosen = shape.pick(block)
        if not chosen or not self._members:
            return len(chosen), 0
        return len(chosen), self._hand_out(shape.frame(shape.write(block, chosen), self.position, self.position))

    def tell(self) -> None:
        """Let the members know how far the journal is, where that has grown much."""
        if self._members and not self._scheduled and self.position - self._told >= TOLD_AFTER:
            self._hand_out(self._cutter.shape.frame([], self._position, self._position))

    def _schedule(self) -> None:
        self._scheduled = True
        self._timers.call_soon(self.advance)

    def _hand_out(self, frame: Frame) -> int:
        """Write to all who have the credit for it; how many have."""
        count, self._told = frame.count, frame.end
        poor = 0
        behind: list[tuple[Member, int]] = []
        for member in self._members:
            stream = member.stream
            # Before it is written, too: one connection may have many subscriptions.
            if member.credit < count or stream.buffered > member.window:
                poor += 1
                behind.append((member, frame.start))
                continue
            member.credit -= count
            stream.write(frame.frame(member.deflate))
            if stream.buffered > member.window:
                behind.append((member, frame.end))
        reached = len(self._members) - poor
        for member, position in behind:
            del self._members[member]
            member.fall_back(position)
        return reached

    def _send_away(self, position: int) -> None:
        members, self._members = self._members, {}
        for member in members:
            member.fall_back(position)
