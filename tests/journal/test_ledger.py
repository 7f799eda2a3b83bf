"""The numbers beside the events: they add up, and only who follows them may change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.journal import ConsumerRecord, Move, Unit
from eventd.journal.deadletters import Letters, list_letters
from eventd.journal.ledger import record_of
from tests.journal.support import InlineJournal, draft, letter

NAME = "handler:h"


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = InlineJournal(tmp_path)
    made.append(draft(100))
    yield made
    made.close()


def record(journal: InlineJournal, name: str = NAME) -> ConsumerRecord:
    """As it is on the disk."""
    return journal.reader.consumers()[name]


def test_the_books_of_a_consumer_add_up(journal: InlineJournal) -> None:
    journal.commit(Unit(moves={NAME: Move(10)}))
    journal.commit(Unit(moves={NAME: Move(14, ((16, 18), (20, 30)), settled=12, dead=1, passed=3)}))
    journal.commit(Unit(moves={NAME: Move(32, settled=5, dead=1)}))

    assert record(journal) == ConsumerRecord(32, (), 17, 2, 3, since=10)


def test_what_a_move_covers_and_does_not_count_is_passed_over(journal: InlineJournal) -> None:
    journal.commit(Unit(cursors={NAME: 10}))
    journal.commit(Unit(moves={NAME: Move(20, ((25, 30),), settled=4)}))
    journal.commit(Unit(cursors={NAME: 40}))

    found = record(journal)
    assert found == ConsumerRecord(40, (), settled=4, passed=26, since=10)
    assert found.done - found.since == found.settled + found.dead + found.passed


def test_a_move_without_a_place_only_counts(journal: InlineJournal) -> None:
    journal.commit(Unit(moves={NAME: Move(0)}))
    journal.commit(Unit(moves={NAME: Move(5, ((7, 9),), settled=5, dead=2)}, dead=[letter(NAME, 7), letter(NAME, 8)]))
    journal.commit(Unit(moves={NAME: Move(settled=1, dead=-1), "handler:gone": Move(settled=1)}, raised=[1]))

    assert record(journal) == ConsumerRecord(5, ((7, 9),), 6, 1, 0, since=0)
    assert "handler:gone" not in journal.reader.consumers()
    assert [found.id for found in journal.reader.ask(lambda c: list_letters(c, Letters(limit=9)))] == [2]


def test_a_consumers_first_unit_tells_where_it_started(journal: InlineJournal) -> None:
    journal.commit(Unit(moves={NAME: Move(20, ((30, 32),), settled=7, dead=1)}))

    assert record(journal).since == 14


def test_units_follow_each_other_without_waiting(journal: InlineJournal) -> None:
    journal.commit(Unit(cursors={NAME: 0}))

    outcome = journal.commit(*(
        Unit(drafts=[draft()], moves={NAME: Move(n + 10, settled=10)}, expect={NAME: n}) for n in (0, 10, 20)
    ))

    assert outcome.firsts == [100, 101, 102]
    assert record(journal).offset == 30


def test_behind_a_unit_that_is_missing_all_are_superseded(journal: InlineJournal) -> None:
    journal.commit(Unit(cursors={NAME: 0}))

    outcome = journal.commit(*(
        Unit(drafts=[draft()], moves={NAME: Move(n + 10, settled=10)}, state={NAME: {"n": b"1"}}, expect={NAME: n})
        for n in (0, 20, 30)
    ))

    assert outcome.firsts == [100, -1, -1]
    assert outcome.end == 101
    assert record(journal).offset == 10


def test_a_missing_unit_is_noticed_where_the_cursor_stays(journal: InlineJournal) -> None:
    """The event at 0 waits for its next attempt, and the unit that settled 1 to 9 was refused."""
    journal.commit(Unit(cursors={NAME: 0}))

    behind = Unit(moves={NAME: Move(0, ((1, 20),), settled=10)}, expect={NAME: 0})
    again = Unit(moves={NAME: Move(0, ((1, 10),), settled=9)}, expect={NAME: 0})

    assert journal.commit(behind, again, behind).firsts == [-1, 100, 100]
    assert record(journal) == ConsumerRecord(0, ((1, 20),), settled=19, since=0)


def test_a_new_consumer_is_expected_to_have_no_place(journal: InlineJournal) -> None:
    assert journal.commit(Unit(moves={NAME: Move(5)}, expect={NAME: 0})).firsts == [-1]
    assert journal.commit(Unit(moves={NAME: Move(5)}, expect={NAME: -1})).firsts == [100]
    assert journal.commit(Unit(moves={NAME: Move(6)}, expect={NAME: -1})).firsts == [-1]


def test_state_and_books_are_those_of_the_last_unit(journal: InlineJournal) -> None:
    journal.commit(
        Unit(state={NAME: {"a": b"1", "b": b"2", "c": b"3"}, "other": {"a": b"9"}}, books={"x": 2}),
        Unit(state={NAME: {"a": b"4", "b": None}}, books={"x": 3, "y": 1}),
    )
    journal.commit(Unit(state={NAME: {"c": None, "missing": None}}, books={"y": 1}))

    assert journal.sql("SELECT * FROM state") == [(NAME, "a", b"4"), ("other", "a", b"9")]
    journal.reopen()
    assert journal.opened.books == {"x": 5, "y": 2}


def test_a_refused_commit_changes_no_number(journal: InlineJournal) -> None:
    journal.commit(Unit(moves={NAME: Move(1)}, books={"x": 1}))
    journal.sql("CREATE TRIGGER full BEFORE INSERT ON books BEGIN SELECT RAISE(ABORT, 'no room'); END")
    unit = Unit(moves={NAME: Move(2, settled=1)}, books={"x": 1}, dead=[letter(NAME, 1)], expect={NAME: 1})

    assert journal.commit(unit).error is not None
    journal.sql("DROP TRIGGER full")
    outcome = journal.commit(unit)

    assert outcome.changes is not None
    assert outcome.changes.books == {"x": 2}
    assert outcome.changes.dead == {NAME: 1}
    assert record(journal).settled == 1


def test_damaged_ranges_are_none(journal: InlineJournal) -> None:
    row = (NAME.encode(), 5, b"\xc1\xff", 2, 1, 0, 2)

    assert record_of(row) == (NAME, ConsumerRecord(5, (), 2, 1, 0, 2))
