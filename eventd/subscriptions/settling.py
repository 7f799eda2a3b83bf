"""How far a durable subscription is: what is open, what is settled, and making that durable.

Members settle by the thousand: what they say is counted at once, and its place in the
journal is worked out and written a little later for all of it together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventd.dispatch.commits import NEW, Commits, Timers
from eventd.dispatch.progress import ConsumerStatus, Ranges, place, record_at, status_at
from eventd.journal import ConsumerRecord, DeadLetter, Journal, Unit
from eventd.subscriptions.unsettled import Unsettled

__all__ = ["TERMS", "Settling"]

#: Seconds for which what is settled is gathered before its place is worked out.
GATHERED_FOR = 0.05
#: The key in the subscription's state under which it is kept what it is subscribed to.
TERMS = "terms"


class Settling:
    """The books of one durable subscription.

    :param name: of its record in the journal. :param front: the offset before which all is handed out or not wanted.
    :param landed: told each unit that is durable. :param lost: called when the journal has gone another way than this.
    """

    def __init__(
        self, name: str, journal: Journal, timers: Timers, record: ConsumerRecord, front: Callable[[], int],
        landed: Callable[[Unit], None], lost: Callable[[], None],
    ) -> None:  # fmt: skip
        self.name = name
        self._journal = journal
        self._timers = timers
        self._front = front
        self._landed = landed
        self._lost = lost
        self._gathering = False
        self._begin(record)

    @property
    def broken(self) -> bool:
        """Whether nothing of this will be durable, and it has to go back to what is."""
        return self._commits.broken

    @property
    def record(self) -> ConsumerRecord:
        """Where it is."""
        return record_at(*self._place(), self._commits.record, self._settled, 0)

    def settle(self, offsets: Sequence[int]) -> None:
        """These are done."""
        self._settled += len(offsets)
        self.unsettled.close(offsets)
        self.move()

    def bury(self, letters: list[DeadLetter]) -> None:
        """These are given up; waits when the journal is slow."""
        self.unsettled.close([letter.offset for letter in letters])
        # One that was given up before stands in the books already.
        self._commit(lost=sum([not letter.id for letter in letters]), dead=letters)

    def raise_up(self, offset: int, letter: int) -> None:
        """An event whose dead letter is tried again is settled after all; waits when the journal is slow."""
        self._settled += 1
        self.unsettled.close([offset])
        self._commit(lost=-1, raised=[letter])

    def remember(self, terms: bytes) -> None:
        """Keep what it is subscribed to; returns when that is durable, or will not be."""
        self._commit(state={TERMS: terms})
        self._commits.drain()

    def move(self) -> None:
        """Its place may have moved."""
        if not self._gathering:
            self._gathering = True
            self._timers.call_later(GATHERED_FOR, self._moved)

    def go_back(self) -> ConsumerRecord:
        """Begin anew from what is durable: where that is."""
        self._commits.close()
        record = self._journal.consumers.get(self.name, self._commits.record)
        self._begin(record)
        return record

    def stop(self) -> None:
        """Let nobody wait for a journal that refuses: it ends."""
        self._commits.stop()

    def close(self) -> None:
        """Write where it is, and wait until that is durable or refused."""
        self._commit()
        self._commits.close()

    def status(self, state: str, retries: int) -> ConsumerStatus:
        """Its numbers now."""
        return status_at(self.record, self._journal.end, self.name, "subscription", state, retries)

    def _begin(self, record: ConsumerRecord) -> None:
        durable = record.offset if self.name in self._journal.consumers else NEW
        self._commits = Commits(
            self.name, self._journal.submit, self._timers, record, durable, self._landed, self._lost
        )
        self._settled = 0
        #: What an earlier run has done above the place.
        self.above: Ranges = record.above
        #: What is handed out and not settled.
        self.unsettled = Unsettled()

    def _moved(self) -> None:
        self._gathering = False
        if not self._commits.broken:
            self._commit()

    def _commit(
        self,
        lost: int = 0,
        dead: list[DeadLetter] | None = None,
        raised: list[int] | None = None,
        state: dict[str, bytes | None] | None = None,
    ) -> None:
        settled, self._settled = self._settled, 0
        self._commits.settle(self._place(), settled, lost, dead=dead, raised=raised, state=state)

    def _place(self) -> tuple[int, Ranges]:
        front = self._front()
        if self.above and self.above[-1][1] <= front:
            self.above = ()
        return place(front, self.unsettled.open, self.above)
