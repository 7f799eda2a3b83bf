"""What is pruned goes with its block, oldest first, and what a consumer needs stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventd.journal import Move, Unit
from eventd.journal.jobs import Chore
from eventd.journal.prune import Limits, Pruned, prune_all
from tests.journal.support import InlineJournal, draft


@pytest.fixture
def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = InlineJournal(tmp_path)
    made.append(*[draft(10, body=b"x" * 10000) for _ in range(1000)])
    yield made
    made.close()


def pruned(journal: InlineJournal, cursors: dict[str, int] | None = None, **limits: object) -> Pruned:
    def perform(work) -> Pruned:  # type: ignore[no-untyped-def]
        told: list[tuple[Pruned, BaseException | None]] = []
        journal.writer.submit(Chore(work, lambda *outcome: told.append(outcome)))
        journal.writer.step()
        assert told[0][1] is None
        return told[0][0]

    return prune_all(perform, Limits(**limits), lambda: cursors or {})  # type: ignore[arg-type]


def test_whole_blocks_before_an_offset_go(journal: InlineJournal) -> None:
    assert pruned(journal, before=4995) == Pruned(4990, 4990, False, {})
    assert journal.blocks()[0].first == 4990


def test_the_newest_block_stays(journal: InlineJournal) -> None:
    assert pruned(journal, before=1 << 40).events == 9990
    assert [block.first for block in journal.blocks()] == [9990]


def test_the_oldest_go_until_the_size_is_reached(journal: InlineJournal) -> None:
    pruned(journal, size=4 << 20)

    assert 2 << 20 < sum(len(block.body) for block in journal.blocks()) < 4 << 20


def test_what_a_consumer_has_not_settled_stays(journal: InlineJournal) -> None:
    assert pruned(journal, {"handler:h": 2005}, before=5000).first == 2000


def test_unsettled_events_go_when_asked_for_and_are_counted(journal: InlineJournal) -> None:
    journal.commit(Unit(cursors={"handler:h": 2005}))

    done = pruned(journal, {"handler:h": 2005}, before=5000, unsettled=True)

    assert (done.first, done.lost) == (5000, {"handler:h": 2995})
    assert journal.sql("SELECT count FROM books WHERE name = 'dropped:handler:h'") == [(2995,)]


def test_what_is_done_above_a_cursor_is_no_loss(journal: InlineJournal) -> None:
    journal.commit(Unit(moves={"handler:h": Move(5, ((10, 4000),), settled=3995)}))

    done = pruned(journal, {"handler:h": 5}, before=3000, unsettled=True)

    assert (done.first, done.lost) == (3000, {"handler:h": 5})


def test_nothing_to_do_is_told_as_such(journal: InlineJournal) -> None:
    assert pruned(journal, before=5) == Pruned(0, 0, False, {})
