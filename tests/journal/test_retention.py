"""Old rows go: by age what is settled, by size whatever is oldest."""

from __future__ import annotations

import time
from pathlib import Path

from eventd.journal import ConsumerRecord, Unit
from eventd.journal.connection import JournalOptions, connect
from eventd.journal.retention import STEP_ROWS, Retention, used_bytes
from tests.journal.support import InlineJournal, draft, offsets

HOUR = 3600.0
LATER = time.time_ns() + 2 * int(HOUR * 1e9)
NOW = 0


def prepared(tmp_path: Path, rows: int = 10, size: int = 20_000) -> InlineJournal:
    journal = InlineJournal(tmp_path)
    for _ in range(rows):
        journal.append(draft(2, body=b"x" * size))
    return journal


def retention(journal: InlineJournal, **options: float) -> Retention:
    return Retention(connect(str(journal.path)), JournalOptions(**options))  # type: ignore[arg-type]


def test_without_limits_nothing_goes(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    keeper = retention(journal)

    assert not keeper.limited
    assert keeper.step(LATER, {}) is None


def test_by_age_all_go_but_the_newest(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    keeper = retention(journal, retention_time=HOUR)

    assert keeper.step(time.time_ns(), {}) is None
    dropped = keeper.step(LATER, {})

    assert dropped is not None
    assert (dropped.end, dropped.lost, dropped.more) == (18, {}, False)
    assert [block.first for block in journal.blocks()] == [18]


def test_by_age_what_a_consumer_has_not_settled_stays(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    keeper = retention(journal, retention_time=HOUR)

    dropped = keeper.step(LATER, {"quick": 20, "slow": 7})

    assert dropped is not None
    assert (dropped.end, dropped.lost) == (6, {})
    assert keeper.step(LATER, {"quick": 20, "slow": 7}) is None


def test_by_size_the_oldest_go_and_the_loss_is_counted(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    used = used_bytes(connect(str(journal.path)))
    keeper = retention(journal, retention_size=used - 50_000)

    dropped = keeper.step(NOW, {"quick": 20, "slow": 3, "new": 0})

    assert dropped is not None
    assert dropped.end == 6
    assert dropped.lost == {"slow": 3, "new": 6}
    assert used_bytes(connect(str(journal.path))) <= used - 50_000
    assert keeper.step(NOW, {}) is None


def test_what_is_done_above_a_cursor_is_no_loss(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    used = used_bytes(connect(str(journal.path)))
    keeper = retention(journal, retention_size=used - 50_000)
    records = {"waits": ConsumerRecord(1, ((2, 5), (6, 9))), "done": ConsumerRecord(20)}
    records["all"] = ConsumerRecord(0, ((1, 9),))

    dropped = keeper.step(NOW, {name: record.offset for name, record in records.items()}, records=records)

    assert dropped is not None
    assert (dropped.end, dropped.lost) == (6, {"waits": 2, "all": 1})


def test_a_loss_is_counted_once(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    used = used_bytes(connect(str(journal.path)))
    for less in (50_000, 110_000):
        dropped = retention(journal, retention_size=used - less).step(NOW, {"slow": 0})

    assert dropped is not None
    first = journal.blocks()[0].first
    assert dropped.lost["slow"] < first


def test_a_step_is_small_and_says_that_there_is_more(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    journal.append(*[draft(1, body=b"")] * (STEP_ROWS + 10))
    keeper = retention(journal, retention_time=HOUR)

    first = keeper.step(LATER, {})
    second = keeper.step(LATER, {})

    assert first is not None
    assert second is not None
    assert (first.end, first.more) == (STEP_ROWS, True)
    assert (second.end, second.more) == (STEP_ROWS + 9, False)


def test_offsets_are_not_used_again(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    retention(journal, retention_time=HOUR).step(LATER, {})

    journal.reopen()

    assert (journal.opened.first, journal.opened.end) == (18, 20)
    assert journal.append(draft()).firsts == [20]


def test_a_journal_under_load_stays_at_its_size(tmp_path: Path) -> None:
    limit = 4 << 20
    journal = InlineJournal(tmp_path, retention_size=limit, wal_bytes=1 << 20)
    for _ in range(150):
        journal.append(draft(100, body=b"x" * 200_000))

    # What may be written between two looks comes on top.
    assert used_bytes(connect(str(journal.path))) < limit + (20 << 20)
    assert journal.path.stat().st_size < limit + (24 << 20)
    assert Path(f"{journal.path}-wal").stat().st_size < 4 << 20
    assert journal.dropped
    blocks = journal.blocks()
    assert blocks[-1].end == 15_000
    assert blocks[0].first == journal.dropped[-1].end


def test_a_unit_with_a_cursor_frees_what_it_settles(tmp_path: Path) -> None:
    journal = prepared(tmp_path)
    keeper = retention(journal, retention_time=HOUR)
    assert keeper.step(LATER, {"c": 0}) is None

    cursors = offsets(journal.commit(Unit(cursors={"c": 20})))

    assert keeper.step(LATER, cursors) is not None
