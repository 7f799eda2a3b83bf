"""The books of the doors: what was read, and what was refused and why.

    received = accepted + duplicates + rejected + pending

``received``, ``duplicates`` and the rejections at the doors are kept here, ``accepted``,
``pending`` and the refusals of the journal by ``eventd.ingest``. A count is a plain integer in a
dict: the hot path adds, and only a scrape reads.
"""

from __future__ import annotations

from collections import Counter

from eventd.errors import EventdError

__all__ = ["Books"]


class Books:
    """Counts of events, by listener and by reason; both sets of keys are bounded."""

    def __init__(self) -> None:
        #: Events read, by listener.
        self.received: Counter[str] = Counter()
        #: Events acknowledged again, since they were stored before.
        self.duplicates = 0
        #: Events refused at a door, by the reason of the error.
        self.rejected: Counter[str] = Counter()
        #: Connections closed for something that was no event at all, by reason.
        self.faults: Counter[str] = Counter()

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
