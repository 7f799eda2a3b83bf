"""The newest blocks are in memory, and never more than allowed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eventd.event import Block, Encoding
from eventd.journal.tail import OVERHEAD, Tail


def block(first: int, count: int, size: int = 10) -> Block:
    return Block(first, count, Encoding.JSON, (), 0, b"x" * size)


def filled(limit: int, sizes: list[tuple[int, int]]) -> tuple[Tail, list[Block]]:
    tail, blocks, first = Tail(limit), [], 0
    for count, size in sizes:
        blocks.append(block(first, count, size))
        tail.add(blocks[-1])
        first += count
    return tail, blocks


def test_it_gives_the_block_that_holds_an_offset_and_those_behind() -> None:
    tail, blocks = filled(1 << 20, [(2, 10), (3, 10), (1, 10)])

    assert tail.read(0, 1 << 20) == blocks
    assert tail.read(1, 1 << 20) == blocks
    assert tail.read(4, 1 << 20) == blocks[1:]
    assert tail.read(5, 1 << 20) == blocks[2:]


def test_it_has_nothing_beyond_its_end_and_nothing_when_empty() -> None:
    tail, _ = filled(1 << 20, [(2, 10)])

    assert tail.read(2, 100) is None
    assert Tail(100).read(0, 100) is None


def test_a_limit_gives_at_least_one_block() -> None:
    tail, blocks = filled(1 << 20, [(1, 500), (1, 500), (1, 500)])

    assert tail.read(0, 0) == blocks[:1]
    assert tail.read(0, 501 + OVERHEAD) == blocks[:2]


def test_a_block_larger_than_the_memory_is_not_kept() -> None:
    tail, _ = filled(1000, [(1, 10), (1, 2000)])

    assert len(tail) == 0
    assert tail.size == 0
    tail.add(block(2, 1))
    assert tail.read(2, 100) == [block(2, 1)]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 400)), max_size=60), st.integers(0, 3000))
def test_it_keeps_the_newest_that_fit(sizes: list[tuple[int, int]], limit: int) -> None:
    tail, blocks = filled(limit, sizes)

    kept = blocks[len(blocks) - len(tail) :]
    assert tail.size == sum(len(block.body) + OVERHEAD for block in kept) <= limit
    for found in blocks:
        expected = blocks[blocks.index(found) :] if found in kept else None
        assert tail.read(found.first, 1 << 30) == expected
        assert tail.read(found.end - 1, 1 << 30) == expected
