"""The doors' books."""

from __future__ import annotations

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
