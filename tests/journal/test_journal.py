"""The hub's face: submit, read, wait, close; and the trouble that it tells."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventd import green
from eventd.errors import JournalUnavailable
from eventd.event import Block
from eventd.journal import Committed, Journal, Unit
from tests.journal.support import draft, letter, on_hub, opened
from tests.support.wait import until


def commit(journal: Journal, unit: Unit) -> Committed | JournalUnavailable:
    """Submit a unit, and wait for its outcome."""
    outcomes: list[Committed | JournalUnavailable] = []
    known = green.Signal()

    def done(outcome: Committed | JournalUnavailable) -> None:
        outcomes.append(outcome)
        known.set()

    journal.submit(unit, done)
    assert not outcomes
    assert known.wait(5)
    return outcomes[0]


def everything(journal: Journal) -> list[Block]:
    """All blocks, as a consumer that lags reads them."""
    offset, blocks = journal.first, []
    while offset < journal.end:
        end = journal.end
        found = journal.read(offset)
        blocks += found
        offset = found[-1].end if found else end
    return blocks


def test_what_is_submitted_is_durable_when_it_is_told(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            outcome = commit(journal, Unit(drafts=[draft(3)], cursors={"c": 1}, dead=[letter("c", 0)]))
            assert isinstance(outcome, Committed)
            assert (outcome.first, journal.end, journal.cursors, journal.dead_count) == (0, 3, {"c": 1}, 1)
            assert (journal.queued, journal.pending_bytes) == (0, 0)
            epoch = journal.epoch
        with opened(tmp_path, memory=0) as journal:
            assert (journal.end, journal.cursors, journal.dead_count, journal.epoch) == (3, {"c": 1}, 1, epoch)
            assert [block.count for block in journal.read(2)] == [3]
            assert journal.dead_letters()[0].consumer == "c"

    on_hub(main)


def test_who_commits_waits_and_is_told_why_not(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            assert journal.commit(Unit(drafts=[draft(3)])).first == 0
            assert journal.end == 3
            journal.close()
            with pytest.raises(JournalUnavailable):
                journal.commit(Unit(drafts=[draft(1)]))

    on_hub(main)


def test_outcomes_come_in_order_and_a_bad_listener_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def main() -> None:
        told: list[int] = []

        def bad(_outcome: object) -> None:
            told.append(-1)
            raise ValueError("a listener that raises")

        with opened(tmp_path) as journal:
            for number in range(20):
                journal.submit(
                    Unit(drafts=[draft()]), bad if number == 7 else lambda outcome: told.append(outcome.first)
                )  # type: ignore[union-attr]
            assert journal.queued == 20
            until(lambda: len(told) == 20, pause=green.sleep)
        assert told == [*range(7), -1, *range(8, 20)]

    on_hub(main)
    assert "a listener that raises" in caplog.text


@pytest.mark.parametrize("memory", [0, 1500, 1 << 20])
def test_the_tail_and_the_disk_give_the_same(tmp_path: Path, memory: int) -> None:
    def main() -> None:
        with opened(tmp_path, memory=memory) as journal:
            for number in range(20):
                commit(journal, Unit(drafts=[draft(3, body=b"%d" % number)]))
            blocks = everything(journal)
            assert [block.first for block in blocks] == list(range(0, 60, 3))
            assert [block.body for block in blocks] == [b"%d" % number for number in range(20)]
            for offset in range(60):
                assert journal.read(offset, 1)[0] == blocks[offset // 3]
            assert journal.read(60) == []

    on_hub(main)


def test_what_is_recent_is_read_from_memory_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        # Of ten blocks, memory has room for the newest three.
        with opened(tmp_path, memory=1000) as journal:
            for number in range(10):
                commit(journal, Unit(drafts=[draft(3, body=b"%d" % number)]))
            monkeypatch.setattr(journal._reader, "scan", lambda *_: pytest.fail("the disk was read"))
            assert [journal.recent(offset) for offset in (0, 20)] == [None, None]
            for offset in range(21, 30):
                found = journal.recent(offset)
                assert found == journal.read(offset)
                assert found is not None
                assert [block.first for block in found] == list(range(offset // 3 * 3, 30, 3))
            assert [block.first for block in journal.recent(22, 1) or []] == [21]
            assert journal.recent(30) == journal.recent(10**6) == []

    on_hub(main)


def test_nothing_is_recent_in_a_journal_without_events_or_without_memory(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path, memory=0) as journal:
            assert journal.recent(0) == []
            commit(journal, Unit(drafts=[draft(3)]))
            assert (journal.recent(0), journal.recent(3)) == (None, [])
            assert [block.first for block in journal.read(0)] == [0]

    on_hub(main)


def test_waiting_ends_when_the_event_is_there(tmp_path: Path) -> None:
    def main() -> None:
        group = green.Group("test")
        arrived: list[int] = []

        with opened(tmp_path) as journal:

            def waiter(offset: int) -> None:
                assert journal.wait(offset)
                arrived.append(offset)

            for offset in (0, 1, 5):
                group.spawn("waiter", waiter, offset)
            assert not journal.wait(0, 0.01)
            commit(journal, Unit(drafts=[draft(2)]))
            until(lambda: arrived == [0, 1], pause=green.sleep)
            commit(journal, Unit(drafts=[draft(4)]))
            until(lambda: arrived == [0, 1, 5], pause=green.sleep)
            assert journal.wait(5, 0)

    on_hub(main)


def test_closing_finishes_what_was_submitted_and_refuses_the_rest(tmp_path: Path) -> None:
    def main() -> None:
        told: list[Committed | JournalUnavailable] = []
        context = opened(tmp_path)
        with context as journal:
            for _ in range(100):
                journal.submit(Unit(drafts=[draft()]), told.append)
        assert len(told) == 100

        journal.submit(Unit(drafts=[draft()]), told.append)
        assert len(told) == 100
        assert journal.close()

    on_hub(main)


def test_a_commit_is_reported(tmp_path: Path) -> None:
    def main() -> None:
        seen: list[tuple[float, int, int]] = []
        with opened(tmp_path, on_commit=lambda *told: seen.append(told)) as journal:
            commit(journal, Unit(drafts=[draft(3, body=b"12345")]))
            commit(journal, Unit(cursors={"c": 1}))
        assert [told[1:] for told in seen] == [(3, 5), (0, 0)]
        assert all(0 < told[0] < 5 for told in seen)

    on_hub(main)


def test_a_moment_is_found(tmp_path: Path) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            commit(journal, Unit(drafts=[draft(3)]))
            between = time.time_ns()
            commit(journal, Unit(drafts=[draft(3)]))
            assert journal.offset_at(between) == 3

    on_hub(main)


def damaged(tmp_path: Path, where: str) -> None:
    connection = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
    connection.execute(f"UPDATE blocks SET crc = crc + 1 WHERE {where}")
    connection.close()


def test_damaged_rows_are_told_once_counted_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            for _ in range(5):
                commit(journal, Unit(drafts=[draft(10)]))
        damaged(tmp_path, "first IN (10, 40)")
        with opened(tmp_path, memory=0) as journal:
            assert [block.first for block in everything(journal)] == [0, 20, 30]
            assert [block.first for block in everything(journal)] == [0, 20, 30]
            assert journal.read(45) == []
            assert journal.damaged == 20
            outcome = commit(journal, Unit(drafts=[draft()]))
            assert isinstance(outcome, Committed)
            assert outcome.first == 50
            assert [block.first for block in journal.read(40)] == [50]

    on_hub(main)
    assert caplog.text.count("events 10 to 19 are damaged") == 1


def test_damage_at_the_tail_is_found_when_it_opens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        with opened(tmp_path) as journal:
            for _ in range(5):
                commit(journal, Unit(drafts=[draft(10)]))
        damaged(tmp_path, "first = 30")
        with opened(tmp_path) as journal:
            assert journal.damaged == 10
            assert [block.first for block in everything(journal)] == [0, 10, 20, 40]

    on_hub(main)
    assert "events 30 to 39 are damaged" in caplog.text


def test_what_retention_takes_unsettled_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        with opened(tmp_path, retention_size=2 << 20, memory=0) as journal:
            commit(journal, Unit(cursors={"slow": 0}))
            for _ in range(40):
                commit(journal, Unit(drafts=[draft(1, body=b"x" * 1_000_000)]))
            until(lambda: journal.first > 0, pause=green.sleep)
            until(lambda: journal.bytes < 5 << 20, pause=green.sleep)
            assert journal.dropped == {"slow": journal.first}
            assert journal.read(0)[0].first == journal.first

    on_hub(main)
    assert "slow: retention_size drops" in caplog.text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("only root can mount a small file system")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_refuses_and_recovers_by_itself(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    def main() -> None:
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * (2 << 20))
        accepted = 0
        with opened(small_disk) as journal:
            while isinstance(outcome := commit(journal, Unit(drafts=[draft(1, body=b"x" * 200_000)])), Committed):
                accepted += 1
            assert "make room" in str(outcome)
            assert outcome.retry_after
            assert journal.problem is not None
            assert journal.end == accepted > 2
            assert len(everything(journal)) == accepted

            ballast.unlink()
            # Nobody sends anything: it finds out by itself.
            until(lambda: journal.problem is None, pause=green.sleep)
            assert isinstance(commit(journal, Unit(drafts=[draft(1, body=b"x" * 200_000)])), Committed)
        with opened(small_disk) as journal:
            assert journal.end == accepted + 1
            assert len(everything(journal)) == accepted + 1

    on_hub(main)
    assert "the journal takes events again" in caplog.text


def test_a_writer_that_dies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        journal = opened(tmp_path).__enter__()
        monkeypatch.setattr(journal._writer, "step", lambda: (_ for _ in ()).throw(MemoryError("none left")))
        assert commit(journal, Unit(drafts=[draft()]))
        until(lambda: journal.problem is not None, pause=green.sleep)
        assert "none left" in str(journal.problem)
        assert isinstance(commit(journal, Unit(drafts=[draft()])), JournalUnavailable)

    on_hub(main)
