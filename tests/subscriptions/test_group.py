"""A durable subscription hands each event to one of its members, and again to another when that one goes."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from eventd import green
from eventd.event import Block
from eventd.protocol.native import MSGPACK
from eventd.subscriptions import group as module
from tests.subscriptions.members import Joined, balanced, caught_up, durable, group
from tests.subscriptions.world import World, on_hub, wait


def all_came(members: list[Joined], count: int) -> bool:
    return sum(len(member.offsets) for member in members) == count


@on_hub
def test_each_event_goes_to_one_member_while_nobody_goes(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        members = [Joined(world) for _ in range(3)]
        for _ in range(30):
            world.publish(5, each=5)
            for member in members:
                member.settle((0, world.journal.end))
        wait(lambda: sum(len(member.offsets) for member in members) == 150)
        for member in members:
            member.settle((0, 1 << 40))
        caught_up(world, 150)

        assert sorted(offset for member in members for offset in member.offsets) == list(range(150))
        assert all(member.offsets == sorted(member.offsets) for member in members)


@on_hub
def test_members_have_their_turns(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        members = [Joined(world) for _ in range(3)]
        for number in range(9):
            world.publish(1)
            wait(functools.partial(all_came, members, number + 1))

        assert [len(member.offsets) for member in members] == [3, 3, 3]


@on_hub
def test_a_member_that_goes_leaves_its_events_to_others(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(6, each=6)
        one = Joined(world)
        one.got(0, 1, 2, 3, 4, 5)
        one.settle(1, (3, 4))
        other = Joined(world)
        one.leave()
        other.got(0, 2, 5)
        world.publish(1)
        other.got(0, 2, 5, 6)
        other.settle((0, 6))

        assert caught_up(world, 7).passed == 0
        assert durable(world) == (7, ())


@on_hub
def test_what_one_left_waits_for_the_next_one(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        one = Joined(world)
        one.got(0, 1, 2)
        one.leave()
        wait(lambda: group(world).status().state == "no members")
        assert balanced(world).pending == 3
        Joined(world).got(0, 1, 2)
        assert group(world).status().state == "running"


@on_hub
def test_what_was_meant_for_one_that_goes_while_the_disk_is_asked_goes_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with World(tmp_path) as world:
        world.publish(3, each=3)
        one = Joined(world)
        one.got(0, 1, 2)
        read = world.journal.read

        def slow(offset: int, limit: int = 1) -> list[Block]:
            one.leave()
            return read(offset, limit)

        monkeypatch.setattr(world.journal, "read", slow)
        one.settle((0, 1), outcome="retry", after=0.0)
        wait(lambda: not group(world).admitted)
        other = Joined(world)
        wait(lambda: sorted(other.offsets) == [0, 1, 2])
        other.settle((0, 2))
        caught_up(world, 3)


@on_hub
def test_who_does_not_read_gets_nothing_more_and_others_go_on(tmp_path: Path) -> None:
    with World(tmp_path, window=2000) as world:
        stuck, well = Joined(world), Joined(world)
        stuck.client.pause()
        for _ in range(100):
            world.publish(1, subject="x" * 1000)
            well.settle((0, world.journal.end))
        wait(lambda: stuck.client.stream.buffered > 2000)
        world.publish(50, subject="x" * 1000)
        wait(lambda: well.offsets[-1:] == [149])
        held = len(well.offsets)
        assert held > 100

        stuck.client.resume()
        wait(lambda: len(stuck.offsets) + len(well.offsets) == 150)
        world.publish(2)
        wait(lambda: {150, 151} <= {*stuck.offsets, *well.offsets})
        assert sorted(stuck.offsets + well.offsets) == list(range(152))
        for member in (stuck, well):
            member.settle((0, 151))
        caught_up(world, 152)


@on_hub
def test_what_came_for_one_alone_that_does_not_read_waits_until_it_does(tmp_path: Path) -> None:
    with World(tmp_path, window=2000) as world:
        only = Joined(world)
        only.client.pause()
        for _ in range(100):
            world.publish(1, subject="x" * 1000)
            green.sleep(0)
        wait(lambda: only.client.stream.buffered > 2000)
        only.client.resume()
        only.got(*range(100))


@on_hub
def test_members_have_their_formats(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        one, other = Joined(world), Joined(world, codec=MSGPACK)
        for _ in range(10):
            world.publish(4, each=4, subject="s")
            wait(lambda: len(one.offsets) + len(other.offsets) == world.journal.end)
        events = one.client.events + other.client.events

        assert one.offsets
        assert other.offsets
        assert sorted(each["data"] for each in events) == list(range(40))
        assert {each["subject"] for each in events} == {"s"}


@on_hub
def test_what_is_not_wanted_passes(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        member = Joined(world, "a.*", filters=[{"exact": {"subject": "yes"}}])
        world.commit("a.b", "x", "a.c", subject="yes")
        world.commit("a.b", "a.b", subject="no")
        world.commit("a.d", subject="yes")
        member.got(0, 2, 5)
        member.settle((0, 5))

        assert caught_up(world, 3).passed == 3


@on_hub
def test_the_place_moves_past_what_is_not_wanted_without_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_UP", 0.01)
    with World(tmp_path) as world:
        Joined(world, "a").leave()
        world.publish(20, "x")
        wait(lambda: durable(world) == (20, ()))

        assert (balanced(world).passed, balanced(world).pending) == (20, 0)


@on_hub
def test_the_books_know_at_once_what_is_not_wanted(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a")
        wait(lambda: group(world)._bed.parked)
        world.publish(20, "x")
        wait(lambda: balanced(world).passed == 20)


@on_hub
def test_what_is_wanted_is_found_behind_much_that_is_not(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        # More than is read at once.
        for _ in range(12):
            world.publish(10, "x", each=10, subject="x" * 50_000)
        world.publish(1, "a")
        wait(lambda: world.feed.offset == 121)
        member = Joined(world, "a")
        member.got(120)
        member.settle(120)
        assert caught_up(world, 1).passed == 120


@on_hub
def test_messages_are_not_larger_than_their_bound_but_for_one_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 5000)
    with World(tmp_path) as world:
        world.publish(20, each=20, subject="x" * 1000)
        world.publish(1, subject="x" * 9000)
        one = Joined(world)
        one.got(*range(21))
        one.leave()
        two = Joined(world)
        two.got(*range(21))
        for member in (one, two):
            sizes = [len(told["events"]) for told in member.client.ops("events")]
            assert len(sizes) > 1
        assert max(len(told["events"]) for told in one.client.ops("events")) <= 5


@on_hub
def test_not_more_is_open_than_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OPEN", 10)
    with World(tmp_path) as world:
        member = Joined(world)
        world.publish(10)
        member.got(*range(10))
        world.publish(5)
        wait(lambda: world.feed.offset == 15)
        green.sleep(0)
        assert len(member.offsets) == 10
        # What goes back is handed out all the same.
        member.settle(9, outcome="retry", after=0.0)
        member.got(*range(10), 9)
        member.settle((0, 9))
        member.got(*range(10), 9, *range(10, 15))


@on_hub
def test_events_that_are_gone_when_they_are_to_come_again_are_passed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(6)
        one = Joined(world)
        one.got(*range(6))
        world.sql("DELETE FROM blocks WHERE first IN (1, 2)")
        one.leave()
        two = Joined(world)
        two.got(0, 3, 4, 5)
        two.settle((0, 5))
        assert caught_up(world, 4).passed == 2
    assert "event 1 is not in the journal any more" in caplog.text


@on_hub
def test_much_that_is_looked_through_leaves_others_their_turns(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        wish = [{"exact": {"subject": "yes"}}]
        Joined(world, filters=wish).leave()
        for _ in range(10):
            world.publish(2000, each=2000, subject="no", pad="x" * 300)
        before = green.hub().passes
        member = Joined(world, filters=wish)
        wait(lambda: balanced(world).passed == 20_000)

        # A few milliseconds of each pass, and not one that ends when all is looked through.
        assert green.hub().passes - before > 15
        world.publish(1, subject="yes")
        member.got(20_000)


@on_hub
def test_one_without_members_keeps_nothing_at_hand_and_rests(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a.b").leave()
        wait(lambda: group(world)._bed.parked)
        world.publish(2, "x")
        world.publish(200, each=10, pad="x" * 1000)
        wait(lambda: group(world)._news._waiters)
        assert not group(world)._intake.count
        world.publish(10)
        before = green.hub().passes
        assert not green.Signal().wait(0.2)
        assert green.hub().passes - before < 20
        assert not group(world)._intake.count

        other = Joined(world, "a.b")
        other.got(*range(2, 212))
        other.settle((0, 1000))
        assert caught_up(world, 210).passed == 2


@on_hub
def test_while_it_is_paused_members_settle_what_they_hold_and_get_nothing(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        member = Joined(world, "a.b")
        world.publish(3)
        member.got(0, 1, 2)
        group(world).hold(True)
        world.publish(3)
        member.settle(0, 1)
        member.settle(2, outcome="retry", after=0.0)
        other = Joined(world, "a.b")
        wait(lambda: durable(world)[0] == 2, "what they settled to be durable")
        assert (balanced(world).state, balanced(world).pending) == ("paused", 4)
        wait(lambda: group(world)._news._waiters, "it to rest")
        assert not group(world)._intake.count
        assert other.offsets == []
        member.got(0, 1, 2)

        group(world).hold(False)
        wait(lambda: sorted(member.offsets + other.offsets) == [0, 1, 2, 2, 3, 4, 5])
        member.settle((0, 100))
        other.settle((0, 100))
        caught_up(world, 6)


@on_hub
def test_what_it_does_not_want_passes_one_that_is_paused(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a.b")
        group(world).hold(True)
        world.publish(5, "x")
        wait(lambda: balanced(world).passed == 5)
        assert balanced(world).pending == 0
