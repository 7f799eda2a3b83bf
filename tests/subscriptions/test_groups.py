"""Durable subscriptions by name: found or begun, of one wish, limited in number, remembered and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.errors import InvalidSubscription, JournalUnavailable, RateLimited
from eventd.protocol.asks import Subscribe
from eventd.subscriptions.settling import TERMS
from tests.subscriptions.members import NAME, Joined, balanced, caught_up, durable, group
from tests.subscriptions.world import Client, World, on_hub, wait


@on_hub
def test_what_was_settled_does_not_come_after_a_restart_and_what_was_not_does(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(10, each=4)
        member = Joined(world)
        member.got(*range(10))
        member.settle((0, 1), (4, 5), 8)
        # Before its place is written: the stop does that.
    with World(tmp_path) as world:
        assert durable(world) == (2, ((4, 6), (8, 9)))
        assert (balanced(world).settled, balanced(world).pending) == (5, 5)
        world.publish(2)
        member = Joined(world)
        member.got(2, 3, 6, 7, 9, 10, 11)
        member.settle(3, (6, 7), 11)
    with World(tmp_path) as world:
        assert durable(world) == (2, ((3, 9), (11, 12)))
        member = Joined(world)
        member.got(2, 9, 10)
        member.settle((0, 100))
        caught_up(world, 12)


@on_hub
def test_what_comes_while_it_ends_is_not_taken_for_unwanted(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a")
        wait(lambda: group(world)._bed.parked)
        # It is told to stop, and the feed has its turn first.
        world.commit("a", "a", "a")
        group(world).stop()
        wait(lambda: world.feed.offset == 3)
    with World(tmp_path) as world:
        Joined(world, "a").got(0, 1, 2)


@on_hub
def test_only_a_new_one_begins_where_it_was_asked_for(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(4)
        one = Joined(world, start=2)
        one.got(2, 3)
        assert one.told["offset"] == balanced(world).since == 2
        one.settle(2, 3)
        wait(lambda: balanced(world).settled == 2)
        one.leave()
        world.publish(1)
        other = Joined(world)
        assert (other.told["offset"], other.told["recovered"]) == (4, True)
        other.got(4)


@on_hub
def test_its_place_is_known_to_the_journal_before_the_member_is_told(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        Joined(world, "a", filters=[{"exact": {"subject": "x"}}])
        assert durable(world)[0] <= 3
        assert world.journal.state(NAME).get(TERMS) == group(world).shape.terms


@on_hub
def test_without_members_it_goes_on_after_a_restart_by_what_it_wanted(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a.*", filters=[{"exact": {"subject": "x"}}])
    with World(tmp_path) as world:
        world.publish(5, "b")
        wait(lambda: balanced(world).passed == 5)
        world.commit("a.b", subject="x")
        assert world.subscriptions.groups.terms() == {NAME: ("a.*",)}
        assert [status.state for status in world.subscriptions.status()] == ["no members"]
        Joined(world, "a.*", filters=[{"exact": {"subject": "x"}}]).got(5)


@on_hub
def test_one_that_is_paused_hands_out_nothing_after_a_restart(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world)
    with World(tmp_path, paused={NAME}) as world:
        world.publish(2)
        member = Joined(world)
        wait(lambda: group(world)._news._waiters, "it to rest")
        assert (member.offsets, balanced(world).state) == ([], "paused")
        group(world).hold(False)
        member.got(0, 1)


@on_hub
def test_members_that_want_something_else_are_refused(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a", "b")
        Joined(world, "b", "a")
        for wish in ({"types": ["a"]}, {"types": ["a", "b"], "filters": [{"exact": {"subject": "x"}}]}):
            client = Client(world)
            with pytest.raises(InvalidSubscription, match="other types or filters"):
                world.subscriptions.subscribe(b"1", Subscribe(**wish, name="it"), client.outlet, ())
        assert world.subscriptions.count["durable"] == 2


@on_hub
def test_when_nobody_is_there_another_wish_is_taken_from_there_on(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        one = Joined(world, "a")
        world.commit("a", "b", "a", "b", "a", "b")
        one.got(0, 2, 4)
        one.settle(0, 4)
        wait(lambda: balanced(world).settled == 2)
        one.leave()
        other = Joined(world, "b")
        world.commit("a", "b")
        # What was handed out before comes again, whatever is wanted now; what had passed does not.
        other.got(2, 7)
        other.settle(2, 7)
        status = caught_up(world, 4)
        assert status.passed == 4


@on_hub
def test_another_wish_counts_and_hands_out_nothing_twice_where_there_are_ranges_above_the_place(
    tmp_path: Path,
) -> None:
    with World(tmp_path) as world:
        world.commit(*["a", "b"] * 6)
        one = Joined(world, "a")
        one.got(0, 2, 4, 6, 8, 10)
        one.settle(4, 8)
    with World(tmp_path) as world:
        # Below 12 all is settled, or was handed out, or is of a type that was not wanted.
        assert durable(world) == (0, ((1, 2), (3, 6), (7, 10), (11, 12)))
        both = Joined(world, "a", "b")
        both.got(0, 2, 6, 10)
        world.commit("a", "b")
        both.got(0, 2, 6, 10, 12, 13)
        both.settle((0, 13))
        assert caught_up(world, 8).passed == 6


@on_hub
def test_another_wish_survives_a_restart(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a").leave()
        Joined(world, "b").leave()
    with World(tmp_path) as world:
        assert group(world).shape.types == ("b",)


@on_hub
def test_one_that_waits_with_events_that_nobody_took_begins_there_with_another_wish(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world, "a").leave()
        world.commit("b", "a", "b", "a")
        wait(lambda: world.feed.offset == 4)
        other = Joined(world, "b")
        # Its place is before the block that has something for it.
        other.got(0, 2)
        other.settle(0, 2)
        assert caught_up(world, 2).passed == 2


@on_hub
def test_one_with_members_is_not_forgotten(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        member = Joined(world)
        with pytest.raises(ValueError, match="1 members"):
            world.subscriptions.groups.forget("it")
        world.publish(1)
        member.got(0)


@on_hub
@pytest.mark.parametrize("name", ["it", NAME])
def test_what_is_forgotten_leaves_nothing_and_begins_anew(tmp_path: Path, name: str) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        member = Joined(world)
        member.got(0, 1, 2)
        member.settle(0, 2)
        member.leave()
        assert world.subscriptions.groups.knows("it")
        world.subscriptions.groups.forget(name)

        assert not world.subscriptions.groups.knows("it")
        assert NAME not in world.journal.consumers
        assert world.journal.state(NAME).get(TERMS) is None
        assert world.subscriptions.status() == []
        with pytest.raises(KeyError):
            world.subscriptions.groups.forget(name)
        other = Joined(world)
        other.got(0, 1, 2)
        assert balanced(world).settled == 0


@on_hub
def test_what_is_forgotten_stays_so_after_a_restart(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world).leave()
        Joined(world, name="other").leave()
        world.subscriptions.groups.forget("it")
    with World(tmp_path) as world:
        assert [status.name for status in world.subscriptions.status()] == ["subscription:other"]
        with pytest.raises(KeyError):
            world.subscriptions.groups.forget("it")


@on_hub
def test_who_comes_while_it_is_forgotten_begins_anew(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        one = Joined(world)
        one.got(0, 1, 2)
        one.settle((0, 2))
        one.leave()
        world.group.spawn("forget", world.subscriptions.groups.forget, "it")
        wait(lambda: not world.subscriptions.groups.knows("it"))
        other = Joined(world)
        other.got(0, 1, 2)
        other.settle(1)
        wait(lambda: durable(world) == (0, ((1, 2),)))
    with World(tmp_path) as world:
        Joined(world).got(0, 2)


@on_hub
def test_what_the_disk_does_not_let_go_is_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise JournalUnavailable("the disk is full")

    with World(tmp_path) as world:
        world.publish(3)
        one = Joined(world)
        one.got(0, 1, 2)
        one.settle(1)
        one.leave()
        with monkeypatch.context() as broken:
            broken.setattr(world.journal, "forget_consumer", refuse)
            with pytest.raises(JournalUnavailable):
                world.subscriptions.groups.forget("it")
        other = Joined(world)
        other.got(0, 2)
        other.settle(0, 2)
        caught_up(world, 3)


@on_hub
def test_there_are_not_more_than_may_be(tmp_path: Path) -> None:
    with World(tmp_path, most_durable=2) as world:
        Joined(world)
        Joined(world, name="other").leave()
        with pytest.raises(RateLimited, match="2 durable"):
            world.subscriptions.groups.find("third", group(world).shape, 0)
        # Those that are there take members.
        Joined(world, name="other")
        Joined(world)
        world.publish(1)
    with World(tmp_path, most_durable=2) as world:
        assert len(world.subscriptions.status()) == 2
        world.subscriptions.groups.forget("other")
        Joined(world, name="third").got(0)


@on_hub
def test_one_whose_wish_is_damaged_waits_for_a_member_at_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        member = Joined(world)
        member.got(0, 1, 2)
        member.settle(0)
    with World(tmp_path) as world:
        world.sql("UPDATE state SET value = ? WHERE consumer = ?", b"no json", NAME)
    with World(tmp_path) as world:
        assert "it waits for a member" in caplog.text
        assert world.subscriptions.status() == []
        member = Joined(world)
        assert member.told["offset"] == 1
        member.got(1, 2)
        member.settle(1, 2)
        caught_up(world, 3)
    assert "goes back" not in caplog.text


@on_hub
def test_one_whose_wish_is_damaged_can_be_forgotten(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        Joined(world).leave()
    with World(tmp_path) as world:
        world.sql("UPDATE state SET value = ? WHERE consumer = ?", b"no json", NAME)
    with World(tmp_path) as world:
        world.subscriptions.groups.forget("it")
        assert NAME not in world.journal.consumers
        with pytest.raises(KeyError):
            world.subscriptions.groups.forget("it")
