"""The hub knows how the journal stands without asking."""

from __future__ import annotations

from pathlib import Path

from eventd.errors import Superseded
from eventd.journal import Committed, ConsumerRecord, Move, Unit
from tests.journal.support import draft, letter, on_hub, opened
from tests.journal.test_journal import commit

A = "handler:a"


def test_it_is_as_of_the_last_commit_and_the_same_after_a_restart(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            commit(journal, Unit(drafts=[draft(9)], moves={A: Move(0)}))
            commit(journal, Unit(moves={A: Move(3, ((5, 6),), settled=3, dead=1)}, dead=[letter(A, 5)], books={"x": 2}))
            stands = (dict(journal.consumers), dict(journal.books), dict(journal.dead), journal.dead_count)
            assert stands == ({A: ConsumerRecord(3, ((5, 6),), 3, 1, 0, 0)}, {"x": 2}, {A: 1}, 1)
        with opened(tmp_path) as journal:
            assert (journal.consumers, journal.books, journal.dead, journal.dead_count) == stands

    on_hub(main)


def test_who_does_not_follow_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            commit(journal, Unit(moves={A: Move(0)}))
            unit = Unit(drafts=[draft()], moves={A: Move(7, settled=2)}, state={A: {"k": b"1"}}, expect={A: 5})
            assert isinstance(commit(journal, unit), Superseded)
            assert (journal.end, journal.cursors, journal.state(A).count()) == (0, {A: 0}, 0)
            assert (journal.queued, journal.pending_bytes) == (0, 0)
            assert isinstance(commit(journal, Unit(moves={A: Move(2, settled=2)}, expect={A: 0})), Committed)

    on_hub(main)
