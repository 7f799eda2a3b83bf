"""What is written down of an event that was given up."""

from __future__ import annotations

import traceback

from eventd.dispatch.ordering import Waiting
from eventd.journal import DeadLetter

__all__ = ["letter_of", "once_more"]

#: Characters of a traceback that a dead letter keeps: the end says what was raised where.
MOST_TRACEBACK = 16384


def letter_of(consumer: str, waiting: Waiting, event: bytes, error: BaseException) -> DeadLetter:
    """The dead letter of an event; one that was tried again keeps its id, and its attempts are added up."""
    tries, before = waiting.tries, waiting.letter
    told = "".join(traceback.format_exception(error))
    letter = DeadLetter(
        consumer=consumer,
        offset=waiting.offset,
        event=event,
        attempts=tries.attempts,
        first_time=tries.first_time,
        last_time=tries.last_time,
        reason=_words(error),
        traceback=told[-MOST_TRACEBACK:],
    )
    if before is not None:
        once_more(letter, before)
    return letter


def once_more(letter: DeadLetter, before: DeadLetter) -> None:
    """Make ``letter`` what ``before`` becomes: its event was tried again, and given up again."""
    letter.id, letter.consumer, letter.first_time = before.id, before.consumer, before.first_time
    letter.attempts += before.attempts


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a plugin's own error, whose text fails, too
        return type(error).__name__
