"""One worker process, seen from the daemon; what a crew of them does is in ``test_crew``."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventd import green
from eventd.calls import messages
from eventd.calls.messages import Ask, Call, Cut
from eventd.dispatch.process import WorkerDied, WorkerProcess
from eventd.dispatch.spawning import MOST_STACK
from eventd.errors import MalformedInput, PluginError
from eventd.event import Event
from eventd.worker.task import Task
from tests.dispatch.support import block_of, draft
from tests.dispatch.world import on_hub, wait
from tests.plugin.support import configuration
from tests.worker.test_job import CREWED


def with_worker(
    directory: Path,
    name: str,
    body: Callable[[WorkerProcess], None],
    answer: Callable[[Ask], object] = lambda ask: None,
) -> None:
    bridge, group = green.Bridge(), green.Group("workers")
    starter = bridge.thread("starter")
    task = Task(
        kind="handler", name="it", configuration=configuration(directory), parent=os.getpid(),
        entries=[("eventd.handlers", "it", f"{CREWED}:{name}")],
    )  # fmt: skip
    worker = WorkerProcess("a worker", group, starter, answer)
    worker.launch(pickle.dumps(task))
    try:
        body(worker)
    finally:
        worker.kill()
        worker.ended.wait()
        starter.stop(1.0)
        bridge.close()
    assert not len(group)


#: Bytes of a message, in place of the bound.
SMALL = 40_000


def one(type: str, data: object = 1) -> Call:
    return Call([Cut(block_of(0, draft(Event(type, data))))])


@on_hub
def test_it_ends_when_asked_to(tmp_path: Path) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        assert sum(draft.count for draft in worker.call(one("do.nothing")).drafts) == 1
        worker.ask_to_stop()
        worker.await_end(20.0)
        assert (worker.alive, worker.why) == (False, "ended with exit code 0")

    with_worker(tmp_path, "Echo", body)


@on_hub
def test_one_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        os.kill(worker.pid, signal.SIGSTOP)
        worker.ask_to_stop()
        worker.await_end(0.01)
        assert worker.why == "was killed by SIGKILL"

    with_worker(tmp_path, "Echo", body)


@on_hub
def test_one_that_is_dead_is_told_at_once(tmp_path: Path) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        os.kill(worker.pid, signal.SIGKILL)
        wait(lambda: not worker.alive)
        with pytest.raises(WorkerDied, match="SIGKILL"):
            worker.call(one("do.nothing"))

    with_worker(tmp_path, "Echo", body)


@on_hub
def test_why_a_plugin_does_not_start_is_told(tmp_path: Path) -> None:
    def body(worker: WorkerProcess) -> None:
        with pytest.raises(PluginError, match="ValueError: not today"):
            worker.await_ready()

    with_worker(tmp_path, "Broken", body)


@pytest.mark.parametrize("depth", [60, 200])
@on_hub
def test_a_crash_deep_in_a_plugin_is_told_with_the_plugins_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: int
) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        place = r"at .*crewed\.py:\d+ in deep, inside .* in string_at"
        with pytest.raises(WorkerDied, match=f"was killed by SIGSEGV, {place}"):
            worker.call(one("do.deep", depth))
        assert "was killed by SIGSEGV, at " in caplog.text
        assert "\0" not in caplog.text

    with_worker(tmp_path, "Echo", body)


@on_hub
def test_what_a_plugin_writes_where_crashes_are_told_is_bounded(tmp_path: Path) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        raised = worker.call(one("do.fill")).raised
        assert raised is not None
        assert raised.name == "PermissionError"
        assert os.fstat(worker._crashes).st_size == MOST_STACK

    with_worker(tmp_path, "Echo", body)


@on_hub
def test_a_call_that_is_too_large_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        monkeypatch.setattr(messages, "MOST_MESSAGE", SMALL)
        with pytest.raises(MalformedInput, match=f"at most {SMALL}"):
            worker.call(one("do.nothing", "x" * SMALL))
        assert worker.call(one("do.nothing")).raised is None

    with_worker(tmp_path, "Echo", body)


@on_hub
def test_an_answer_that_is_too_large_is_an_error_to_the_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def body(worker: WorkerProcess) -> None:
        worker.await_ready()
        monkeypatch.setattr(messages, "MOST_MESSAGE", SMALL)
        raised = worker.call(one("count")).raised
        assert raised is not None
        assert f"at most {SMALL}" in raised.text
        assert worker.alive

    with_worker(tmp_path, "Count", body, lambda ask: b"x" * SMALL)


@on_hub
def test_a_worker_that_cannot_be_watched_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []

    def full(pid: int) -> int:
        pids.append(pid)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", full)
    bridge, before = green.Bridge(), len(os.listdir("/proc/self/fd"))
    worker = WorkerProcess("a worker", green.Group("workers"), bridge.thread("starter"), lambda ask: None)
    with pytest.raises(OSError, match="Too many"):
        worker.launch(b"")
    assert not worker.alive
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    worker._starter.stop(1.0)
    bridge.close()


@on_hub
def test_a_worker_that_cannot_be_told_what_it_is_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MOST_MESSAGE", SMALL)
    starter: Any = None
    worker = WorkerProcess("a worker", green.Group("workers"), starter, lambda ask: None)
    with pytest.raises(MalformedInput, match="bytes"):
        worker.launch(b"x" * SMALL)
