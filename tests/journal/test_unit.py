"""A unit knows what it weighs and whether somebody waits for it."""

from __future__ import annotations

from eventd.journal import ConsumerRecord, Move, Unit
from tests.journal.support import draft, letter


def test_its_size_is_that_of_its_events() -> None:
    unit = Unit(drafts=[draft(body=b"12345"), draft(body=b"678")], cursors={"a": 1}, dead=[letter(event=b"{}")])

    assert unit.size == 10
    assert Unit(state={"a": {"key": b"12", "gone": None}}).size == 9


def test_only_a_cursor_alone_can_wait() -> None:
    assert not Unit(cursors={"a": 1}).urgent
    assert Unit(cursors={"a": 1}, drafts=[draft()]).urgent
    assert Unit(dead=[letter()]).urgent
    assert Unit(state={"a": {"key": b"1"}}).urgent
    assert Unit(raised=[1]).urgent
    assert not Unit(moves={"a": Move(1)}, books={"x": 1}).urgent


def test_a_record_tells_how_much_is_done_and_up_to_where() -> None:
    record = ConsumerRecord(5, ((7, 9), (12, 13)))

    assert (record.done, record.top) == (8, 13)
    assert (ConsumerRecord(5).done, ConsumerRecord(5).top) == (5, 5)


def test_units_share_nothing() -> None:
    one, other = Unit(), Unit()
    one.drafts.append(draft())
    one.cursors["a"] = 1

    assert other == Unit()


def test_what_is_left_of_a_range_is_neither_below_the_offset_nor_done_above_it() -> None:
    record = ConsumerRecord(10, ((12, 15), (20, 30)))

    spans = ((0, 10), (0, 12), (11, 14), (14, 22), (0, 40), (25, 28))
    assert [record.left(*span) for span in spans] == [0, 2, 1, 5, 17, 0]
