"""Messages are cut from the journal, from memory or the disk, and kept within bounds for who comes next."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventd import green
from eventd.protocol.native import JSON
from eventd.subscriptions.frames import ENTRY, MOST_BYTES, Cutter, FrameCache
from eventd.subscriptions.pace import Pace
from eventd.subscriptions.shape import Frame, Shape
from tests.subscriptions.world import World, drafts, event, on_hub, wait


def frame(size: int = 100, count: int = 1) -> Frame:
    return Frame(b"x" * size, True, count, 0, 1)


def cutter(world: World, *types: str, filters: object = None, cache: FrameCache | None = None) -> Cutter:
    shape = Shape(JSON, types or (">",), filters, 1)
    hub = green.hub()
    return Cutter(shape, world.journal, cache or FrameCache(), Pace(lambda: hub.passes))


def offsets(cut: Frame | None) -> list[int]:
    assert cut is not None
    return [each["eventdoffset"] for each in json.loads(cut.data)["events"]]


class TestCache:
    shape = Shape(JSON, ["a"], None, 1)

    def test_the_least_used_go_when_it_is_full(self) -> None:
        cache = FrameCache(3 * (100 + ENTRY))
        for position in range(3):
            cache.put(self.shape, position, frame())
        cache.get(self.shape, 0)
        cache.put(self.shape, 3, frame())

        assert [position for position in range(4) if cache.get(self.shape, position)] == [0, 2, 3]
        assert cache.size == 3 * (100 + ENTRY)

    def test_one_that_is_kept_again_counts_once(self) -> None:
        cache = FrameCache()
        for size in (100, 700, 40):
            cache.put(self.shape, 0, frame(size))

        assert cache.size == 40 + ENTRY

    def test_one_that_is_larger_than_all_is_not_kept(self) -> None:
        cache = FrameCache(1000)
        cache.put(self.shape, 0, frame())
        cache.put(self.shape, 1, frame(1000))

        assert (cache.size, cache.get(self.shape, 0), cache.get(self.shape, 1)) == (0, None, None)

    def test_small_ones_cannot_be_too_many(self) -> None:
        cache = FrameCache(10 * ENTRY)
        for position in range(1000):
            cache.put(self.shape, position, frame(0))

        assert sum(cache.get(self.shape, position) is not None for position in range(1000)) == 10

    def test_shapes_do_not_see_each_others(self) -> None:
        cache = FrameCache()
        cache.put(self.shape, 0, frame())

        assert cache.get(Shape(JSON, ["a"], None, 2), 0) is None

    def test_nothing_is_known_once_it_is_cleared(self) -> None:
        cache = FrameCache()
        cache.put(self.shape, 0, frame())
        cache.clear()

        assert (cache.size, cache.get(self.shape, 0)) == (0, None)


@on_hub
def test_from_memory_and_from_the_disk_comes_the_same(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(20, each=3)
        recent, read = cutter(world).recent(4), cutter(world).read(4)

        assert offsets(recent) == offsets(read) == list(range(4, 20))


@on_hub
def test_what_is_only_on_the_disk_is_not_waited_for(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(3)
        cut = cutter(world)

        assert cut.recent(1) is None
        assert offsets(cut.read(1)) == [1, 2]
        assert offsets(cut.recent(1)) == [1, 2]


@on_hub
def test_at_the_end_a_message_leads_nowhere(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(3)
        for cut in (cutter(world).read(3), cutter(world).recent(3)):
            assert cut is not None
            assert (cut.count, cut.start, cut.end, cut.missing) == (0, 3, 3, False)


@on_hub
@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 100])
def test_a_message_has_no_more_events_than_are_asked_for(tmp_path: Path, most: int) -> None:
    with World(tmp_path) as world:
        world.append(*[drafts(event(type) for type in types) for types in ("axa", "xx", "xaa", "a")])
        cut = cutter(world, "a")
        found: list[int] = []
        position = 0
        while position < 9:
            message = cut.read(position, most)
            assert message.count <= most
            assert message.end > position
            found += offsets(message)
            position = message.end

        assert found == [0, 2, 6, 7, 8]


@on_hub
def test_a_kept_message_is_not_given_to_who_takes_less(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(5)
        cut = cutter(world)
        whole = cut.read(0)

        assert cut.read(0) is cut.read(0, 5) is whole
        assert offsets(cut.read(0, 4)) == [0, 1, 2, 3]
        assert cut.read(0) is whole


@on_hub
def test_a_message_ends_where_it_is_large_enough(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(8, pad="x" * (MOST_BYTES // 3))

        assert offsets(cutter(world).read(0)) == [0, 1, 2]


@on_hub
def test_what_is_looked_through_for_nothing_counts_like_what_is_written(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.publish(8, pad="x" * (MOST_BYTES // 3))
        message = cutter(world, filters=[{"exact": {"subject": "none"}}]).read(0)

        assert (message.count, message.end) == (0, 3)
        assert cutter(world, "other").read(0).end == 8


@on_hub
def test_a_message_without_events_is_not_kept(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        cache = FrameCache()
        world.publish(3)
        cutter(world, "other", cache=cache).read(0)

        assert cache.size == 0


@on_hub
def test_a_message_ends_before_a_hole_and_the_next_one_tells_of_it(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(6)
        world.sql("DELETE FROM blocks WHERE first IN (2, 3)")
        cut = cutter(world)
        before = cut.read(0)
        behind = cut.read(2)

        assert (offsets(before), before.end, before.missing) == ([0, 1], 2, False)
        assert (offsets(behind), behind.start, behind.end, behind.missing) == ([4, 5], 4, 6, True)


@on_hub
def test_where_everything_up_to_the_end_is_gone_it_is_told(tmp_path: Path) -> None:
    with World(tmp_path, memory=1) as world:
        world.publish(6)
        wait(lambda: world.feed.offset == 6)
        world.sql("DELETE FROM blocks WHERE first > 2")
        message = cutter(world).read(3)

        assert (message.count, message.start, message.end, message.missing) == (0, 6, 6, True)
