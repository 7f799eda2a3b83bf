"""Where a subscription begins, and whether something is missing there."""

from __future__ import annotations

from eventd.dispatch.follow import place
from eventd.errors import InvalidSubscription
from eventd.journal import Journal
from eventd.protocol.asks import Subscribe

__all__ = ["begin"]


def begin(journal: Journal, ask: Subscribe) -> tuple[int, bool]:
    """The offset from which on everything will come, and whether nothing is missing before it.

    What cannot be continued begins at the oldest event that is kept: more than once is better than never.

    :raises InvalidSubscription: when ``from`` is no place.
    :raises JournalUnavailable: when the disk does not answer.
    """
    start = ask.start
    if isinstance(start, str) and start.isdecimal():
        start = int(start)
    if isinstance(start, int):
        return _at(journal, start, ask.epoch)
    try:
        offset = place(journal, start)
    except ValueError as error:
        raise InvalidSubscription(f"from: {error}") from None
    # Where events have been dropped, those since a time may be among them.
    told = start in ("now", "earliest") or offset > journal.first or journal.first == 0
    return offset, told


def _at(journal: Journal, offset: int, epoch: str | None) -> tuple[int, bool]:
    if epoch is not None and epoch != journal.epoch:
        return journal.first, False
    if offset > journal.end:
        return journal.end, False
    return max(offset, journal.first), offset >= journal.first
