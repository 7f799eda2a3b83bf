"""The oracle's verdicts find what they are for: a ledger without a crime, and one with each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.oracle.ledger import ACKNOWLEDGED, REFUSED, Ledger
from tests.system.oracle.verdicts import CONSUMERS, books, dead_letters, verdicts

POISONED = "e3"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Five events of one key, all acknowledged; the one with poison was never emitted for by ``raising``."""
    kept = Ledger(tmp_path / "ledger.sqlite")
    for number in range(1, 6):
        id_ = f"e{number}"
        kept.rows("INSERT INTO sent VALUES (?, ?, 'digest', ?)", id_, id_ == POISONED, ACKNOWLEDGED)
        kept.rows("INSERT INTO stored VALUES (?, ?, 'k')", 10 * number, id_)
        for name in CONSUMERS:
            if name == "raising" and id_ == POISONED:
                continue
            count = number - (name == "raising" and number > 3)
            kept.rows("INSERT INTO handled VALUES (?, ?, 'digest', ?)", name, id_, 10 * number)
            kept.rows("INSERT INTO derived VALUES (?, ?, 'k', ?)", name, id_, count)
    return kept


def test_an_honest_ledger_has_no_findings(ledger: Ledger) -> None:
    assert verdicts(ledger) == []


@pytest.mark.parametrize("crime, finding", [
    ("DELETE FROM stored WHERE id = 'e2'; DELETE FROM derived WHERE id = 'e2'",
     "acknowledged, but not in the journal: 1 (e2)"),
    (f"UPDATE sent SET fate = {REFUSED} WHERE id = 'e2'", "refused, but in the journal: 1 (e2)"),
    ("INSERT INTO stored VALUES (60, 'e2', 'other')", "sent once, but several times in the journal: 1 (e2 20/60)"),
    ("DELETE FROM handled WHERE consumer = 'raising' AND id = 'e2'",
     "in the journal, but never handled by raising: 1 (20 e2)"),
    ("INSERT INTO handled VALUES ('count', 'ghost', 'digest', 70)", "handled, but never sent: 1 (count ghost)"),
    ("UPDATE handled SET digest = 'x' WHERE consumer = 'threaded' AND id = 'e1'",
     "handled with another payload than was sent: 1 (threaded e1)"),
    ("DELETE FROM derived WHERE consumer = 'execute' AND id = 'e5'",
     "handled by execute, but nothing was emitted: 1 (50 e5)"),
    ("INSERT INTO derived VALUES ('count', 'e4', 'other', 1)", "emitted several times by count: 1 (e4 2)"),
    ("INSERT INTO derived VALUES ('count', 'ghost', 'other', 1)",
     "emitted by count for an event that is not in the journal: 1 (ghost)"),
    ("UPDATE derived SET count = 4 WHERE consumer = 'count' AND id = 'e5'",
     "counted wrong by count (key, event, its count, what it should be): 1 (k e5 4 5)"),
    ("UPDATE derived SET count = 7 WHERE consumer = 'raising' AND id = 'e5'",
     "counted wrong by raising (key, event, its count, what it should be): 1 (k e5 7 4)"),
    ("UPDATE derived SET count = NULL WHERE consumer = 'execute' AND id = 'e5'",
     "counted wrong by execute (key, event, its count, what it should be): 1 (k e5 None 5)"),
])  # fmt: skip
def test_each_crime_is_told_with_its_event(ledger: Ledger, crime: str, finding: str) -> None:
    for statement in crime.split(";"):
        ledger.rows(statement)
    assert finding in verdicts(ledger)


def test_only_the_poisoned_are_dead(ledger: Ledger) -> None:
    assert dead_letters({"journal": {"dead": 1}}, ledger) == []
    assert dead_letters({"journal": {"dead": 2}}, ledger) == [
        "2 dead letters, but another number of poisoned events: 1 (e3)"
    ]


def change(path: str, value: int) -> Callable[[dict[str, object]], None]:
    def apply(status: dict[str, object]) -> None:
        *parents, name = path.split(".")
        place: object = status
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]  # type: ignore[index]  # as in JSON
        place[name] = value  # type: ignore[index]  # as in JSON

    return apply


@pytest.mark.parametrize("path, value, finding", [
    ("events.accepted", 4, "received 6 is not accepted + rejected"),
    ("consumers.0.pending", 1, "handler:count has 1 pending"),
    ("consumers.1.settled", 4, "since is not settled + dead + passed"),
])  # fmt: skip
def test_books_that_do_not_balance_are_told(path: str, value: int, finding: str) -> None:
    status: dict[str, object] = {
        "journal": {"end": 12},
        "events": {"received": 6, "accepted": 5, "pending": 0, "rejected": {"invalid_event": 1}},
        "consumers": [
            {"name": name, "pending": 0, "settled": 5, "dead": 1, "passed": 4, "since": 2}
            for name, _ in CONSUMERS.values()
        ],
    }
    assert books(status) == []
    change(path, value)(status)
    assert any(finding in found for found in books(status))
