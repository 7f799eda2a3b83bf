"""Units become durable together, in order, or are refused together."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.event import Draft, Encoding
from eventd.journal import Unit
from eventd.journal.writer import Job
from tests.journal.support import InlineJournal, draft, letter, offsets


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = InlineJournal(tmp_path)
    yield made
    made.close()


def test_offsets_rise_by_one_without_gaps(journal: InlineJournal) -> None:
    first = journal.append(draft(2), draft(3))
    second = journal.append(draft(1))

    assert (first.firsts, first.end) == ([0], 5)
    assert (second.firsts, second.end) == ([5], 6)
    assert [(block.first, block.count) for block in journal.blocks()] == [(0, 2), (2, 3), (5, 1)]


def test_all_units_that_wait_are_one_commit(journal: InlineJournal) -> None:
    outcome = journal.commit(*(Unit(drafts=[draft(n)], cursors={"c": n}) for n in (1, 2, 3)))

    assert len(journal.outcomes) == 1
    assert outcome.firsts == [0, 1, 3]
    assert offsets(outcome) == {"c": 3}
    assert len(outcome.jobs) == 3


def test_a_commit_takes_no_more_than_its_limit(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path, unit_bytes=100)

    journal.commit(*(Unit(drafts=[draft(body=b"x" * 60)]) for _ in range(3)))
    journal.commit()

    assert [len(outcome.jobs) for outcome in journal.outcomes] == [2, 1]
    journal.close()


def test_a_unit_without_events_has_the_end_as_first(journal: InlineJournal) -> None:
    journal.append(draft(4))

    assert journal.commit(Unit(cursors={"c": 4})).firsts == [4]


def test_a_draft_without_events_is_no_row(journal: InlineJournal) -> None:
    outcome = journal.append(draft(0), draft(1))

    assert outcome.end == 1
    assert len(journal.blocks()) == 1


def test_a_cursor_waits_for_an_event_and_goes_with_it(journal: InlineJournal) -> None:
    outcome = journal.commit(Unit(cursors={"c": 1}), Unit(drafts=[draft()]), Unit(cursors={"c": 2}))

    assert len(outcome.jobs) == 3
    assert offsets(outcome) == {"c": 2}


def test_everything_is_there_after_a_restart(journal: InlineJournal) -> None:
    journal.commit(Unit(drafts=[draft(3)], cursors={"a": 2, "b": 0}, dead=[letter("a", 1)]))
    identity = journal.opened.identity

    journal.reopen()

    assert (journal.opened.first, journal.opened.end) == (0, 3)
    assert journal.opened.cursors == {"a": 2, "b": 0}
    assert journal.opened.dead == {"a": 1}
    assert journal.opened.identity == identity
    assert journal.append(draft()).firsts == [3]


def test_a_cursor_beyond_the_last_row_keeps_its_offsets_used(journal: InlineJournal) -> None:
    journal.commit(Unit(drafts=[draft(3)], cursors={"a": 3}))
    journal.sql("UPDATE blocks SET count = 1")

    journal.reopen()

    assert journal.opened.end == 3


def test_the_disks_refusal_reaches_all_and_leaves_nothing(journal: InlineJournal) -> None:
    journal.append(draft())
    journal.sql("CREATE TRIGGER full BEFORE INSERT ON cursors BEGIN SELECT RAISE(ABORT, 'no room'); END")

    refused = journal.commit(Unit(drafts=[draft(2)]), Unit(cursors={"c": 1}))

    assert isinstance(refused.error, sqlite3.DatabaseError)
    assert len(refused.jobs) == 2
    assert journal.writer.failing
    journal.sql("DROP TRIGGER full")
    assert journal.commit(Unit(drafts=[draft(2)], cursors={"c": 1})).firsts == [1]
    assert not journal.writer.failing
    assert [block.first for block in journal.blocks()] == [0, 1]


class Stuck:
    """A connection that cannot roll back once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.stuck = True

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def rollback(self) -> None:
        if self.stuck:
            self.stuck = False
            raise sqlite3.OperationalError("disk I/O error")
        self._connection.rollback()


def test_a_commit_that_cannot_be_rolled_back_is_refused_and_leaves_nothing(journal: InlineJournal) -> None:
    journal.sql("CREATE TRIGGER full BEFORE INSERT ON cursors BEGIN SELECT RAISE(ABORT, 'no room'); END")
    journal.writer._connection = Stuck(journal.writer._connection)  # type: ignore[assignment]  # as good as one

    assert journal.commit(Unit(drafts=[draft(2)], cursors={"c": 1})).error is not None

    if journal.append(draft()).error is not None:
        # Unless housekeeping came between and rolled it back.
        journal.append(draft())
    assert journal.outcomes[-1].firsts == [0]
    assert [block.count for block in journal.blocks()] == [1]


def test_it_tries_by_itself_after_a_refusal(journal: InlineJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventd.journal.jobs.PERIOD", 0.001)
    journal.sql("CREATE TRIGGER full BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'no room'); END")
    journal.sql("CREATE TRIGGER probe BEFORE INSERT ON meta BEGIN SELECT RAISE(ABORT, 'no room'); END")
    journal.append(draft())

    journal.commit()
    assert journal.writer.failing
    journal.sql("DROP TRIGGER probe")
    journal.commit()

    assert not journal.writer.failing
    assert journal.outcomes[-1].error is None
    assert journal.outcomes[-1].jobs == []


def test_a_unit_that_cannot_be_written_is_refused_alone(journal: InlineJournal) -> None:
    bad = Draft(Encoding.JSON, 1, ("\ud800",), b"{}")

    journal.commit(Unit(drafts=[draft()]), Unit(drafts=[bad]), Unit(drafts=[draft(2)]))

    assert [outcome.error is None for outcome in journal.outcomes] == [True, False, True]
    assert not journal.writer.failing
    assert journal.outcomes[-1].firsts == [1]


def test_stopping_answers_what_was_queued_before(journal: InlineJournal) -> None:
    for _ in range(3):
        journal.writer.submit(Job(Unit(drafts=[draft()]), lambda outcome: None, 2))
    journal.writer.stop()
    journal.writer.submit(Job(Unit(drafts=[draft()]), lambda outcome: None, 2))

    journal.writer.run()

    assert len(journal.outcomes[0].jobs) == 3
    assert len(journal.writer.abandon()) == 1
    journal.unlock()
    journal.open()
    assert journal.opened.end == 3
