"""Who is subscribed: asked again on the next connection where the answer did not come on this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from eventd.client.failures import ClientFailure
from eventd.client.messages import Present
from eventd.client.promise import Promise

__all__ = ["Question", "Questions", "Say"]

#: Says a message; false when there is no connection to say it on.
Say = Callable[..., bool]


class Question(Promise[list[Present]]):
    """Who is subscribed to ``types``?"""

    __slots__ = ("types",)

    def __init__(self, types: Sequence[str]) -> None:
        super().__init__()
        self.types = tuple(types)


class Questions:
    """All that have no answer.

    :param ids: numbers that no other request has.
    """

    def __init__(self, say: Say, ids: Iterator[int]) -> None:
        self._say = say
        self._ids = ids
        self._open: dict[Question, None] = {}
        self._asked: dict[int, Question] = {}

    def begin(self) -> None:
        """There is a connection."""
        for question in self._open:
            self._ask(question)

    def lost(self) -> None:
        """The connection is gone."""
        self._asked.clear()

    def ask(self, question: Question) -> None:
        """Ask, now or on the next connection."""
        self._open[question] = None
        self._ask(question)

    def forget(self, question: Question) -> None:
        """Nobody waits for the answer any more."""
        self._open.pop(question, None)

    def answer(self, id: int | None, outcome: list[Present] | ClientFailure) -> bool:
        """The server's answer; false when nothing was asked with this ``id``."""
        question = None if id is None else self._asked.pop(id, None)
        if question is None:
            return False
        if question in self._open:
            del self._open[question]
            question.end(outcome)
        return True

    def fail(self, failure: Callable[[], ClientFailure]) -> None:
        """No answer will come."""
        everything, self._open = self._open, {}
        for question in everything:
            question.end(failure())

    def _ask(self, question: Question) -> None:
        id = next(self._ids)
        fields: dict[str, Any] = {"id": id, "types": question.types}
        if self._say("presence", **fields):
            self._asked[id] = question
