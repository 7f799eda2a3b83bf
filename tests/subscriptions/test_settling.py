"""What members settle becomes durable soon, whatever the journal does meanwhile, and is counted once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventd.dispatch import commits
from eventd.errors import EventdError, JournalUnavailable, Superseded
from eventd.event import Block
from eventd.journal import Unit
from eventd.subscriptions import group as group_module
from eventd.subscriptions.settling import TERMS
from tests.subscriptions.members import NAME, Joined, balanced, caught_up, dead, durable, group
from tests.subscriptions.world import World, on_hub, wait


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "TRY_AGAIN", 0.01)
    monkeypatch.setattr(group_module, "TRY_AGAIN", 0.01)


class Refusing:
    """The journal's door, which refuses units of the subscription while it is told to."""

    def __init__(self, world: World, error: Callable[[], EventdError]) -> None:
        self._submit = world.journal.submit
        self._bridge = world.bridge
        self._error = error
        #: What is refused; nothing of itself.
        self.refuses: Callable[[Unit], bool] = lambda unit: False
        self.refused: list[Unit] = []
        world.journal.submit = self.submit  # type: ignore[method-assign]  # the journal of this test

    def submit(self, unit: Unit, done: Any) -> None:
        if NAME in unit.moves and self.refuses(unit):
            self.refused.append(unit)
            self._bridge.post(done, self._error())
        else:
            self._submit(unit, done)


def full() -> EventdError:
    return JournalUnavailable("the disk is full", retry_after=0.01)


