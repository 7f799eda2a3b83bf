"""How much a member takes, and what it may settle."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd import green
from eventd.subscriptions import member as module
from tests.subscriptions.members import Joined, balanced, caught_up, durable, group
from tests.subscriptions.world import World, on_hub, wait


@on_hub
def test_as_many_come_as_were_granted(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(10, each=3)
        member = Joined(world, credit=2)
        member.got(0, 1)
        # What is settled grants nothing.
        member.settle(0, 1)
        wait(lambda: balanced(world).settled == 2)
        member.client.say(op="credit", sid=member.sid, n=3)
        member.got(*range(5))
        member.client.say(op="credit", sid=member.sid, n=100)
        member.got(*range(10))


@on_hub
def test_without_credit_nothing_comes(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        poor, rich = Joined(world, credit=0), Joined(world)
        world.publish(10)
        rich.got(*range(10))
        assert poor.offsets == []


@on_hub
def test_who_grants_nothing_holds_a_thousand_at_most(tmp_path: Path) -> None:
    assert module.DEFAULT_CREDIT == 1000
    with World(tmp_path, window=1 << 24) as world:
        world.publish(2500, each=100)
        member = Joined(world)
        member.got(*range(1000))
        member.settle((0, 9), 20)
        member.got(*range(1011))
        member.settle((0, 1 << 50))
        member.got(*range(2011))
        member.settle((0, 1 << 50))
        member.got(*range(2500))
        member.settle((0, 1 << 50))
        caught_up(world, 2500)


@on_hub
def test_offsets_and_pairs_are_settled_wherever_they_are(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(10, each=4)
        member = Joined(world)
        member.got(*range(10))
        member.settle(9, (2, 3), 5, (2, 3), (100, 200))
        wait(lambda: durable(world) == (0, ((2, 4), (5, 6), (9, 10))))
        status = balanced(world)
        assert (status.settled, status.pending, status.cursor) == (4, 6, 0)
        member.settle((0, 1))
        wait(lambda: durable(world) == (4, ((5, 6), (9, 10))))
        member.settle((0, 1 << 50))
        caught_up(world, 10)


@on_hub
def test_what_somebody_else_holds_is_passed_over(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        one, other = Joined(world, credit=3), Joined(world, credit=0)
        world.publish(3)
        one.got(0, 1, 2)
        for outcome in ("done", "retry", "reject"):
            other.settle((0, 2), outcome=outcome)
        one.settle(1)
        one.settle(1)
        wait(lambda: durable(world) == (0, ((1, 2),)))

        assert balanced(world).settled == 1
        assert world.journal.dead_letters() == []


@on_hub
def test_who_has_gone_settles_nothing(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(2)
        one = Joined(world)
        one.got(0, 1)
        (member,) = group(world).members
        one.leave()
        member.settle([(0, 1)], "done", None)
        member.close()
        assert member.room == 0
        Joined(world).got(0, 1)
        assert balanced(world).settled == 0


@on_hub
def test_one_that_does_not_read_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 10)
    with World(tmp_path, window=1000) as world:
        joined = Joined(world)
        wait(lambda: group(world).members)
        (member,) = group(world).members
        assert (member.clogged, member.room) == (False, 10)
        joined.client.pause()
        joined.client.stream.write(b"x" * 1_000_000)
        assert (member.clogged, member.room) == (True, 0)
        joined.client.stream.close()
        assert member.room == 0
        green.sleep(0)
