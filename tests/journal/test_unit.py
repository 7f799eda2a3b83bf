"""A unit knows what it weighs and whether somebody waits for it."""

from __future__ import annotations

from eventd.journal import Unit
from tests.journal.support import draft, letter


def test_its_size_is_that_of_its_events() -> None:
    unit = Unit(drafts=[draft(body=b"12345"), draft(body=b"678")], cursors={"a": 1}, dead=[letter(event=b"{}")])

    assert unit.size == 10


def test_only_a_cursor_alone_can_wait() -> None:
    assert not Unit(cursors={"a": 1}).urgent
    assert Unit(cursors={"a": 1}, drafts=[draft()]).urgent
    assert Unit(dead=[letter()]).urgent


def test_units_share_nothing() -> None:
    one, other = Unit(), Unit()
    one.drafts.append(draft())
    one.cursors["a"] = 1

    assert other == Unit()