@on_hub
def test_what_is_settled_is_durable_soon_and_written_together(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    with world:
        units: list[Unit] = []
        world.publish(100, each=10)
        member = Joined(world)
        member.got(*range(100))

        def looks(unit: Unit) -> bool:
            units.append(unit)
            return False

        door.refuses = looks
        for offset in range(99):
            member.settle(offset)
        assert balanced(world).settled == 99
        wait(lambda: durable(world) == (99, ()))
        assert len(units) <= 3


@on_hub
def test_the_record_is_where_the_books_are(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(6)
        member = Joined(world)
        member.got(*range(6))
        member.settle(0, 3, (4, 5))
        record, status = group(world).record, balanced(world)
        assert (record.offset, record.above, record.settled) == (1, ((3, 6),), 4)
        assert (status.cursor, status.settled, status.pending) == (1, 4, 2)
        wait(lambda: world.journal.consumers[NAME] == record)


@on_hub
def test_a_journal_that_refuses_for_a_while_loses_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    with world:
        world.publish(6)
        member = Joined(world)
        member.got(*range(6))
        door.refuses = lambda unit: len(door.refused) < 4
        member.settle((0, 2))
        member.settle(3, outcome="reject")
        wait(lambda: door.refused)
        assert balanced(world).settled == 3
        member.settle(4)
        world.publish(2)
        member.got(*range(8))
        member.settle((0, 7))
        caught_up(world, 7, 1)

        assert [letter.offset for letter in dead(world)] == [3]
        assert len(door.refused) >= 4


@on_hub
def test_a_letter_that_cannot_be_settled_at_once_is_settled_later_and_told_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    with world:
        world.publish(1)
        member = Joined(world)
        member.got(0)
        member.settle(0, outcome="reject")
        wait(lambda: dead(world))
        door.refuses = lambda unit: len(door.refused) < 3
        told: list[Any] = []
        group(world).retry(dead(world), lambda *it: told.append(it))
        member.got(0, 0)
        member.settle(0)
        wait(lambda: told == [(1, True)])
        caught_up(world, 1)
        assert (told, dead(world)) == ([(1, True)], [])


@on_hub
def test_it_ends_though_the_journal_refuses(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    with world:
        world.publish(3)
        member = Joined(world)
        member.got(0, 1, 2)
        door.refuses = lambda unit: True
        # One waits for the disk, one is gathered.
        member.settle(0, outcome="reject")
        wait(lambda: door.refused)
        member.settle(1)
    with World(tmp_path) as world:
        assert (balanced(world).settled, balanced(world).dead, durable(world)) == (0, 0, (0, ()))
        Joined(world).got(0, 1, 2)


@on_hub
def test_it_ends_though_a_letter_that_is_settled_after_all_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    told: list[Any] = []
    with world:
        world.publish(1)
        member = Joined(world)
        member.got(0)
        member.settle(0, outcome="reject")
        wait(lambda: dead(world))
        caught_up(world, 0, 1)
        group(world).retry(dead(world), lambda *it: told.append(it))
        member.got(0, 0)
        door.refuses = lambda unit: True
        member.settle(0)
        wait(lambda: door.refused)
    assert told == [(1, False)]
    with World(tmp_path) as world:
        assert (balanced(world).dead, len(dead(world))) == (1, 1)


@on_hub
def test_a_wish_that_cannot_be_written_is_not_promised(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    with world:
        door.refuses = lambda unit: len(door.refused) < 3
        Joined(world)
        assert len(door.refused) == 3
        assert NAME in world.journal.consumers


@on_hub
def test_where_the_journal_has_gone_another_way_it_begins_anew_from_what_is_durable(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, lambda: Superseded("another way"))
    with world:
        world.publish(5)
        member = Joined(world)
        member.got(*range(5))
        member.settle(0, 3)
        wait(lambda: durable(world) == (1, ((3, 4),)))
        door.refuses = lambda unit: not door.refused
        member.settle(1)
        # What was held, and what was settled and is not durable, comes a second time.
        member.got(*range(5), 1, 2, 4)
        balanced(world)
        member.settle((0, 4))
        caught_up(world, 5)


@on_hub
def test_where_it_begins_anew_nobody_settles_what_somebody_else_has_by_now(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, lambda: Superseded("another way"))
    with world:
        world.publish(3)
        one, other = Joined(world, credit=3), Joined(world, credit=0)
        one.got(0, 1, 2)
        door.refuses = lambda unit: not door.refused
        one.settle(0)
        other.client.say(op="credit", sid=other.sid, n=10)
        other.got(0, 1, 2)
        one.settle((0, 2))
        assert balanced(world).settled == 0
        other.settle((0, 2))
        caught_up(world, 3)


@on_hub
def test_where_it_begins_anew_letters_are_told_as_not_settled_and_can_be_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, lambda: Superseded("another way"))
    with world:
        world.publish(2)
        member = Joined(world)
        member.got(0, 1)
        member.settle(0, outcome="reject")
        wait(lambda: dead(world))
        told: list[Any] = []
        group(world).retry(dead(world), lambda *it: told.append(it))
        member.got(0, 1, 0)
        door.refuses = lambda unit: not door.refused
        member.settle(0)
        wait(lambda: told == [(1, False)])
        # The event that it held comes again, the letter does not of itself.
        member.got(0, 1, 0, 1)
        assert (balanced(world).dead, len(dead(world))) == (1, 1)
        group(world).retry(dead(world), lambda *it: told.append(it))
        member.got(0, 1, 0, 1, 0)
        member.settle((0, 1))
        wait(lambda: told == [(1, False), (1, True)])
        caught_up(world, 2)


@on_hub
def test_what_fails_for_another_reason_is_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with World(tmp_path) as world:
        member = Joined(world)
        world.publish(2)
        member.got(0, 1)
        member.settle(0)
        read, failed = world.journal.read, [0]

        def fails(offset: int, limit: int = 1) -> list[Block]:
            if offset == 2 and not failed[0]:
                failed[0] = 1
                raise ZeroDivisionError
            return read(offset, limit)

        wait(lambda: world.feed.offset == 2)
        world.journal.read = fails  # type: ignore[method-assign]  # the journal of this test
        world.publish(1)
        wait(lambda: member.offsets[-1] == 2)
        assert member.offsets in ([0, 1, 1, 2], [0, 1, 2])
        member.settle((0, 2))
        caught_up(world, 3)


@on_hub
def test_another_wish_is_durable_before_it_is_promised_though_places_are_under_way(tmp_path: Path) -> None:
    world = World(tmp_path)
    door = Refusing(world, full)
    with world:
        world.publish(3)
        one = Joined(world)
        one.got(0, 1, 2)
        one.settle((0, 1))
        one.leave()
        door.refuses = lambda unit: len(door.refused) < 3
        Joined(world, "b")
        assert len(door.refused) >= 3
        assert world.journal.state(NAME).get(TERMS) == group(world).shape.terms
