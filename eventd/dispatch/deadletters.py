"""What an administrator does with dead letters: look at them, have them tried again, drop them.

A letter is tried again by the consumer that gave it up, in turn with the consumer's other
events. This file chooses letters and tells how far they are; it handles nothing itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from eventd.formats.times import rfc3339
from eventd.green import Signal
from eventd.journal import DeadLetter, Journal, Letters

__all__ = ["REPLAY", "DeadLetters", "Retrier", "Retry", "full_name"]

#: Before the name of a consumer: letters that a replay through it left. They stand in no books of its own.
REPLAY = "replay:"
#: Seconds between two lines that tell how far a retry is.
TELL_EVERY = 0.2
#: Letters that are read and handed to their consumers at once.
PAGE = 500
#: More than there are: a choice without a bound.
ALL = 1 << 62

#: Told the id of a letter, and whether it is settled now; what is not has failed again.
Told = Callable[[int, bool], None]


class Retrier(Protocol):
    """A consumer, as far as it is needed here."""

    def retry(self, letters: Sequence[DeadLetter], told: Told) -> None:
        """Handle the events of dead letters again, and tell what became of each once that is durable."""


class Retry(msgspec.Struct):
    """How far a retry is; ``skipped`` were gone, or are tried again already, or nobody is there to do it.

    ``paused`` are the full names of consumers that have letters of it and are handed nothing now.
    """

    chosen: int = 0
    settled: int = 0
    failed: int = 0
    skipped: int = 0
    done: bool = False
    error: str | None = None
    paused: list[str] = []

    @property
    def over(self) -> int:
        """The letters of which it is known what became of them."""
        return self.settled + self.failed + self.skipped


class DeadLetters:
    """All dead letters of the daemon.

    :param consumer: the consumer of a full name; ``None`` where none of that name runs.
    :param paused: the full names of those that are paused.
    """

    def __init__(
        self, journal: Journal, consumer: Callable[[str], Retrier | None], paused: Container[str] = ()
    ) -> None:
        self._journal = journal
        self._consumer = consumer
        self._paused = paused
        self._busy: set[int] = set()

    def list(self, chosen: Letters) -> list[dict[str, Any]]:
        """The letters, without their events and tracebacks."""
        return [_row(letter) for letter in self._journal.letters(chosen)]

    def show(self, number: int) -> dict[str, Any] | None:
        """All of one letter, if it is still there."""
        letter = self._journal.dead_letter(number)
        if letter is None:
            return None
        return {**_row(letter), "traceback": letter.traceback, "event": msgspec.Raw(letter.event)}

    def drop(self, chosen: Letters) -> int:
        """Drop letters, all that fit; how many there were."""
        return self._journal.drop_dead(chosen)

    def retry(self, chosen: Letters) -> Iterator[bytes]:
        """Have all letters that fit now tried again; JSON lines tell how far it is."""
        ids = self._journal.dead_ids(msgspec.structs.replace(chosen, limit=ALL))
        return _Round(self._journal, self._consumer, self._paused, self._busy, ids).lines()


class _Round:
    """One request to try letters again: page by page, so that few are in memory.

    :param busy: the ids of all letters that are tried again at present.
    """

    def __init__(
        self,
        journal: Journal,
        consumer: Callable[[str], Retrier | None],
        paused: Container[str],
        busy: set[int],
        ids: list[int],
    ) -> None:
        self._journal = journal
        self._consumer = consumer
        self._paused = paused
        self._busy = busy
        self._ids = ids
        self._state = Retry(len(ids))
        self._awaited = 0
        #: Who has letters of the page.
        self._asked: list[str] = []
        self._complete = Signal()

    def lines(self) -> Iterator[bytes]:
        """Hand the letters out, and tell now and then how far it is."""
        while self._awaited < len(self._ids):
            page = self._ids[self._awaited : self._awaited + PAGE]
            self._awaited += len(page)
            self._complete.clear()
            self._hand_out(page)
            while self._state.over < self._awaited:
                self._complete.wait(TELL_EVERY)
                self._state.paused = [name for name in self._asked if name in self._paused]
                yield _line(self._state)
        self._state.done, self._state.paused = True, []
        yield _line(self._state)

    def _hand_out(self, page: list[int]) -> None:
        """Give letters to their consumers; skip those that nobody can try now."""
        letters = self._journal.letters(Letters(ids=page, limit=len(page)))
        free = [letter for letter in letters if letter.id not in self._busy]
        self._state.skipped += len(page) - len(free)
        self._asked = []
        for name, group in _by_consumer(free).items():
            consumer = self._consumer(name)
            if consumer is None:
                self._state.skipped += len(group)
                self._state.error = f"{name} does not run"
                continue
            self._asked.append(name)
            self._busy.update(letter.id for letter in group)
            consumer.retry(group, self._told)

    def _told(self, number: int, settled: bool) -> None:
        self._busy.discard(number)
        if settled:
            self._state.settled += 1
        else:
            self._state.failed += 1
        if self._state.over >= self._awaited:
            self._complete.set()


def full_name(name: str, known: Collection[str]) -> str:
    """The consumer that is meant by a name with or without its kind; the name itself where none is known."""
    for kind in ("", "handler:", "event_type:", "subscription:"):
        if f"{kind}{name}" in known:
            return f"{kind}{name}"
    return name


def _by_consumer(letters: list[DeadLetter]) -> dict[str, list[DeadLetter]]:
    groups: dict[str, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        groups[letter.consumer.removeprefix(REPLAY)].append(letter)
    return groups


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "consumer": letter.consumer,
        "type": letter.type,
        "offset": letter.offset,
        "attempts": letter.attempts,
        "first_time": rfc3339(letter.first_time),
        "last_time": rfc3339(letter.last_time),
        "reason": letter.reason,
    }


def _line(state: Retry) -> bytes:
    return msgspec.json.encode(state) + b"\n"
