"""The feed wakes those who want what came, and takes those who do not along."""

from __future__ import annotations

from typing import Any

from eventd import green
from eventd.dispatch.feed import Feed, Parked
from eventd.event import Block
from tests.dispatch.support import forward_block
from tests.dispatch.world import on_hub, wait


class Tail:
    """The journal's newest blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.end = 0
        self._arrived = green.Signal()

    def add(self, type: str, count: int = 1) -> None:
        self.blocks.append(forward_block(self.end, type, [{}] * count))
        self.end += count
        self._arrived.set()
        self._arrived.clear()

    def wait(self, offset: int, timeout: float | None = None) -> bool:
        while self.end <= offset:
            self._arrived.wait()
        return True

    def read(self, offset: int) -> list[Block]:
        return [block for block in self.blocks if block.end > offset]


class Sleeper:
    def __init__(self, feed: Feed, group: green.Group, *patterns: str) -> None:
        self.bed = Parked(feed.offset)
        self.woken: list[int] = []
        self.timeouts = 0
        self._feed = feed
        feed.subscribe(patterns, self.bed)
        group.spawn("sleeper", self._run)

    def _run(self) -> None:
        while True:
            if self.bed.park(self._feed, 0.01):
                self.woken.append(self.bed.position)
                self.bed.position += 1
            else:
                self.timeouts += 1


def on_feed(body: Any) -> None:
    @on_hub
    def run() -> None:
        tail: Any = Tail()
        feed = Feed(tail, 0)
        group = green.Group("test")
        group.spawn("feed", feed.run)
        body(tail, feed, group)
        group.kill()
        wait(lambda: not len(group))

    run()


def test_who_rests_lets_pass_what_is_not_wanted_up_to_the_first_that_is() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        bed = Parked(0)
        feed.subscribe(("a",), bed)
        positions: list[int] = []

        def rest() -> None:
            while True:
                bed.rest(feed, tail.end, 60.0)
                positions.append(bed.position)

        group.spawn("rest", rest)
        green.sleep(0)
        tail.add("x", 3)
        tail.add("a")
        wait(lambda: positions)
        tail.add("a")
        tail.add("x")
        wait(lambda: feed.offset == tail.end)
        bed.call()
        wait(lambda: len(positions) == 2)

        assert positions == [3, 3]

    on_feed(body)


def test_who_wants_a_type_is_woken_at_its_offset() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        a, b = Sleeper(feed, group, "a"), Sleeper(feed, group, "b.>")
        green.sleep(0)
        tail.add("x", 3)
        tail.add("a")
        wait(lambda: a.woken)

        assert a.woken == [3]
        assert b.woken == []

    on_feed(body)


def test_a_sleeper_that_wants_nothing_moves_with_the_feed() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        sleeper = Sleeper(feed, group, "a")
        green.sleep(0)
        tail.add("x", 5)
        wait(lambda: sleeper.bed.position == 5)

        assert (sleeper.woken, sleeper.bed.position) == ([], 5)

    on_feed(body)


def test_a_block_whose_types_are_not_listed_wakes_all() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        sleeper = Sleeper(feed, group, "a")
        green.sleep(0)
        tail.add("x")
        tail.blocks[-1].types = ()
        wait(lambda: sleeper.woken == [0])

    on_feed(body)


def test_everybody_looks_at_a_gap_in_the_journal_and_the_feed_goes_on() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        sleeper = Sleeper(feed, group, "a")
        green.sleep(0)
        tail.add("a")
        tail.blocks.clear()
        wait(lambda: feed.offset == 1)
        tail.add("a")
        wait(lambda: sleeper.woken == [0, 1])

    on_feed(body)


def test_a_call_wakes_without_an_event() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        sleeper = Sleeper(feed, group, "a")
        green.sleep(0)
        sleeper.bed.call()
        wait(lambda: sleeper.timeouts)

        assert sleeper.woken == []

    on_feed(body)


class Noted:
    """Notes where it is woken; it never sleeps, so that each wake is one."""

    def __init__(self) -> None:
        self.woken: list[int] = []

    def wake(self, offset: int) -> None:
        self.woken.append(offset)


def test_who_has_unsubscribed_is_woken_no_more_and_the_others_are() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        gone, stays = Noted(), Noted()
        for bed in (gone, stays):
            feed.subscribe(("a", "b.*", "a"), bed)
        tail.add("a")
        wait(lambda: feed.offset == 1)
        feed.unsubscribe(gone)
        for type in ("a", "b.c"):
            tail.add(type)
        tail.add("x")
        tail.blocks[-1].types = ()
        wait(lambda: feed.offset == 4)

        assert (gone.woken, stays.woken) == ([0], [0, 1, 2, 3])

    on_feed(body)


def test_who_unsubscribes_twice_or_was_never_there_harms_nobody() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        never, twice, stays = Noted(), Noted(), Noted()
        feed.subscribe(("a",), twice)
        feed.subscribe(("a",), stays)
        feed.unsubscribe(never)
        feed.unsubscribe(twice)
        feed.unsubscribe(twice)
        tail.add("a")
        wait(lambda: feed.offset == 1)

        assert (never.woken, twice.woken, stays.woken) == ([], [], [0])

    on_feed(body)


def test_who_has_unsubscribed_can_come_back_for_something_else() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        bed = Noted()
        feed.subscribe(("a",), bed)
        feed.unsubscribe(bed)
        feed.subscribe(("b",), bed)
        for type in ("a", "b"):
            tail.add(type)
        wait(lambda: feed.offset == 2)

        assert bed.woken == [1]

    on_feed(body)


def test_who_unsubscribes_while_it_is_woken_keeps_nobody_else_asleep() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        class Leaving(Noted):
            def wake(self, offset: int) -> None:
                super().wake(offset)
                feed.unsubscribe(self)

        leaving, stays = Leaving(), Noted()
        for bed in (leaving, stays):
            feed.subscribe((">",), bed)
        tail.add("a")
        tail.blocks[-1].types = ()
        tail.add("a")
        wait(lambda: feed.offset == 2)
        feed.subscribe((">",), leaving)
        tail.add("a")
        wait(lambda: feed.offset == 3)

        assert (leaving.woken, stays.woken) == ([0, 2], [0, 1, 2])

    on_feed(body)


def test_nothing_is_kept_of_those_who_came_and_went() -> None:
    def body(tail: Tail, feed: Feed, group: green.Group) -> None:
        for number in range(50):
            bed = Noted()
            feed.subscribe((f"a.{number}.>", "b"), bed)
            feed.unsubscribe(bed)

        assert not feed._patterns
        assert not feed._router._root.children

    on_feed(body)
