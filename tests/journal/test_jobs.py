"""The queue before the writer: everything in order, cursors patient, chores by themselves."""

from __future__ import annotations

import pytest

from eventd.journal import Unit
from eventd.journal.jobs import Chore, Job, Jobs
from tests.journal.support import draft


def job(unit: Unit) -> Job:
    return Job(unit, lambda outcome: None, unit.size)


def test_all_that_wait_are_taken_up_to_the_limit() -> None:
    jobs = Jobs(100)
    waiting = [job(Unit(drafts=[draft(body=b"x" * 60)])) for _ in range(3)]
    for each in waiting:
        jobs.put(each)

    assert jobs.take() == (waiting[:2], None)
    assert jobs.take() == (waiting[2:], None)


def test_nothing_comes_back_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventd.journal.jobs.PERIOD", 0.001)

    assert Jobs(100).take() == ([], None)


def test_a_chore_ends_what_is_taken_and_keeps_its_place() -> None:
    jobs = Jobs(100)
    chore = Chore(lambda connection, changes: None, lambda value, error: None)
    before, behind = job(Unit(cursors={"a": 1})), job(Unit(drafts=[draft()]))
    for each in (before, chore, behind):
        jobs.put(each)

    assert jobs.take() == ([before], chore)
    assert jobs.take() == ([behind], None)


def test_after_the_stop_the_rest_can_be_had() -> None:
    jobs = Jobs(100)
    before, behind = job(Unit(cursors={"a": 1})), job(Unit(cursors={"a": 2}))
    jobs.put(before)
    jobs.stop()
    jobs.put(behind)

    assert jobs.take() == ([before], None)
    assert jobs.stopped
    assert jobs.rest() == [behind]
