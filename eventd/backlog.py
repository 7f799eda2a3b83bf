"""What the doors handed on and nobody has answered for yet, where not all of it goes through ingest.

Volatile events wait here for the durable ones that came with them, and copies of an event
that is under way for its outcome. While the journal takes its time, nobody else counts
those; so this does, and has the doors stop reading.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from eventd.errors import EventdError
from eventd.event import Draft
from eventd.ingest import DRAFT_BYTES, Done, Pressure

__all__ = ["Backlog", "Submit"]

Submit = Callable[[list[Draft], int, Done], None]


class Backlog:
    """Stands before all others; runs on the hub.

    :param pressure: told when more than ``most`` bytes wait, and when half are gone.
    """

    def __init__(self, pressure: Pressure, most: int) -> None:
        self._pressure = pressure
        self._pressed = False
        self.most = most
        self.size = 0

    def before(self, submit: Submit) -> Submit:
        """The way in that stands before ``submit``."""
        return partial(self._take, submit)

    def _take(self, submit: Submit, drafts: list[Draft], count: int, done: Done) -> None:
        size = sum([len(draft.body) + DRAFT_BYTES for draft in drafts])
        self._change(size)
        submit(drafts, count, partial(self._answered, size, done))

    def _answered(self, size: int, done: Done, first: int, error: EventdError | None) -> None:
        self._change(-size)
        done(first, error)

    def _change(self, by: int) -> None:
        self.size += by
        if self.size > self.most if not self._pressed else self.size < self.most // 2:
            self._pressed = not self._pressed
            self._pressure(self._pressed)
