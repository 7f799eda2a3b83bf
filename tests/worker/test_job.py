"""The plugin of a worker, called with what the daemon sends, without the process around it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from eventd.calls.messages import Call, Cut
from eventd.errors import PluginError
from eventd.event import Event
from eventd.worker.job import Job, lacks_memory
from eventd.worker.task import Task
from tests.dispatch.support import block_of, draft
from tests.plugin.support import configuration

CREWED = "tests.dispatch.crewed"
ENTRIES = {
    "Echo": ("eventd.handlers", "it", f"{CREWED}:Echo"),
    "Count": ("eventd.handlers", "it", f"{CREWED}:Count"),
    "Reading": ("eventd.event_types", "it", f"{CREWED}:Reading"),
}


class Silent:
    """A daemon that keeps nothing."""

    def ask(self, question: Any) -> object:
        return None


def job(directory: Path, plugin: str, **more: Any) -> Job:
    kind = "event_type" if plugin == "Reading" else "handler"
    task = Task(
        kind=kind, name="it", configuration=configuration(directory), entries=[ENTRIES[plugin]], parent=os.getpid(),
        **more,
    )  # fmt: skip
    return Job(task, Silent())  # type: ignore[arg-type]  # what a job needs of a link


def call(*events: Event, chosen: list[int] | None = None) -> Call:
    return Call([Cut(block_of(10, draft(*events)), chosen)])


def test_only_what_is_chosen_is_handled(tmp_path: Path) -> None:
    outcome = job(tmp_path, "Echo").run(call(*(Event("do.nothing", n) for n in range(4)), chosen=[1, 3]))

    assert sum(draft.count for draft in outcome.drafts) == 2
    assert (outcome.failures, outcome.raised, outcome.changes, outcome.spent) == ({}, None, {}, False)


def test_what_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    counting = job(tmp_path, "Count", shared=True)
    failed = counting.run(Call([Cut(block_of(0, draft(Event("count", subject="s"), Event("count", {}))))]))
    raised = job(tmp_path, "Echo").run(call(Event("do.nothing", 0), Event("do.error", "no")))

    assert failed.raised is None
    assert set(failed.changes) == set(failed.read or ()) == {"of s", "of None"}
    assert raised.raised is not None
    assert (raised.raised.name, raised.drafts, raised.failures) == ("ValueError", [], {})


def test_an_event_type_is_executed_event_by_event(tmp_path: Path) -> None:
    outcome = job(tmp_path, "Reading").run(call(*(Event("reading", {"n": n}) for n in (1, -1, 2))))

    assert list(outcome.failures) == [1]
    assert len(outcome.drafts) == 2
    assert list(outcome.changes) == ["n"]


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (0, ""),
        (300 << 20, "no memory left (memory_limit = 300M)"),
        (1000, "no memory left (memory_limit = 1000)"),
    ],
)
def test_without_memory_it_is_to_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, text: str
) -> None:
    made = job(tmp_path, "Echo", memory_limit=limit)

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(made._handler, "nothing", full)
    outcome = made.run(call(Event("do.nothing", 0)))
    assert outcome.spent
    assert outcome.raised is not None
    assert outcome.raised.text == text


def wrapped(error: Exception) -> Exception:
    try:
        try:
            raise error
        except type(error) as caught:
            raise ValueError("in other words") from caught
    except ValueError as outer:
        return outer


def behind(error: Exception) -> Exception:
    try:
        try:
            raise error
        except type(error):
            raise ValueError("all the same") from None
    except ValueError as outer:
        return outer


def test_what_lies_behind_an_error_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacks_memory(wrapped(wrapped(MemoryError())))
    assert lacks_memory(behind(MemoryError()))
    assert lacks_memory(ExceptionGroup("several", [ValueError(), wrapped(MemoryError())]))
    assert not lacks_memory(wrapped(behind(KeyError())))
    assert not lacks_memory(None)
    circle = wrapped(KeyError())
    circle.__cause__.__context__ = circle  # type: ignore[union-attr]  # it has one
    assert not lacks_memory(circle)

    made = job(tmp_path, "Echo", memory_limit=64 << 20)
    monkeypatch.setattr(made._handler, "nothing", lambda batch, index, data: batch.fail(index, wrapped(MemoryError())))
    outcome = made.run(call(Event("do.nothing", 0), Event("do.fail", 1)))
    assert outcome.spent
    assert [told.text for told in outcome.failures.values()] == ["in other words (memory_limit = 64M)", "alone"]


def test_what_the_daemon_does_not_hear_of_is_not_known_here(tmp_path: Path) -> None:
    counting = job(tmp_path, "Count")
    first = counting.run(call(Event("count", subject="s")))
    counting.forget()
    assert counting.run(call(Event("count", subject="s"))).changes == first.changes


def test_a_plugin_that_is_not_there_is_told(tmp_path: Path) -> None:
    task = Task(
        kind="handler", name="it", configuration=configuration(tmp_path), parent=0,
        entries=[("eventd.handlers", "it", f"{CREWED}:Nobody")],
    )  # fmt: skip
    with pytest.raises(PluginError, match="Nobody"):
        Job(task, Silent())  # type: ignore[arg-type]  # as above
