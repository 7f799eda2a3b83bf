"""The judgement: each verdict finds what breaks one promise, and names the events.

A verdict is empty where the promise was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.system.oracle.ledger import ACKNOWLEDGED, REFUSED, Ledger

__all__ = ["CONSUMERS", "books", "dead_letters", "verdicts"]

#: The consumers' short names in the ledger, their names in the daemon, and what orders the events of one key.
#: One that tries again may be overtaken: its counts are whole, but rise in the order in which it got them.
CONSUMERS = {
    "count": ("handler:count", "offset"),
    "threaded": ("handler:threaded", "offset"),
    "raising": ("handler:raising", "count"),
    "execute": ("event_type:execute", "offset"),
}
#: Events that a finding names.
MOST_NAMED = 10


def _told(finding: str, rows: list[Any]) -> list[str]:
    if not rows:
        return []
    named = ", ".join(" ".join(map(str, row)) for row in rows[:MOST_NAMED])
    return [f"{finding}: {len(rows)} ({named}{', …' if len(rows) > MOST_NAMED else ''})"]


def _kept(ledger: Ledger) -> list[str]:
    sql = "SELECT id FROM sent WHERE fate = ? AND id NOT IN (SELECT id FROM stored)"
    return _told("acknowledged, but not in the journal", ledger.rows(sql, ACKNOWLEDGED))


def _refused(ledger: Ledger) -> list[str]:
    sql = "SELECT id FROM sent WHERE fate = ? AND id IN (SELECT id FROM stored)"
    return _told("refused, but in the journal", ledger.rows(sql, REFUSED))


def _once(ledger: Ledger) -> list[str]:
    sql = "SELECT id, group_concat(offset, '/') FROM stored GROUP BY id HAVING count(*) > 1"
    return _told("sent once, but several times in the journal", ledger.rows(sql))


def _handled(ledger: Ledger) -> list[str]:
    found = []
    for name in CONSUMERS:
        sql = f"SELECT s.offset, s.id FROM stored s JOIN sent USING (id) WHERE {_wanted(name)} AND id NOT IN " \
              "(SELECT id FROM handled WHERE consumer = ?) ORDER BY s.offset"  # fmt: skip
        found += _told(f"in the journal, but never handled by {name}", ledger.rows(sql, name))
    return found


def _sent(ledger: Ledger) -> list[str]:
    sql = "SELECT DISTINCT consumer, id FROM handled WHERE id NOT IN (SELECT id FROM sent)"
    return _told("handled, but never sent", ledger.rows(sql))


def _equal(ledger: Ledger) -> list[str]:
    sql = "SELECT DISTINCT consumer, id FROM handled h JOIN sent s USING (id) WHERE h.digest != s.digest"
    return _told("handled with another payload than was sent", ledger.rows(sql))


def _derived(ledger: Ledger) -> list[str]:
    found = []
    for name in CONSUMERS:
        missing = f"SELECT s.offset, s.id FROM stored s JOIN sent USING (id) WHERE {_wanted(name)} AND id NOT IN " \
                  "(SELECT id FROM derived WHERE consumer = ?) ORDER BY s.offset"  # fmt: skip
        found += _told(f"handled by {name}, but nothing was emitted", ledger.rows(missing, name))
        doubled = "SELECT id, count(*) FROM derived WHERE consumer = ? GROUP BY id HAVING count(*) > 1"
        found += _told(f"emitted several times by {name}", ledger.rows(doubled, name))
        strange = "SELECT id FROM derived WHERE consumer = ? AND id NOT IN (SELECT id FROM stored)"
        found += _told(f"emitted by {name} for an event that is not in the journal", ledger.rows(strange, name))
    return found


def _counted(ledger: Ledger) -> list[str]:
    found = []
    for name, (_, order) in CONSUMERS.items():
        sql = (
            "SELECT key, id, count, rank FROM (SELECT d.key, d.id, d.count, row_number() OVER "
            f"(PARTITION BY d.key ORDER BY {order}) AS rank FROM derived d JOIN stored USING (id) WHERE consumer = ?) "
            "WHERE count IS NOT rank ORDER BY key, rank"
        )
        found += _told(f"counted wrong by {name} (key, event, its count, what it should be)", ledger.rows(sql, name))
    return found


def _wanted(name: str) -> str:
    return "NOT poison" if name == "raising" else "1"


VERDICTS: list[Callable[[Ledger], list[str]]] = [
    _kept, _refused, _once, _handled, _sent, _equal, _derived, _counted,
]  # fmt: skip


def verdicts(ledger: Ledger) -> list[str]:
    """Everything that the ledger holds against the daemon."""
    return [finding for verdict in VERDICTS for finding in verdict(ledger)]


def books(status: Mapping[str, Any]) -> list[str]:
    """What does not balance in the daemon's own books, once nothing is pending."""
    events, found = status["events"], []
    known = events["accepted"] + sum(events["rejected"].values()) + events.get("duplicates", 0) + events["pending"]
    known += events.get("volatile", 0)
    if events["received"] != known:
        found.append(f"received {events['received']} is not accepted + rejected + duplicates + pending: {events}")
    rows = {row["name"]: row for row in status["consumers"]}
    for name, _ in CONSUMERS.values():
        found += _consumer(rows[name], status["journal"]["end"])
    return found


def dead_letters(status: Mapping[str, Any], ledger: Ledger) -> list[str]:
    """Whether exactly the poisoned events were put aside, once each."""
    poisoned = ledger.rows("SELECT id FROM stored JOIN sent USING (id) WHERE poison")
    dead = status["journal"]["dead"]
    if dead == len(poisoned):
        return []
    return _told(f"{dead} dead letters, but another number of poisoned events", poisoned)


def _consumer(row: Mapping[str, Any], end: int) -> list[str]:
    if row["pending"]:
        return [f"{row['name']} has {row['pending']} pending events"]
    if "since" in row and end - row["since"] != row["settled"] + row["dead"] + row["passed"]:
        return [f"{end} - since is not settled + dead + passed: {row}"]
    return []
