"""Reads along the journal for somebody who only looks: no cursor, no acks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from eventd.event import Block, Event
from eventd.formats import blocks, json_events
from eventd.journal import Journal
from eventd.routing import Patterns, valid_pattern

__all__ = ["follow", "place"]

#: Seconds without a new event after which the reader is shown that the line still holds; a stop waits as long.
HEARTBEAT = 1.0


def place(journal: Journal, start: str) -> int:
    """The offset that ``now``, ``earliest``, an offset or an RFC 3339 time stands for.

    :raises ValueError: when it is none of them.
    """
    if start == "now":
        return journal.end
    if start == "earliest":
        return journal.first
    if start.isdecimal():
        return int(start)
    try:
        moment = datetime.fromisoformat(start)
    except ValueError:
        raise ValueError(f"{start!r} is not now, earliest, an offset or a time such as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"the time {start!r} has no offset from UTC, such as Z")
    return journal.offset_at(int(moment.timestamp() * 1e9))


def follow(journal: Journal, patterns: list[str], start: str, forever: bool) -> Iterator[bytes]:
    """JSON lines of the events that match, from ``start`` on; ``b""`` as a heartbeat.

    :raises ValueError: when a pattern or ``start`` cannot be understood; at the call, not at the first line.
    """
    wrong = [pattern for pattern in patterns if not valid_pattern(pattern)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no pattern: tokens between dots, * for one, > at the end for the rest")
    return _lines(journal, Patterns(patterns), place(journal, start), forever)


def _lines(journal: Journal, wanted: Patterns, offset: int, forever: bool) -> Iterator[bytes]:
    while True:
        end = journal.end
        found = journal.read(offset)
        for block in found:
            if lines := _lines_of(block, wanted, offset):
                yield lines
            offset = block.end
        if found:
            continue
        # Where nothing is left to read there may be a gap, which would be found again and again.
        offset = max(offset, end)
        if not forever:
            return
        if not journal.wait(offset, HEARTBEAT):
            yield b""


def _lines_of(block: Block, wanted: Patterns, offset: int) -> bytes:
    if block.types and not any(map(wanted.matches, block.types)):
        return b""
    events = (event for event in blocks.decode(block) if event.offset >= offset)
    return b"".join(_line(event) for event in events if wanted.matches(event.type))


def _line(event: Event) -> bytes:
    event.attributes["eventdoffset"] = event.offset
    return json_events.write(event) + b"\n"
