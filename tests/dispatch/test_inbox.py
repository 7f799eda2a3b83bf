"""Volatile events wait in bounded inboxes of those who want them."""

from __future__ import annotations

from eventd.dispatch.inbox import Inbox, Post
from eventd.event import Block, Event
from tests.dispatch.support import block_of, draft, forward_draft, numbered


def inbox(most: int = 1 << 20, wants: str = "a") -> tuple[Inbox, list[str]]:
    woken: list[str] = []
    return Inbox(lambda type: type == wants, {}, lambda: woken.append("up"), most), woken


def cut(box: Inbox, most: int) -> list[int]:
    portion = box.cut(most)
    return [] if portion is None else [event.data["n"] for event in portion.load()]


def block(first: int, *numbers: int) -> Block:
    return block_of(first, numbered("a", numbers))


def test_portions_are_cut_in_the_order_of_coming() -> None:
    box, woken = inbox()
    box.put(block(-9, 0, 1, 2))
    box.put(block(-6, 3))
    assert (box.count, box.came, len(woken)) == (4, 4, 2)
    assert [cut(box, 2), cut(box, 5), cut(box, 5)] == [[0, 1], [2, 3], []]
    assert (box.count, box.came, box.dropped, box.size) == (0, 4, 0, 0)


def test_what_is_not_wanted_wakes_nobody() -> None:
    box, woken = inbox()
    box.put(block_of(-9, numbered("b", [1])))
    assert (box.count, box.came, woken) == (0, 0, [])
    box.put(block_of(-8, draft(Event("b", {"n": 1}), Event("a", {"n": 2}))))
    assert (box.came, cut(box, 9)) == (1, [2])


def test_the_oldest_are_dropped_and_counted() -> None:
    # Ids of events grow with their number.
    most = 2 * (len(block(0, 12, 13, 14).body) + 512) + 100
    box, _ = inbox(most)
    for first in range(0, 15, 3):
        box.put(block(first - 20, first, first + 1, first + 2))
        assert box.size <= most
        if first == 3:
            assert cut(box, 1) == [0]
    assert (box.came, box.dropped, box.count) == (15, 8, 6)
    assert cut(box, 99) == [9, 10, 11, 12, 13, 14]


def test_one_that_is_larger_than_the_bound_is_kept_until_the_next() -> None:
    box, _ = inbox(10)
    box.put(block(-9, 1))
    box.put(block(-8, 2))
    assert (cut(box, 9), box.dropped) == ([2], 1)


def test_the_post_brings_them_to_all_who_want_them() -> None:
    post = Post(frozenset({"a", "b"}), {})
    boxes = [post.subscribe(patterns, lambda: None) for patterns in (("a",), (">", "a"), ("b",))]
    assert post.subscribe(("c.>",), lambda: None) is None
    post.deliver([numbered("a", [0]), numbered("b", [1]), draft(Event("a", {"n": 2}), Event("b", {"n": 3}))])
    assert [cut(box, 9) for box in boxes if box is not None] == [[0, 2], [0, 1, 2, 3], [1, 3]]


def test_each_event_has_a_number_of_its_own_that_is_no_offset() -> None:
    post = Post(frozenset("a"), {})
    box = post.subscribe(("a",), lambda: None)
    assert box is not None
    post.deliver([numbered("a", [0, 1]), forward_draft("a", [{"n": 2}])])
    portion = box.cut(9)
    assert portion is not None
    first, second, third = (event.offset for event in portion.load())
    assert (second, third) == (first + 1, first + 2)
    assert third < 0


def test_an_unlisted_draft_is_looked_into() -> None:
    post = Post(frozenset("a"), {})
    box = post.subscribe(("a",), lambda: None)
    assert box is not None
    made = draft(Event("a", {"n": 1}), Event("b", {"n": 2}))
    made.types = ()
    post.deliver([made])
    assert cut(box, 9) == [1]


def test_what_handlers_emit_is_sifted() -> None:
    post = Post(frozenset("a"), {})
    box = post.subscribe(("a",), lambda: None)
    assert box is not None
    kept = post.sift([numbered("b", [1]), numbered("a", [2])])
    assert [each.types for each in kept] == [("b",)]
    assert cut(box, 9) == [2]
    drafts = [numbered("a", [1])]
    assert Post(frozenset(), {}).sift(drafts) is drafts


def test_who_reads_along_is_told_each_block_once_and_before_the_inboxes() -> None:
    post = Post(frozenset({"a", "b"}), {})
    told: list[tuple[Block, int]] = []
    box = post.subscribe((">", "a"), lambda: None)
    assert box is not None
    post.along = lambda block: told.append((block, box.came))
    post.deliver([numbered("a", [0, 1]), forward_draft("b", [{"n": 2}])])

    assert [(block.types, block.count, came) for block, came in told] == [(("a",), 2, 0), (("b",), 1, 2)]
    assert told[1][0].first == told[0][0].end < 0
    portion = box.cut(9)
    assert portion is not None
    assert [block for block, _ in portion.blocks] == [block for block, _ in told]


def test_who_reads_along_is_told_what_nobody_else_wants_and_nothing_that_is_durable() -> None:
    post = Post(frozenset({"a"}), {})
    told: list[Block] = []
    post.along = told.append
    kept = post.sift([numbered("b", [1]), numbered("a", [2])])

    assert [draft.types for draft in kept] == [("b",)]
    assert [block.types for block in told] == [("a",)]
