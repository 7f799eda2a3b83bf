"""Whether the books balance: what they must say, checked on one status.

All numbers of a status are of one instant, so each identity holds exactly or an event is
unaccounted for. This finds out which one does not; it counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from eventd.observe.status import Consumer, Status

__all__ = ["imbalances"]


def imbalances(status: Status) -> list[str]:
    """What does not balance, in words; empty where all does."""
    return [*_doors(status), *_consumers(status), *_volatile(status)]


def _doors(status: Status) -> Iterator[str]:
    """``received = accepted + duplicates + volatile + rejected + pending``, and each event came through one door."""
    events = status.events
    rejected = sum(events.rejected.values())
    known = events.accepted + events.duplicates + events.volatile + rejected + events.pending
    if events.received != known:
        yield (
            f"{events.received} events were received, but {events.accepted} are accepted, {events.duplicates} "
            f"duplicates, {events.volatile} volatile, {rejected} rejected and {events.pending} pending: "
            f"{abs(events.received - known)} "
            f"{'are missing' if events.received > known else 'too many'}"
        )
    by_door = sum(events.doors.values())
    if by_door != events.received:
        yield f"{events.received} events were received, but {by_door} by all doors together"


def _consumers(status: Status) -> Iterator[str]:
    """``end - since = settled + dead + passed + pending`` for each."""
    for consumer in status.consumers:
        came = status.journal.end - consumer.since
        known = _known(consumer)
        if came != known:
            yield (
                f"{consumer.name}: {came} events came since it started, but {consumer.settled} are settled, "
                f"{consumer.dead} dead, {consumer.passed} passed and {consumer.pending} pending: "
                f"{abs(came - known)} {'are missing' if came > known else 'too many'}"
            )


def _volatile(status: Status) -> Iterator[str]:
    """``came = settled + dead + dropped + pending`` for each that wants volatile events."""
    for consumer in status.consumers:
        row = consumer.volatile
        if row is not None and row.came != row.settled + row.dead + row.dropped + row.pending:
            yield (
                f"{consumer.name}: {row.came} volatile events came, but {row.settled} are settled, {row.dead} dead, "
                f"{row.dropped} dropped and {row.pending} pending"
            )


def _known(consumer: Consumer) -> int:
    return consumer.settled + consumer.dead + consumer.passed + consumer.pending
