"""Durable subscriptions: those that the journal knows, with members or without."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator, Sequence
from typing import Any

import msgspec

from eventd.dispatch.feed import Feed
from eventd.dispatch.progress import ConsumerStatus
from eventd.errors import InvalidSubscription, JournalUnavailable, RateLimited
from eventd.green import Group as Greens
from eventd.green import Hub, Signal
from eventd.journal import ConsumerRecord, Journal
from eventd.protocol.native import JSON
from eventd.subscriptions.group import Group
from eventd.subscriptions.pace import Pace
from eventd.subscriptions.settling import TERMS
from eventd.subscriptions.shape import Shape

__all__ = ["PREFIX", "Groups"]

log = logging.getLogger(__name__)

#: Before the name of a durable subscription: its consumer in the journal, in the books and in commands.
PREFIX = "subscription:"
#: Seconds for one that is forgotten to end.
ENDS_WITHIN = 10.0


class Groups:
    """Every durable subscription.

    :param most: how many there may be; 0 is no limit. :param paused: those that hand out nothing.
    """

    def __init__(self, journal: Journal, feed: Feed, hub: Hub, most: int, paused: Container[str] = ()) -> None:
        self._journal = journal
        self._feed = feed
        self._hub = hub
        self._most = most
        self._paused = paused
        self._greens = Greens("subscriptions")
        self._pace = Pace(lambda: hub.passes)
        self._groups: dict[str, Group] = {}
        #: Those that are being forgotten, and what is set when they are gone.
        self._leaving: dict[str, Signal] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(list(self._groups.values()))

    def start(self) -> None:
        """Go on with those that the journal knows: what they do not want passes them by, members or not."""
        for name, record in list(self._journal.consumers.items()):
            if name.startswith(PREFIX):
                self._resume(name, record)

    def stop(self, timeout: float) -> bool:
        """Write where each one is; whether that was in time."""
        for group in self:
            group.stop()
        return self._greens.stop(timeout)

    def find(self, name: str, shape: Shape, position: int) -> tuple[Group, bool]:
        """The durable subscription of this name, and whether the journal has to be told of it or of its wish.

        A new one begins at ``position``. Nothing waits here: whoever enters may do so at once.

        :raises InvalidSubscription: when it has members that want something else.
        :raises RateLimited: when there are too many.
        """
        group = self._groups.get(PREFIX + name)
        if group is None:
            return self._create(PREFIX + name, shape, position), True
        if group.shape.terms != shape.terms:
            if group.admitted:
                raise InvalidSubscription(
                    f"{name} has members that ask for other types or filters", reason="conflict",
                    hint="all members of a durable subscription ask for the same",
                )  # fmt: skip
            group.adopt(shape)
            return group, True
        return group, False

    def knows(self, name: str) -> bool:
        """Whether there is one of this name."""
        return PREFIX + name in self._groups

    def forget(self, name: str) -> str:
        """Drop one without members: its place and what was not settled are gone; its full name.

        :raises KeyError: when there is none. :raises ValueError: when it has members.
        :raises JournalUnavailable: when the disk refuses; then it is still there.
        """
        name = name if name.startswith(PREFIX) else PREFIX + name
        group = self._groups.get(name)
        if group is None and (name in self._leaving or name not in self._journal.consumers):
            raise KeyError(name)
        if group is not None and group.admitted:
            raise ValueError(f"{name} has {len(group.admitted)} members: they have to unsubscribe first")
        self._groups.pop(name, None)
        gone = self._leaving[name] = Signal()
        try:
            self._end(name, group)
        finally:
            del self._leaving[name]
            gone.set()
        return name

    def await_leaving(self, name: str) -> None:
        """Wait for one of this name that is being forgotten: who comes now begins anew."""
        leaving = self._leaving.get(PREFIX + name)
        if leaving is not None:
            leaving.wait()

    def status(self) -> list[ConsumerStatus]:
        """How each is."""
        return [group.status() for group in self]

    def _resume(self, name: str, record: ConsumerRecord) -> None:
        kept = self._journal.state(name).get(TERMS)
        try:
            types, filters = msgspec.json.decode(kept or b"null", type=tuple[list[str], list[Any]])
            self._run(name, Shape(JSON, types, filters), record).known.set()
        except (msgspec.DecodeError, InvalidSubscription, JournalUnavailable):
            log.exception("%s: it is not known what it is subscribed to; it waits for a member", name)

    def _end(self, name: str, group: Group | None) -> None:
        if group is not None:
            group.stop()
            group.ended.wait(ENDS_WITHIN)
        try:
            self._journal.forget_consumer(name)
        except JournalUnavailable:
            if group is not None:
                self._run(name, group.shape, self._journal.consumers[name]).known.set()
            raise

    def _create(self, name: str, shape: Shape, position: int) -> Group:
        if self._most and len(self._groups) >= self._most:
            hint = "eventd handlers forget NAME, or [limits] durable_subscriptions"
            raise RateLimited(f"there are {self._most} durable subscriptions", hint=hint)
        record = self._journal.consumers.get(name, ConsumerRecord(position, since=position))
        return self._run(name, shape, record)

    def _run(self, name: str, shape: Shape, record: ConsumerRecord) -> Group:
        group = Group(name, shape, self._journal, self._feed, self._hub, self._greens, record, self._pace)
        group.hold(name in self._paused)
        self._groups[name] = group
        self._greens.spawn(name, group.run)
        return group

    def terms(self) -> dict[str, Sequence[str]]:
        """The patterns of each."""
        return {group.name: group.shape.types for group in self}
