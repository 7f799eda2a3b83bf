"""The doors' books."""

from __future__ import annotations

from collections import Counter

from eventd.errors import MalformedInput
from eventd.observe.books import Books


def test_what_is_received_is_counted_by_listener() -> None:
    books = Books()
    books.receive("http", 3)
    books.receive("http", 2)
    books.receive("forward", 1)
    assert books.received == {"http": 5, "forward": 1}


def test_a_rejected_event_was_received_too() -> None:
    books = Books()
    books.reject("http", "invalid_event", 4)
    assert (books.received["http"], books.rejected["invalid_event"]) == (4, 4)


def test_input_without_events_is_a_fault_and_no_event() -> None:
    books = Books()
    books.fault(MalformedInput("no JSON"))
    assert books.faults == {"malformed": 1}
    assert not books.received


def test_the_books_go_on_where_they_were_kept() -> None:
    books, kept = Books(), Counter[str]()
    books.receive("http", 5)
    books.reject("http", "too_large", 2)
    books.refused["journal_unavailable"] += 1
    books.duplicates += 1
    books.receive("http", 4)
    books.volatile += 4
    kept.update(books.changes(accepted=3))

    later = Books()
    assert later.restore(kept) == 3
    assert (later.received, later.duplicates, later.volatile) == ({"http": 11}, 1, 4)
    assert later.rejected == {"too_large": 2, "journal_unavailable": 1}
    assert later.changes(accepted=0) == {}


def test_only_what_changed_is_kept_again() -> None:
    books = Books()
    books.receive("http", 5)
    books.changes(accepted=5)
    books.receive("http", 2)
    assert books.changes(accepted=2) == {"received:http": 2, "accepted": 2}


def test_a_refused_unit_gives_its_changes_to_the_next() -> None:
    books = Books()
    books.receive("http", 5)
    books.take_back(books.changes(accepted=5))
    assert books.changes(accepted=1) == {"received:http": 5, "accepted": 1}


def test_what_was_never_acknowledged_is_rejected_as_interrupted() -> None:
    later = Books()
    later.restore({"received:http": 10, "accepted": 6, "rejected:too_large": 1, "emitted:handler:a": 9})
    assert later.rejected == {"too_large": 1, "interrupted": 3}
    assert later.received.total() == 6 + later.rejected.total()
