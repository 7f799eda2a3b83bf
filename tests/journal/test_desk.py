"""What is asked and done beside appending."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.errors import JournalUnavailable
from eventd.journal import Letters, Move, Unit
from eventd.journal import desk as desk_module
from tests.journal.support import letter, on_hub, opened
from tests.journal.test_journal import commit

A, B = "handler:a", "handler:b"


def test_dead_letters_are_chosen_by_what_they_are_of(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            commit(journal, Unit(dead=[
                letter(A, 1, event=b'{"type":"x.y"}', last_time=10),
                letter(A, 2, event=b'{"type":"x.z"}', last_time=20),
                letter(B, 1, event=b"not JSON", last_time=30),
            ]))

            def ids(**chosen: object) -> list[int]:
                return [found.id for found in journal.dead_letters(**chosen)]  # type: ignore[arg-type]

            assert ids() == [1, 2, 3]
            assert (ids(consumer=A), ids(type="x.y"), ids(type="")) == ([1, 2], [1], [3])
            assert (ids(since=20), ids(before=20), ids(after=1, limit=1)) == ([2, 3], [1], [2])
            assert ids(consumer=(A, B)) == [1, 2, 3]
            assert [found.offset for found in journal.letters(Letters(ids=[3, 2, 9]))] == [2, 1]
            assert journal.dead_ids(Letters(consumer=A)) == [1, 2]
            found = journal.dead_letter(2)
            assert found is not None
            assert (found.type, found.offset) == ("x.z", 2)
            assert journal.dead_letter(9) is None

    on_hub(main)


def test_dropped_letters_are_counted(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            commit(journal, Unit(dead=[letter(A, n) for n in range(7)] + [letter(B, 0)]))

            assert journal.drop_dead(Letters(ids=[1, 2, 99])) == 2
            assert journal.drop_dead(Letters(consumer=A, limit=2)) == 5
            assert journal.drop_dead(Letters(consumer=A)) == 0
            assert journal.dead == {B: 1}
            assert journal.books == {f"dead_dropped:{A}": 7}

    on_hub(main)


def test_a_forgotten_consumer_leaves_its_dead_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "FORGOTTEN", 3)

    def main() -> None:
        with opened(tmp_path) as journal:
            kept = {A: {str(n): b"1" for n in range(10)}, B: {"k": b"1"}}
            commit(journal, Unit(moves={A: Move(3), B: Move(4)}, state=kept, dead=[letter(A)]))

            journal.forget_consumer(A)

            assert (journal.state(A).count(), journal.state(B).count()) == (0, 1)
            assert (journal.cursors, journal.dead) == ({B: 4}, {A: 1})
        with opened(tmp_path) as journal:
            assert journal.cursors == {B: 4}

    on_hub(main)


def test_a_chore_that_fails_changes_nothing(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            commit(journal, Unit(dead=[letter(A)]))

            def fails(connection: sqlite3.Connection, _changes: object) -> None:
                connection.execute("DELETE FROM dead_letters")
                raise ValueError("on purpose")

            with pytest.raises(ValueError, match="on purpose"):
                journal.perform(fails)
            with pytest.raises(JournalUnavailable, match="no such table"):
                journal.perform(lambda connection, _: connection.execute("DELETE FROM gone"))
            assert len(journal.dead_letters()) == 1
        with pytest.raises(JournalUnavailable, match="closed"):
            journal.perform(lambda *_: None)

    on_hub(main)
