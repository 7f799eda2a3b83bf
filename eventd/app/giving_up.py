"""Tells the program which events were put aside, when that is durable."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from eventd.errors import EventdError
from eventd.event import Block, Encoding, Event
from eventd.formats.blocks import decode
from eventd.journal import Committed, DeadLetter, Done, Journal, Unit

__all__ = ["GivenUp", "TellingJournal"]


class GivenUp(Exception):
    """An event that a subscriber could not handle; it is a dead letter now."""

    def __init__(self, event: Event, attempts: int, reason: str, traceback: str) -> None:
        super().__init__(reason)
        self.event = event
        self.attempts = attempts
        #: That of the last attempt, as text.
        self.traceback = traceback

    @classmethod
    def of(cls, letter: DeadLetter) -> GivenUp:
        """The error for a dead letter."""
        [event] = decode(Block(letter.offset, 1, Encoding.JSON, (), 0, letter.event))
        return cls(event, letter.attempts, letter.reason, letter.traceback)


class TellingJournal(Journal):
    """A journal that tells which dead letters became durable."""

    def __init__(self, *args: Any, on_dead: Callable[[DeadLetter], object]) -> None:
        super().__init__(*args)
        self._on_dead = on_dead

    def submit(self, unit: Unit, done: Done) -> None:
        """As of every journal."""
        super().submit(unit, partial(self._committed, unit, done) if unit.dead else done)

    def _committed(self, unit: Unit, done: Done, outcome: Committed | EventdError) -> None:
        done(outcome)
        if isinstance(outcome, Committed):
            for letter in unit.dead:
                self._on_dead(letter)
