"""What is kept beside the events stays bounded, and what goes is counted."""

from __future__ import annotations

from pathlib import Path

from eventd.journal import Letters, Unit
from eventd.journal.bounds import STEP_LETTERS
from eventd.journal.deadletters import list_letters
from tests.journal.support import InlineJournal, letter

SECOND = 1_000_000_000


def kept(journal: InlineJournal) -> list[int]:
    """The offsets of the dead letters that are there."""
    found = journal.reader.ask(lambda connection: list_letters(connection, Letters(limit=10_000)))
    return [each.offset for each in found]


def opened_with(tmp_path: Path, **options: object) -> InlineJournal:
    journal = InlineJournal(tmp_path, **options)
    # Each step is due at once.
    journal.writer._keeping._next_look = 0.0
    return journal


def look(journal: InlineJournal) -> None:
    journal.writer._keeping._next_look = 0.0
    journal.writer._keeping.tend({})


def test_without_bounds_all_letters_stay(tmp_path: Path) -> None:
    journal = opened_with(tmp_path)
    journal.commit(Unit(dead=[letter(offset=n, last_time=n) for n in range(20)]))

    look(journal)

    assert len(kept(journal)) == 20
    journal.close()


def test_by_number_those_that_were_tried_longest_ago_go(tmp_path: Path) -> None:
    journal = opened_with(tmp_path, dead_count=3)
    journal.commit(Unit(dead=[letter("a", n, last_time=100 - n) for n in range(4)]))
    journal.commit(Unit(dead=[letter("b", 7, last_time=98)]))

    look(journal)

    assert kept(journal) == [0, 1, 7]
    assert journal.writer._ledger.dead == {"a": 2, "b": 1}
    journal.reopen()
    assert journal.opened.books == {"dead_dropped:a": 2}
    assert journal.opened.dead == {"a": 2, "b": 1}
    journal.close()


def test_by_age_the_old_go(tmp_path: Path) -> None:
    journal = opened_with(tmp_path, dead_time=3600.0)
    recently = 4_000_000_000 * SECOND
    journal.commit(Unit(dead=[letter(offset=1, last_time=5), letter(offset=2, last_time=recently)]))

    look(journal)

    assert kept(journal) == [2]
    journal.close()


def test_many_go_in_steps(tmp_path: Path) -> None:
    journal = opened_with(tmp_path, dead_count=10)
    journal.writer._keeping._next_look = float("inf")
    journal.commit(Unit(dead=[letter(offset=n, last_time=n) for n in range(STEP_LETTERS + 30)]))

    look(journal)
    assert len(kept(journal)) == 30
    # There was more to do, so nobody has to wait for the next look.
    journal.writer._keeping.tend({})

    assert len(kept(journal)) == 10
    journal.close()
