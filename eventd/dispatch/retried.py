"""Dead letters that are tried again: back among the events that wait, and whoever asked for it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from eventd.calls.keys import Key
from eventd.dispatch.ordering import Tries, Waiting
from eventd.event import Block, Encoding, Event
from eventd.formats.blocks import decode
from eventd.journal import DeadLetter, Unit

__all__ = ["Retried", "Told"]

#: Told the id of a dead letter that was tried again, and whether it is settled now.
Told = Callable[[int, bool], None]


class Retried:
    """The letters of one consumer of which it is not known yet what becomes of them."""

    def __init__(self, key: Key | None, types: Mapping[str, type[Event]]) -> None:
        self._key = key
        self._types = types
        self._told: dict[int, Told] = {}

    def take(self, letters: Sequence[DeadLetter], told: Told) -> Iterator[Waiting]:
        """Their events, as they wait for the first of all their attempts."""
        for letter in letters:
            self._told[letter.id] = told
            block = Block(letter.offset, 1, Encoding.JSON, (), letter.last_time, letter.event)
            key = self._key(decode(block, self._types)[0]) if self._key else letter.offset
            yield Waiting(block, key, Tries(), alone=True, letter=letter)

    def landed(self, unit: Unit) -> None:
        """A unit is durable: tell of the letters in it."""
        for number in unit.raised:
            self._tell(number, settled=True)
        for letter in unit.dead:
            self._tell(letter.id, settled=False)

    def give_up(self) -> None:
        """None of them will be tried."""
        for number in list(self._told):
            self._tell(number, settled=False)

    def _tell(self, number: int, *, settled: bool) -> None:
        told = self._told.pop(number, None)
        if told is not None:
            told(number, settled)
