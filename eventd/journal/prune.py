"""Drops the oldest events when somebody asks for it; what retention does by itself is ``retention.py``'s.

One step is short and one transaction, so that the daemon's writer takes it between two
commits; with the daemon stopped, whoever has the lock takes one after the other. The
newest row always stays.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import msgspec

from .housekeeping import DROPPED
from .ledger import Changes
from .retention import ROW_BYTES, STEP_BYTES, STEP_ROWS, lost_by, used_bytes

__all__ = ["Limits", "Perform", "Pruned", "prune", "prune_all"]

#: Does work in a transaction of its own: ``Desk.perform``, or the same without a daemon.
Perform = Callable[[Callable[[sqlite3.Connection, Changes], "Pruned"]], "Pruned"]

OLDEST = "SELECT first, count, length(body) FROM blocks ORDER BY first LIMIT ?"


class Limits(msgspec.Struct, frozen=True):
    """What goes: rows that end at or before the offset ``before``, and as many as make it ``size`` bytes.

    Without ``unsettled``, what a consumer has not settled stays.
    """

    before: int = 0
    size: int | None = None
    unsettled: bool = False


class Pruned(NamedTuple):
    """What a step dropped: how many events, the oldest offset that is left, and whether there is more to do."""

    events: int
    first: int
    more: bool
    #: By consumer, how many of the events it had not settled.
    lost: dict[str, int]


def prune(connection: sqlite3.Connection, changes: Changes, limits: Limits, cursors: Mapping[str, int]) -> Pruned:
    """Take a step, within the transaction that is open; what is lost is counted for its consumer.

    :raises sqlite3.Error: when the database cannot be written.
    """
    rows = connection.execute(OLDEST, (STEP_ROWS + 1,)).fetchall()
    settled = min(cursors.values(), default=1 << 62)
    over = used_bytes(connection) - limits.size if limits.size is not None else 0
    # A row may free more than its bytes, namely its page: come nearer by halves.
    goal = over // 2 + 1 if over > 0 else 0
    number = freed = 0
    for first, count, length in rows[:-1]:
        end = first + count
        wanted = end <= limits.before or freed < goal
        if not wanted or freed >= STEP_BYTES or not (limits.unsettled or end <= settled):
            break
        number += 1
        freed += length + ROW_BYTES
    if not number:
        return Pruned(0, rows[0][0] if rows else 0, False, {})
    begin, end = rows[0][0], rows[number][0]
    connection.execute("DELETE FROM blocks WHERE first < ?", (end,))
    lost = lost_by(begin, end, cursors, changes.records)
    for consumer, events in lost.items():
        changes.count(f"{DROPPED}{consumer}", events)
    full = freed >= STEP_BYTES or number == STEP_ROWS or over > 0
    return Pruned(sum([row[1] for row in rows[:number]]), end, full, lost)


def prune_all(
    perform: Perform,
    limits: Limits,
    cursors: Callable[[], Mapping[str, int]],
    tell: Callable[[Pruned], object] | None = None,
) -> Pruned:
    """Take steps until nothing is left to do; all that was dropped by them. ``tell`` hears of each."""
    events, lost = 0, Counter[str]()
    while True:
        step = perform(partial(prune, limits=limits, cursors=cursors()))
        events += step.events
        lost.update(step.lost)
        if tell is not None:
            tell(step)
        if not step.more:
            return Pruned(events, step.first, False, dict(lost))
