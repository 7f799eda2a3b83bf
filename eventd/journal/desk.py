"""What can be asked of the journal, and what can be done to it beside appending: state, dead letters.

Questions are answered by a native thread, chores are done by the writer between two
commits; the green thread that asks waits for its answer, and the hub goes on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from eventd.errors import JournalUnavailable
from eventd.green import Signal

from .connection import unavailable
from .deadletters import Letters, list_ids, list_letters
from .jobs import Chore
from .ledger import Changes
from .standing import Standing
from .state import Questions, StateStore
from .unit import DeadLetter

__all__ = ["Desk", "closed"]

#: Values of a forgotten consumer's state that are deleted between two commits.
FORGOTTEN = 2000

T = TypeVar("T")


def closed() -> JournalUnavailable:
    """What is told to who comes too early or too late."""
    return JournalUnavailable("the journal is closed", hint="the daemon is stopping")


class Desk(Standing):
    """The part of the journal that answers.

    :param connect: makes a connection that reads.
    :param give: hands a chore to the writer.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], give: Callable[[Chore], object]) -> None:
        super().__init__()
        self._questions = Questions(connect)
        self._give = give
        self._open = False

    def state(self, consumer: str) -> StateStore:
        """What a consumer keeps, as of the last commit; for any thread."""
        return StateStore(consumer, self._questions)

    def dead_letters(
        self,
        consumer: str | Sequence[str] | None = None,
        type: str | None = None,
        after: int = 0,
        limit: int = 100,
        since: int | None = None,
        before: int | None = None,
    ) -> list[DeadLetter]:
        """Dead letters with an ``id`` above ``after``, oldest first; see ``Letters``."""
        return self.letters(
            Letters(consumer=consumer, type=type, after=after, limit=limit, since=since, before=before)
        )

    def letters(self, chosen: Letters) -> list[DeadLetter]:
        """The dead letters that are chosen, oldest first."""
        return self._questions.ask(partial(list_letters, chosen=chosen))

    def dead_ids(self, chosen: Letters) -> list[int]:
        """The ids of what ``letters`` gives."""
        return self._questions.ask(partial(list_ids, chosen=chosen))

    def dead_letter(self, number: int) -> DeadLetter | None:
        """The dead letter with this ``id``, if it is still there."""
        found = self._questions.ask(partial(list_letters, chosen=Letters(ids=[number])))
        return found[0] if found else None

    def drop_dead(self, chosen: Letters) -> int:
        """Drop dead letters, ``chosen.limit`` at once; how many there were. Each is counted in the books.

        :raises JournalUnavailable: when the disk refuses; what was dropped before stays dropped.
        """
        dropped = 0
        while number := self.perform(lambda reading, changes: changes.drop(reading, list_ids(reading, chosen))):
            dropped += number
        return dropped

    def forget_consumer(self, name: str) -> None:
        """Delete a consumer's state and its record: it begins anew when it comes back. Its dead letters stay."""
        while not self.perform(lambda connection, changes: changes.forget(connection, name, FORGOTTEN)):
            pass

    def perform(self, work: Callable[[sqlite3.Connection, Changes], T]) -> T:
        """Have the writer do ``work`` in a transaction of its own, between two commits; a green thread waits.

        :raises JournalUnavailable: when the disk refuses, or the journal is closed.
        """
        if not self._open:
            raise closed()
        known = Signal()
        outcome: list[tuple[T, BaseException | None]] = []

        def done(value: T, error: BaseException | None) -> None:
            outcome.append((value, error))
            known.set()

        self._give(Chore(work, done))
        known.wait()
        value, error = outcome[0]
        if isinstance(error, sqlite3.Error | OSError):
            raise unavailable(error) from error
        if error is not None:
            raise error
        return value
