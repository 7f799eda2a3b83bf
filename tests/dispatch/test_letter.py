"""A dead letter tells what was raised where, however long or odd that is."""

from __future__ import annotations

from eventd.dispatch import letter as module
from eventd.dispatch.letter import letter_of
from eventd.dispatch.ordering import Tries, Waiting
from eventd.event import Block, Encoding


def waiting() -> Waiting:
    return Waiting(Block(7, 1, Encoding.JSON, (), 0, b"{}"), None, Tries(3, first_time=10, last_time=20))


def test_a_letter_has_what_the_event_went_through() -> None:
    letter = letter_of("handler:it", waiting(), b"{}", ValueError("no"))

    assert (letter.offset, letter.attempts, letter.first_time, letter.last_time) == (7, 3, 10, 20)
    assert (letter.consumer, letter.reason, letter.id) == ("handler:it", "ValueError: no", 0)


def test_of_a_long_traceback_the_end_is_kept() -> None:
    letter = letter_of("c", waiting(), b"{}", ValueError("x" * module.MOST_TRACEBACK + "end"))

    assert len(letter.traceback) == module.MOST_TRACEBACK
    assert letter.traceback.endswith("end\n")


def test_one_that_was_tried_again_stays_the_same_letter() -> None:
    again = waiting()
    again.letter = letter_of("replay:handler:it", waiting(), b"{}", ValueError("first"))
    again.letter.id = 5
    letter = letter_of("handler:it", again, b"{}", ValueError("second"))

    assert (letter.id, letter.consumer, letter.attempts) == (5, "replay:handler:it", 6)
    assert letter.reason == "ValueError: second"
