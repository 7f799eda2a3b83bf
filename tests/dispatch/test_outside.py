"""A worker is told what it needs, and no more."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from eventd.dispatch.outside import OutsideWork
from eventd.event import Event
from eventd.worker.task import Task
from tests.dispatch.crewed import Count, Echo, Ignore, Reading
from tests.dispatch.support import draft
from tests.dispatch.world import FAST, World, on_hub, wait

TEXT = f"""
[listener:http]
bind = 127.0.0.1:0
[handler:it]
{FAST}workers = 2
memory_limit = 1G
[handler:other]
{FAST}run = green
[event_type:Reading]
{FAST}
"""


@on_hub
def test_the_sections_of_others_stay_in_the_daemon(tmp_path: Path) -> None:
    with World(tmp_path, {"it": Echo, "other": Count}, event_types=[Reading], text=TEXT) as world:
        [consumer] = [one for one in world.dispatcher.consumers if one.name == "handler:it"]
        task: Task = pickle.loads(consumer._work._task())  # type: ignore[attr-defined]  # it is an OutsideWork

        assert set(task.configuration.plugins) == {("handler", "it"), ("event_type", "Reading")}
        assert task.configuration.listeners == {}
        assert task.entries == [
            ("eventd.event_types", "Reading", "tests.dispatch.crewed:Reading"),
            ("eventd.handlers", "it", "tests.dispatch.crewed:Echo"),
        ]
        assert (task.shared, task.memory_limit) == (True, 1 << 30)


@on_hub
def test_whatever_hinders_the_start_concerns_this_handler_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make, odds = OutsideWork._task, [True]

    def odd(self: OutsideWork) -> bytes:
        if odds:
            raise TypeError("cannot pickle this")
        return make(self)

    monkeypatch.setattr(OutsideWork, "_task", odd)
    text = f"[handler:it]\n{FAST}[handler:other]\n{FAST}run = green\n"
    with World(tmp_path, {"it": Echo, "other": Ignore}, text=text) as world:
        world.publish(draft(Event("do.nothing", 1), Event("done", 1)))
        wait(lambda: world.status("handler:it").state == "failing")
        wait(lambda: "cannot pickle this" in caplog.text)
        assert (world.done("handler:other").settled, world.status("handler:it").pending) == (1, 2)
        odds.clear()
        assert world.done("handler:it").settled == 1
