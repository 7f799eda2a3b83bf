"""Volatile types at the door: their events skip the journal, and are delivered from memory.

    doors ── submit_all ──► Volatile ── the durable part ──► Ingest
                               └─ the volatile part ──► deliver (dispatch)

A submission of volatile events alone is answered at once: nobody waits for the disk. Where
durable ones are with them, all are taken or none: the volatile part is delivered when the
durable part is on the disk, and refused with it.

What may be lost and what is dropped when memory is full is the business of ``deliver``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Protocol

from eventd.errors import EventdError, Stopping
from eventd.event import Draft
from eventd.formats.selection import count_of, sort_out

__all__ = ["Volatile"]

#: As ingest has them; the offset is -1 where no event has one.
Done = Callable[[int, EventdError | None], None]
Submit = Callable[[list[Draft], int, Done], None]


class Book(Protocol):
    """Where it writes down what became of volatile events: taken, waiting for the disk, refused with others."""

    volatile: int
    held: int
    refused: Counter[str]


class Volatile:
    """Stands before whatever makes events durable; runs on the hub.

    :param types: the volatile ones. :param deliver: takes their events for those who want them.
    :param call_soon: runs a callable at the end of the hub's pass. :param book: counts them.
    """

    def __init__(
        self,
        types: frozenset[str],
        deliver: Callable[[list[Draft]], None],
        call_soon: Callable[[Callable[[], None]], object],
        book: Book,
    ) -> None:
        self._types = types
        self._deliver = deliver
        self._call_soon = call_soon
        self._book = book
        self._stopping = False

    def before(self, submit: Submit) -> Submit:
        """The way in that stands before ``submit``; that itself where no type is volatile."""
        return partial(self._take, submit) if self._types else submit

    def count(self, draft: Draft) -> int:
        """How many events of the draft are volatile, and so get no offset."""
        return count_of(draft, self._types)

    def stop(self) -> None:
        """Refuse what comes from now on: nobody is there any more to handle it."""
        self._stopping = True

    def _take(self, submit: Submit, drafts: list[Draft], count: int, done: Done) -> None:
        durable, volatile = sort_out(drafts, self._types)
        if not volatile:
            submit(drafts, count, done)
            return
        number = sum([draft.count for draft in volatile])
        if durable:
            self._book.held += number
            submit(durable, count - number, partial(self._outcome, volatile, number, done))
        elif self._stopping:
            error = Stopping("the daemon is stopping", hint="send it again when it is back")
            self._book.refused[error.reason] += number
            self._call_soon(partial(done, -1, error))
        else:
            self._accept(volatile, number)
            self._call_soon(partial(done, -1, None))

    def _outcome(self, volatile: list[Draft], number: int, done: Done, first: int, error: EventdError | None) -> None:
        """The durable part is on the disk, or refused."""
        self._book.held -= number
        if error is None:
            self._accept(volatile, number)
        else:
            self._book.refused[error.reason] += number
        done(first, error)

    def _accept(self, volatile: list[Draft], number: int) -> None:
        self._book.volatile += number
        self._deliver(volatile)
