"""A worker as a process, without a daemon around it."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventd.calls import messages
from eventd.calls.messages import (
    LINE_LOST,
    Call,
    Cut,
    Failed,
    Frames,
    FromWorker,
    Outcome,
    Ready,
    Setup,
    Stop,
    Stopped,
    ToWorker,
    frame,
    from_worker,
)
from eventd.event import Event
from eventd.worker.main import _outcome
from eventd.worker.task import Task
from tests.dispatch.support import block_of, draft
from tests.plugin.support import configuration
from tests.worker.test_job import CREWED, job

START = "import sys; from eventd.worker.main import main; main(int(sys.argv[1]), int(sys.argv[2]))"


class Started:
    """A worker and the daemon's end of its line."""

    def __init__(self, sock: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self.socket, self.process, self.frames = sock, process, Frames()

    def say(self, message: ToWorker) -> None:
        self.socket.sendall(frame(message))

    def hear(self) -> FromWorker:
        while True:
            for body in self.frames.feed(self.socket.recv(1 << 16)):
                return from_worker(body)


@pytest.fixture
def worker() -> Iterator[Started]:
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    with ours, theirs, tempfile.TemporaryFile() as crashes:
        numbers = (theirs.fileno(), crashes.fileno())
        with subprocess.Popen([sys.executable, "-c", START, *map(str, numbers)], pass_fds=numbers) as process:
            theirs.close()
            yield Started(ours, process)
            ours.close()
            process.wait(60)


def setup(directory: Path, name: str, **more: Any) -> Setup:
    task = Task(
        kind="handler", name="it", configuration=configuration(directory), parent=os.getpid(),
        entries=[("eventd.handlers", "it", f"{CREWED}:{name}")], **more,
    )  # fmt: skip
    return Setup(pickle.dumps(task))


def test_it_works_until_told_to_stop(worker: Started, tmp_path: Path) -> None:
    worker.say(setup(tmp_path, "Echo"))
    assert worker.hear() == Ready()
    worker.say(Call([Cut(block_of(0, draft(Event("do.nothing", 1))))]))
    outcome = worker.hear()
    assert isinstance(outcome, Outcome)
    assert len(outcome.drafts) == 1
    worker.say(Stop())
    assert worker.hear() == Stopped(None)
    assert worker.process.wait(60) == 0


def test_a_plugin_that_does_not_start_is_told_with_its_traceback(worker: Started, tmp_path: Path) -> None:
    worker.say(setup(tmp_path, "Broken"))
    failed = worker.hear()

    assert isinstance(failed, Failed)
    assert failed.error.text == "not today"
    assert "in start" in failed.error.traceback
    assert worker.process.wait(60) == 0


def test_without_a_daemon_it_ends(worker: Started, tmp_path: Path) -> None:
    worker.say(setup(tmp_path, "Echo"))
    assert worker.hear() == Ready()
    worker.socket.close()

    assert worker.process.wait(60) == LINE_LOST


def told(framed: bytes) -> Outcome:
    outcome = from_worker(framed[messages.HEAD :])
    assert isinstance(outcome, Outcome)
    return outcome


def test_an_outcome_that_is_too_large_has_failed_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = job(tmp_path, "Count")
    many = Call([Cut(block_of(0, draft(*(Event("count", subject="s") for _ in range(300)))))], number=7)
    one = Call([Cut(block_of(0, draft(Event("count", subject="s"))))], number=8)
    monkeypatch.setattr(messages, "MOST_MESSAGE", 30_000)
    [large], [small] = [list(map(told, _outcome(counting, each))) for each in (many, one)]

    assert large.raised is not None
    assert "at most 30000 are sent (emit, write or ask for less at a time)" in large.raised.text
    assert (large.drafts, large.changes, large.spent, large.number) == ([], {}, False, 7)
    assert (small.raised, small.changes, small.number) == (None, {"of s": b"\x01"}, 8)


def test_an_outcome_that_cannot_be_written_has_failed(tmp_path: Path) -> None:
    looking = job(tmp_path, "Count", shared=True)
    looking._state.get("")  # type: ignore[union-attr]  # it has one
    looking._state._read.add("\ud800")  # type: ignore[union-attr]  # as a plugin that caught what such a key raises
    [outcome] = map(told, _outcome(looking, Call([Cut(block_of(0, draft(Event("count"))))])))

    assert outcome.raised is not None
    assert outcome.raised.name == "UnicodeEncodeError"


def test_an_outcome_is_told_where_there_is_no_memory_left(worker: Started, tmp_path: Path) -> None:
    worker.say(setup(tmp_path, "Echo", memory_limit=300 << 20))
    assert worker.hear() == Ready()
    worker.say(Call([Cut(block_of(0, draft(*(Event("do.leak", n) for n in range(10)))))]))
    outcome = worker.hear()

    assert isinstance(outcome, Outcome)
    assert outcome.spent
    assert outcome.raised is not None
    assert outcome.raised.name == "MemoryError"
    assert outcome.raised.text == "no memory left (memory_limit = 300M)"


def test_less_memory_than_a_worker_starts_with_is_told_where_its_plugin_does_not_start(
    worker: Started, tmp_path: Path
) -> None:
    worker.say(setup(tmp_path, "Echo", memory_limit=1 << 20))
    failed = worker.hear()

    assert isinstance(failed, Failed)
    assert failed.error.text.endswith("(memory_limit = 1M)")
