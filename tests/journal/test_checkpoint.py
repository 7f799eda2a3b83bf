"""The WAL is copied away while commits go on."""

from __future__ import annotations

import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest

from eventd.journal.checkpoint import Checkpointer, checkpoint
from eventd.journal.connection import connect
from tests.journal.support import InlineJournal, draft
from tests.support.wait import until


@pytest.fixture
def path(tmp_path: Path) -> str:
    journal = InlineJournal(tmp_path)
    for _ in range(5):
        journal.append(draft(body=b"x" * 50_000))
    return str(journal.path)


def running(checkpointer: Checkpointer) -> threading.Thread:
    thread = threading.Thread(target=checkpointer.run)
    thread.start()
    return thread


def test_nothing_is_left_when_nobody_reads(path: str) -> None:
    assert checkpoint(connect(path)) == 0


def test_a_reader_holds_back_what_came_after_it_began(path: str) -> None:
    reader = connect(path, writable=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM blocks").fetchone()
    writer = connect(path)
    writer.execute("INSERT INTO cursors (consumer, offset) VALUES ('c', 1)")

    assert checkpoint(writer) > 0
    reader.execute("COMMIT")
    assert checkpoint(writer) == 0


def test_it_copies_when_asked_and_says_when_it_has(path: str) -> None:
    checkpointer = Checkpointer(partial(connect, path))
    thread = running(checkpointer)

    checkpointer.request()
    until(lambda: checkpointer.finished, what="the copying")
    checkpointer.taken()

    assert not checkpointer.finished
    checkpointer.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_asking_again_while_it_copies_is_one_request(path: str) -> None:
    opened: list[sqlite3.Connection] = []
    checkpointer = Checkpointer(lambda: opened.append(connect(path)) or opened[-1])  # type: ignore[func-returns-value]
    checkpointer.request()
    checkpointer.request()
    checkpointer.stop()

    checkpointer.run()

    assert len(opened) == 1
    assert checkpointer.finished


def test_a_disk_that_fails_is_told_and_tried_again(path: str, caplog: pytest.LogCaptureFixture) -> None:
    answers = [None, connect(path)]

    def connection() -> sqlite3.Connection:
        found = answers.pop(0)
        if found is None:
            raise sqlite3.OperationalError("disk I/O error")
        return found

    checkpointer = Checkpointer(connection)
    thread = running(checkpointer)

    checkpointer.request()
    until(lambda: checkpointer.finished, what="the failure")
    assert "disk I/O error" in caplog.text
    checkpointer.taken()
    checkpointer.request()
    until(lambda: checkpointer.finished, what="the second try")

    assert answers == []
    checkpointer.stop()
    thread.join(5)
