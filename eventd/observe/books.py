"""The books of the doors: what was read, and what was refused and why.

    received = accepted + duplicates + volatile + rejected + pending

``received``, ``duplicates``, ``volatile`` and the rejections at the doors are counted here,
``accepted``, ``pending`` and the refusals of the journal by ``eventd.ingest``. A count is a plain integer
in a dict: the hot path adds, and only a scrape reads.

The journal keeps the books across restarts: each unit of events carries what was counted
since the one before. What had been read and was not durable when a daemon died is counted
as rejected by the next one, for ``interrupted``: nobody had an ack for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from eventd.errors import EventdError

__all__ = ["Books"]

#: The names of the counts in the journal; behind a colon, which listener or reason.
RECEIVED, REJECTED, DUPLICATES, ACCEPTED = "received", "rejected", "duplicates", "accepted"
VOLATILE = "volatile"
_OURS = frozenset({RECEIVED, REJECTED, DUPLICATES, ACCEPTED, VOLATILE})

#: The reason under which events are counted that were read and never acknowledged, since the daemon died.
INTERRUPTED = "interrupted"


class Books:
    """Counts of events, by listener and by reason; both sets of keys are bounded."""

    def __init__(self) -> None:
        #: Events read, by listener.
        self.received: Counter[str] = Counter()
        #: Events acknowledged again, since they were stored before.
        self.duplicates = 0
        #: Events delivered from memory, and those that wait for durable ones that came with them.
        self.volatile = 0
        self.held = 0
        #: Events refused at a door, by the reason of the error.
        self.rejected: Counter[str] = Counter()
        #: Connections closed for something that was no event at all, by reason.
        self.faults: Counter[str] = Counter()
        #: Events that the journal could not take, by reason; ingest counts them.
        self.refused: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()

    def receive(self, listener: str, count: int) -> None:
        """Count events that a door has read and hands on."""
        self.received[listener] += count

    def reject(self, listener: str, reason: str, count: int = 1) -> None:
        """Count events that a door has read and refuses."""
        self.received[listener] += count
        self.rejected[reason] += count

    def fault(self, error: EventdError) -> None:
        """Count input that cost its sender the connection or the request, and held no event that one could count."""
        self.faults[error.reason] += 1

    def restore(self, kept: Mapping[str, int]) -> int:
        """Go on from the books of the daemons before; returns how many events they had accepted."""
        self._kept = Counter({name: count for name, count in kept.items() if name.partition(":")[0] in _OURS})
        accepted = self._kept.pop(ACCEPTED, 0)
        for name, count in self._kept.items():
            kind, _, which = name.partition(":")
            if kind == DUPLICATES:
                self.duplicates = count
            elif kind == VOLATILE:
                self.volatile = count
            else:
                (self.received if kind == RECEIVED else self.rejected)[which] = count
        known = accepted + self.duplicates + self.volatile + self.rejected.total()
        if interrupted := self.received.total() - known:
            self.rejected[INTERRUPTED] += interrupted
        return accepted

    def changes(self, accepted: int) -> dict[str, int]:
        """What was counted since the last call, for the unit that makes ``accepted`` more events durable."""
        totals = self._totals()
        changed = {name: count - self._kept[name] for name, count in totals.items() if count != self._kept[name]}
        self._kept = totals
        if accepted:
            changed[ACCEPTED] = accepted
        return changed

    def take_back(self, changed: Mapping[str, int]) -> None:
        """The unit was refused: the next one carries its changes, too."""
        for name, count in changed.items():
            if name != ACCEPTED:
                self._kept[name] -= count

    def _totals(self) -> Counter[str]:
        totals = Counter({f"{RECEIVED}:{name}": count for name, count in self.received.items()})
        for counts in (self.rejected, self.refused):
            for reason, count in counts.items():
                totals[f"{REJECTED}:{reason}"] += count
        if self.duplicates:
            totals[DUPLICATES] = self.duplicates
        if self.volatile:
            totals[VOLATILE] = self.volatile
        return totals
