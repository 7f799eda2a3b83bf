"""What members say of events that are not simply done: another attempt, a dead letter, a letter settled after all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eventd.dispatch.retry import Policy
from eventd.errors import JournalUnavailable
from eventd.event import Block
from eventd.subscriptions import group as group_module
from eventd.subscriptions import verdicts as module
from tests.subscriptions.members import Joined, balanced, caught_up, dead, group
from tests.subscriptions.world import World, on_hub, wait


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLICY", Policy(3, 0.001, 0.002))
    monkeypatch.setattr(group_module, "TRY_AGAIN", 0.01)


def rejected(world: World, member: Joined, *offsets: int) -> None:
    """Give events up, and wait until that is durable."""
    before = len(dead(world))
    member.settle(*offsets, outcome="reject")
    wait(lambda: len(dead(world)) == before + len(offsets))


def tried(member: Joined, offset: int, attempts: int) -> None:
    """Wait until an event has come so often."""
    wait(lambda: member.offsets.count(offset) == attempts)


@on_hub
def test_what_is_to_be_tried_again_comes_again_with_a_pause(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3, each=3)
        member = Joined(world)
        member.got(0, 1, 2)
        member.settle((0, 1), outcome="retry")
        wait(lambda: sorted(member.offsets[3:]) == [0, 1])
        assert group(world).status().retries == 2
        member.settle((0, 2))
        caught_up(world, 3)


@on_hub
def test_what_waits_for_its_time_comes_to_whoever_is_there_then(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3, each=3)
        one = Joined(world)
        one.got(0, 1, 2)
        one.settle(1, outcome="retry", after=3600.0)
        one.settle(0, outcome="retry", after=0.0)
        one.got(0, 1, 2, 0)
        one.settle((0, 2))
        wait(lambda: balanced(world).settled == 2)
        assert balanced(world).pending == 1
        unsettled = group(world)._settling.unsettled
        assert unsettled.open == {1}
        # Its time comes.
        unsettled._due[:] = [(0.0, offset) for _, offset in unsettled._due]
        one.leave()
        other = Joined(world)
        other.got(1)
        other.settle(1)
        caught_up(world, 3)


@on_hub
def test_after_too_many_attempts_it_is_a_dead_letter(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(2, subject="s", each=2)
        member = Joined(world)
        for attempt in range(1, 4):
            tried(member, 1, attempt)
            member.settle(1, outcome="retry")
        wait(lambda: dead(world))
        member.settle(0)
        caught_up(world, 1, 1)

        (letter,) = dead(world)
        assert (letter.offset, letter.attempts, letter.reason) == (1, 3, module.GIVEN_UP)
        assert letter.consumer == "subscription:it"
        event = json.loads(letter.event)
        assert (event["type"], event["data"], event["subject"], event["id"]) == ("a.b", 1, "s", "1")
        assert group(world).status().retries == 2


@on_hub
def test_what_is_rejected_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(5, each=5)
        member = Joined(world)
        member.got(0, 1, 2, 3, 4)
        member.settle((0, 1), 4, outcome="reject")
        member.settle((0, 4))
        caught_up(world, 2, 3)

        assert [(letter.offset, letter.attempts, letter.reason) for letter in dead(world)] == [
            (offset, 1, module.REJECTED) for offset in (0, 1, 4)
        ]
        assert member.offsets == [0, 1, 2, 3, 4]


@on_hub
def test_a_letter_that_is_settled_after_all_is_gone_and_the_books_are_right(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3, each=3)
        member = Joined(world)
        member.got(0, 1, 2)
        member.settle(0, 2)
        rejected(world, member, 1)
        caught_up(world, 2, 1)
        (letter,) = dead(world)
        told: list[Any] = []
        # It is told when it is durable: then the record says so, too.
        group(world).retry([letter], lambda *it: told.append((*it, world.journal.consumers[letter.consumer].dead)))
        member.got(0, 1, 2, 1)
        assert (balanced(world).dead, told) == (1, [])
        assert member.client.events[-1]["data"] == 1
        member.settle(1)
        wait(lambda: told)

        assert told == [(letter.id, True, 0)]
        assert dead(world) == []
        caught_up(world, 3, 0)


@on_hub
def test_a_letter_that_is_given_up_again_is_the_same_one_with_all_its_attempts(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(1)
        member = Joined(world)
        member.got(0)
        rejected(world, member, 0)
        (letter,) = dead(world)
        told: list[Any] = []
        group(world).retry([letter], lambda *it: told.append(it))
        for attempt in range(2, 5):
            tried(member, 0, attempt)
            member.settle(0, outcome="retry")
        wait(lambda: told == [(letter.id, False)])

        (again,) = dead(world)
        assert (again.id, again.attempts, again.reason) == (letter.id, 4, module.GIVEN_UP)
        assert (again.first_time, again.event) == (letter.first_time, letter.event)
        assert again.last_time > letter.last_time
        caught_up(world, 0, 1)

        # Its attempts begin anew each time.
        group(world).retry([again], lambda *it: told.append(it))
        member.got(*[0] * 5)
        member.settle(0, outcome="retry", after=0.0)
        member.got(*[0] * 6)
        member.settle(0)
        wait(lambda: told[1:] == [(letter.id, True)])
        caught_up(world, 1, 0)


@on_hub
def test_a_letter_goes_to_another_member_when_its_own_goes(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(2, each=2)
        one = Joined(world)
        one.got(0, 1)
        one.settle(0)
        rejected(world, one, 1)
        # It is tried again from the letter, whatever the journal still has.
        world.sql("DELETE FROM blocks")
        told: list[Any] = []
        group(world).retry(dead(world), lambda *it: told.append(it))
        one.got(0, 1, 1)
        other = Joined(world)
        one.leave()
        other.got(1)
        other.settle(1)
        wait(lambda: told == [(1, True)])
        caught_up(world, 2)


@on_hub
def test_letters_and_other_events_are_settled_together(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3, each=3)
        member = Joined(world)
        member.got(0, 1, 2)
        member.settle(0, outcome="reject")
        member.settle(2, outcome="reject")
        wait(lambda: len(dead(world)) == 2)
        told: list[Any] = []
        group(world).retry(dead(world), lambda *it: told.append(it))
        wait(lambda: len(member.offsets) == 5)
        member.settle((0, 2))
        wait(lambda: sorted(told) == [(1, True), (2, True)])
        caught_up(world, 3, 0)


@on_hub
def test_who_waits_for_letters_is_told_when_it_ends(tmp_path: Path) -> None:
    told: list[Any] = []
    with World(tmp_path) as world:
        world.publish(1)
        member = Joined(world)
        member.got(0)
        rejected(world, member, 0)
        member.leave()
        group(world).retry(dead(world), lambda *it: told.append(it))
        assert told == []
    assert told == [(1, False)]
    with World(tmp_path) as world:
        assert [letter.attempts for letter in dead(world)] == [1]
        assert balanced(world).dead == 1


@on_hub
def test_what_cannot_be_read_is_given_up_later_and_its_attempts_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with World(tmp_path) as world:
        world.publish(2, each=2)
        member = Joined(world)
        member.got(0, 1)
        read, failed = world.journal.read, [0]

        def unreadable(offset: int, limit: int = 1) -> Any:
            if failed[0] < 3:
                failed[0] += 1
                raise JournalUnavailable("the disk does not answer")
            return read(offset, limit)

        monkeypatch.setattr(world.journal, "read", unreadable)
        member.settle(1, outcome="reject")
        member.settle(0)
        caught_up(world, 1, 1)

        assert [(letter.offset, letter.attempts) for letter in dead(world)] == [(1, 1)]
        assert member.offsets == [0, 1]
    assert "it waits: the disk does not answer" in caplog.text


@on_hub
def test_what_was_said_right_before_a_stop_counts(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(6)
        member = Joined(world)
        member.got(*range(6))
        member.settle(0, outcome="reject")
        wait(lambda: dead(world))
        group(world).retry(dead(world), lambda *_: None)
        member.got(*range(6), 0)
        # Of these, one is a letter: what is said of all of them is carried out later.
        member.settle((0, 2))
        member.settle(4, outcome="reject")
        member.settle(5, outcome="retry")
    with World(tmp_path) as world:
        assert [letter.offset for letter in dead(world)] == [4]
        assert (balanced(world).settled, balanced(world).dead) == (3, 1)
        Joined(world).got(3, 5)


@on_hub
def test_it_ends_though_what_was_said_last_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(offset: int, limit: int = 0) -> list[Block]:
        raise JournalUnavailable("the disk does not answer")

    with World(tmp_path) as world:
        world.publish(2)
        member = Joined(world)
        member.got(0, 1)
        monkeypatch.setattr(world.journal, "read", unreadable)
        member.settle(0, outcome="reject")
        member.settle(1)
    with World(tmp_path) as world:
        Joined(world).got(0)
        assert (balanced(world).settled, dead(world)) == (1, [])
