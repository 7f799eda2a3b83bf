"""Portions are cut out of blocks: nothing lost, nothing twice, nothing that is not wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventd.dispatch.portion import ANY_SIZE, Backlog, Portion
from eventd.event import Block, Event
from tests.dispatch.support import block_of, draft, forward_block, numbered


def everything(type: str) -> bool:
    return True


def only_a(type: str) -> bool:
    return type == "a"


def cut(backlog: Backlog, most: int, size: int = ANY_SIZE) -> Portion:
    portion = backlog.cut(most, size)
    assert portion is not None
    return portion


def test_small_blocks_are_put_together() -> None:
    backlog = Backlog(everything, {})
    for first in range(3):
        backlog.add(block_of(first, numbered("a", [first])), 0)

    portion = cut(backlog, 1000)

    assert (portion.count, portion.end) == (3, 3)
    assert [event.data for event in portion.load()] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert backlog.cut(1000) is None


def test_a_large_block_is_handed_out_in_parts_and_decoded_once() -> None:
    backlog = Backlog(everything, {})
    backlog.add(forward_block(10, "a", [{"n": n} for n in range(5)]), 0)

    first, second, third = (cut(backlog, 2) for _ in range(3))

    assert [part.end for part in (first, second, third)] == [12, 14, 15]
    assert [event.offset for part in (first, second, third) for event in part.load()] == [10, 11, 12, 13, 14]
    assert first.load()[0] is first.load()[0]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 16), st.integers(0, 16))
def test_a_part_of_a_portion_has_its_events_in_order(sizes: list[int], begin: int, end: int) -> None:
    backlog, first = Backlog(everything, {}), 0
    for size in sizes:
        backlog.add(block_of(first, numbered("a", range(first, first + size))), 0)
        first += size
    whole = cut(backlog, 1000)
    part = whole.between(begin, end)

    assert part.offsets == whole.offsets[begin:end]
    assert [event.data["n"] for event in part.load()] == part.offsets
    assert part.end == whole.end


def test_a_block_is_entered_in_its_middle() -> None:
    backlog = Backlog(everything, {})
    backlog.add(forward_block(10, "a", [{"n": n} for n in range(5)]), 13)

    portion = cut(backlog, 10)

    assert [event.offset for event in portion.load()] == [13, 14]
    assert portion.block(0).first == 13


def test_nothing_is_kept_of_what_is_not_wanted_however_much_comes() -> None:
    backlog = Backlog(only_a, {})
    kept = [backlog.add(block_of(first, numbered("b", [first])), 0) for first in range(100)]
    kept.append(backlog.add(block_of(100, numbered("a", [100])), 0))

    assert kept[:-1] == [0] * 100
    assert kept[-1] > 0
    assert len(backlog._views) == 1
    assert (cut(backlog, 10).end, backlog.cut(10)) == (101, None)


def test_blocks_of_other_types_are_passed_without_decoding() -> None:
    backlog = Backlog(only_a, {})
    unreadable = forward_block(0, "b", [{"n": 1}])
    unreadable.body = b"\xc1"
    backlog.add(unreadable, 0)
    backlog.add(forward_block(1, "a", [{"n": 2}]), 0)

    portion = cut(backlog, 10)

    assert (portion.count, portion.end) == (1, 2)


def test_a_portion_of_nothing_wanted_still_has_an_end() -> None:
    backlog = Backlog(only_a, {})
    backlog.add(forward_block(0, "b", [{}, {}]), 0)

    portion = cut(backlog, 10)

    assert (portion.count, portion.end, backlog.count) == (0, 2, 0)


def test_what_is_wanted_is_picked_out_of_a_mixed_block() -> None:
    backlog = Backlog(only_a, {})
    mixed = block_of(5, draft(Event("b", 0), Event("a", 1), Event("b", 2), Event("a", 3), Event("b", 4)))
    backlog.add(mixed, 0)

    first, second = cut(backlog, 1), cut(backlog, 1)

    assert [event.data for event in first.load()] == [1]
    assert first.end == 8
    assert (second.block(0).first, second.end) == (8, 10)


def test_types_that_are_not_listed_are_looked_up_event_by_event() -> None:
    backlog = Backlog(only_a, {})
    unlisted = block_of(0, draft(Event("b", 0), Event("a", 1)))
    unlisted.types = ()
    backlog.add(unlisted, 0)

    assert [event.data for event in cut(backlog, 10).load()] == [1]


def test_an_event_is_never_handed_out_twice_by_event() -> None:
    backlog = Backlog(everything, {})
    backlog.add(forward_block(0, "a", [{"n": 0}, {"n": 1}]), 0)
    portion = cut(backlog, 10)
    spoilt = portion.load()[1]
    spoilt.data.clear()

    again = portion.event(1)
    again.data.clear()

    assert portion.event(1).data == {"n": 1}


def test_a_portion_ends_where_it_has_enough_bytes() -> None:
    backlog = Backlog(everything, {})
    block = forward_block(0, "a", [{"n": n} for n in range(10)])
    mean = len(block.body) // 10 + 1
    backlog.add(block, 0)

    assert [cut(backlog, 100, size).count for size in (3 * mean, 3 * mean - 1, mean + 1)] == [3, 2, 1]
    assert (cut(backlog, 2, 100 * mean).count, backlog.count) == (2, 2)


def test_at_least_one_event_is_given_however_large_it_is() -> None:
    backlog = Backlog(everything, {})
    backlog.add(forward_block(0, "a", [{"x": "y" * 1000}] * 2), 0)

    assert [(portion.count, portion.end) for portion in (cut(backlog, 9, 1), cut(backlog, 9, 0))] == [(1, 1), (1, 2)]
    assert backlog.cut(9, 1) is None


def test_bytes_are_counted_over_all_blocks_of_a_portion() -> None:
    backlog = Backlog(everything, {})
    blocks = [forward_block(2 * n, "a", [{"n": n}, {"n": n}]) for n in range(3)]
    for block in blocks:
        backlog.add(block, 0)
    mean = len(blocks[0].body) // 2 + 1

    assert [cut(backlog, 100, 3 * mean + 1).end for _ in range(2)] == [3, 6]


def test_a_large_event_behind_small_ones_waits_for_the_next_portion() -> None:
    backlog = Backlog(everything, {})
    for first, text in enumerate(["", "", "y" * 1000, ""]):
        backlog.add(forward_block(first, "a", [{"x": text}]), 0)

    assert [cut(backlog, 100, 500).end for _ in range(3)] == [2, 3, 4]


def test_what_nobody_wants_costs_no_bytes_and_is_passed() -> None:
    backlog = Backlog(only_a, {})
    backlog.add(forward_block(0, "a", [{"x": "y" * 100}]), 0)
    backlog.add(forward_block(1, "b", [{"x": "y" * 5000}]), 0)
    backlog.add(forward_block(2, "a", [{}]), 0)

    assert [(portion.count, portion.end) for portion in (cut(backlog, 9, 100), cut(backlog, 9, 100))] == [
        (1, 2),
        (1, 3),
    ]


def test_a_portion_says_which_events_of_which_blocks_it_has() -> None:
    backlog = Backlog(only_a, {})
    whole = block_of(0, draft(Event("a", 0), Event("a", 1)))
    mixed = block_of(2, draft(Event("b", 2), Event("a", 3), Event("b", 4), Event("a", 5)))
    for block in (whole, mixed):
        backlog.add(block, 1)

    assert [(block, list(chosen)) for block, chosen in cut(backlog, 2).blocks] == [(whole, [1]), (mixed, [1])]
    assert [(block, list(chosen)) for block, chosen in cut(backlog, 2).blocks] == [(mixed, [3])]


def test_clear_forgets() -> None:
    backlog = Backlog(everything, {})
    backlog.add(forward_block(0, "a", [{}]), 0)

    backlog.clear()

    assert backlog.cut(1) is None
    assert backlog.count == 0


def bytes_of(portion: Portion) -> float:
    """By the mean of each block: what one of its events is in bytes is not known."""
    return sum([len(chosen) * len(block.body) / block.count for block, chosen in portion.blocks])


BLOCKS = st.lists(st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=6), min_size=1, max_size=8)


@given(BLOCKS, st.integers(1, 9), st.just(ANY_SIZE) | st.integers(0, 1000), st.data())
def test_every_wanted_event_is_handed_out_once_in_order(
    layout: list[list[str]], most: int, size: int, data: st.DataObject
) -> None:
    blocks: list[Block] = []
    for types in layout:
        first = blocks[-1].end if blocks else 0
        blocks.append(block_of(first, draft(*(Event(type, first + place) for place, type in enumerate(types)))))
    start = data.draw(st.integers(0, blocks[0].count - 1))
    backlog = Backlog(only_a, {})
    for block in blocks:
        backlog.add(block, start)

    seen, position = [], start
    while (portion := backlog.cut(most, size)) is not None:
        events = portion.load()
        assert len(events) == portion.count <= most
        assert portion.count <= 1 or bytes_of(portion) <= size
        assert [block.first + index for block, chosen in portion.blocks for index in chosen] == [
            event.offset for event in events
        ]
        assert portion.end > position
        assert [portion.block(index).first for index in range(portion.count)] == [event.offset for event in events]
        assert all(position <= event.offset < portion.end for event in events)
        seen += [event.data for event in events]
        position = portion.end

    wanted = [offset for offset, type in enumerate(type for types in layout for type in types) if type == "a"]
    assert seen == [offset for offset in wanted if offset >= start]
    assert position == blocks[-1].end
    assert backlog.count == 0
