"""Members of durable subscriptions, and the books of these, for tests."""

from __future__ import annotations

from typing import Any

from eventd.dispatch.progress import ConsumerStatus
from eventd.journal import DeadLetter
from eventd.protocol.native import JSON, Codec
from eventd.subscriptions.group import Group
from tests.subscriptions.world import Client, World, wait

__all__ = ["Joined", "balanced", "caught_up", "dead", "durable", "group"]

NAME = "subscription:it"


class Joined:
    """A client that is a member of ``it``, from the earliest event on where it is new."""

    def __init__(
        self, world: World, *types: str, codec: Codec = JSON, start: int | str = "earliest", **fields: Any
    ) -> None:
        self.client = Client(world, codec)
        self.told = self.client.subscribe(*types, **{"name": "it", "from": start, **fields})
        self.sid: int = self.told["sid"]

    @property
    def offsets(self) -> list[int]:
        """What came, in its order."""
        return self.client.offsets_of(self.sid)

    def got(self, *offsets: int) -> None:
        """Wait until just these came."""
        wait(lambda: self.offsets == list(offsets), f"{offsets}, not {self.offsets}")

    def settle(self, *ranges: int | tuple[int, int], outcome: str = "done", after: float | None = None) -> None:
        """Say what became of events."""
        fields = {} if after is None else {"after": after}
        assert self.client.say(op="settle", sid=self.sid, offsets=ranges, outcome=outcome, **fields) is None

    def leave(self) -> None:
        """Go, as a connection does."""
        self.client.close()


def group(world: World, name: str = NAME) -> Group:
    return next(group for group in world.subscriptions.groups if group.name == name)


def balanced(world: World, name: str = NAME) -> ConsumerStatus:
    """Every event stands in one column of the books, in none less than once."""
    status = group(world, name).status()
    assert status.settled + status.dead + status.passed + status.pending == world.journal.end - status.since
    assert min(status.settled, status.dead, status.passed, status.pending) >= 0, status
    return status


def caught_up(world: World, settled: int, dead: int = 0, name: str = NAME) -> ConsumerStatus:
    """Wait until the books say that so many are settled and given up, and nothing is left, in the journal as well."""

    def there() -> bool:
        status = balanced(world, name)
        record = world.journal.consumers.get(name)
        return (status.settled, status.dead, status.pending) == (settled, dead, 0) and record == group(
            world, name
        ).record

    wait(there, "the books to be right")
    return balanced(world, name)


def dead(world: World) -> list[DeadLetter]:
    return world.journal.dead_letters()


def durable(world: World, name: str = NAME) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Where the journal has it."""
    record = world.journal.consumers[name]
    return record.offset, record.above
