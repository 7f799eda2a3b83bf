"""Between two commits: the limits, the WAL, a disk that failed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from eventd.journal.checkpoint import Checkpointer
from eventd.journal.connection import PAGE_SIZE, JournalOptions, connect
from eventd.journal.housekeeping import Housekeeping, wal_bytes
from eventd.journal.retention import Dropped
from tests.journal.support import InlineJournal, draft


class Asked(Checkpointer):
    """Counts what it is asked, and does nothing."""

    def __init__(self) -> None:
        super().__init__(lambda: pytest.fail("no connection is needed"))
        self.requests = 0

    def request(self) -> None:
        self.requests += 1


class House:
    def __init__(self, tmp_path: Path, checkpointer: Checkpointer | None = None, **options: object) -> None:
        self.journal = InlineJournal(tmp_path)
        for _ in range(4):
            self.journal.append(draft(2, body=b"x" * 100_000))
        self.connection = connect(str(self.journal.path))
        self.reports: list[tuple[Dropped | None, int]] = []
        self.keeping = Housekeeping(
            self.connection,
            JournalOptions(**options),  # type: ignore[arg-type]
            checkpointer,
            lambda *report: self.reports.append(report),
        )

    def wal_pages(self) -> int:
        """Pages that are not copied; asked without copying any."""
        return int(self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])


def test_it_reports_the_bytes_in_use(tmp_path: Path) -> None:
    house = House(tmp_path)

    house.keeping.tend({})
    house.keeping.tend({})

    assert len(house.reports) == 1
    assert house.reports[0][0] is None
    assert house.reports[0][1] > 400_000


def test_over_the_size_it_drops(tmp_path: Path) -> None:
    house = House(tmp_path, retention_size=300_000)

    house.keeping.tend({"slow": 1})

    dropped = house.reports[0][0]
    assert dropped is not None
    assert dropped.lost == {"slow": dropped.end - 1}


def test_it_looks_at_once_when_much_was_written(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.keeping.tend({})

    house.keeping.wrote([20 << 20])
    house.keeping.tend({})

    assert len(house.reports) == 2


def test_the_estimate_of_the_wal_is_not_far_off(tmp_path: Path) -> None:
    journal = InlineJournal(tmp_path)
    journal.reopen()
    wal = Path(f"{journal.path}-wal")
    for sizes in ([100], [85_000] * 4, [1_000_000], [100] * 50):
        before = wal.stat().st_size if wal.exists() else 0
        journal.append(*[draft(body=b"x" * size) for size in sizes])
        grown = wal.stat().st_size - before
        assert grown / 3 - 3 * PAGE_SIZE <= wal_bytes(sizes) <= grown * 3 + 3 * PAGE_SIZE


def test_without_a_checkpointer_it_copies_itself(tmp_path: Path) -> None:
    house = House(tmp_path, wal_bytes=1)
    house.keeping.wrote([1])

    house.keeping.tend({})

    assert house.keeping._wal == 0


def test_a_checkpointer_copies_first_and_it_does_the_rest(tmp_path: Path) -> None:
    asked = Asked()
    house = House(tmp_path, asked, wal_bytes=1)
    house.keeping.wrote([1])

    house.keeping.tend({})
    assert (asked.requests, house.keeping._wal > 0) == (1, True)

    asked.finished = True
    house.keeping.tend({})
    assert (asked.requests, house.keeping._wal, asked.finished) == (1, 0, False)


def test_at_the_limit_it_does_not_wait_for_the_checkpointer(tmp_path: Path) -> None:
    asked = Asked()
    house = House(tmp_path, asked, wal_bytes=1, wal_limit=2)
    house.keeping.wrote([1])

    house.keeping.tend({})

    assert (asked.requests, house.keeping._wal) == (0, 0)


def test_its_errors_are_told_once_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(tmp_path, retention_size=300_000)
    house.journal.sql("CREATE TRIGGER t BEFORE DELETE ON blocks BEGIN SELECT RAISE(ABORT, 'read-only'); END")

    house.keeping.tend({})
    house.keeping.wrote([20 << 20])
    house.keeping.tend({})
    assert caplog.text.count("read-only") == 1

    house.journal.sql("DROP TRIGGER t")
    house.keeping.wrote([20 << 20])
    house.keeping.tend({})
    assert house.reports[-1][0] is not None


def test_a_probe_leaves_nothing(tmp_path: Path) -> None:
    house = House(tmp_path)

    assert house.keeping.probe()
    assert house.journal.sql("SELECT * FROM meta WHERE key = 'probe'") == []


def test_a_probe_of_a_failing_disk_says_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.connection.execute("PRAGMA query_only = ON")

    assert not house.keeping.probe()
    with pytest.raises(sqlite3.OperationalError):
        house.connection.execute("DELETE FROM meta")
