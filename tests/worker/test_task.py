"""What a worker is to be goes to it as bytes."""

from __future__ import annotations

import pickle
from pathlib import Path

from eventd.worker.task import Task
from tests.plugin.support import configuration


def test_a_task_comes_through_with_its_configuration(tmp_path: Path) -> None:
    own = "[handler:it]\nretry_first = 3s\nsecret = x\n"
    task = Task(
        kind="handler", name="it", configuration=configuration(tmp_path, own), entries=[("g", "it", "m:C")], parent=7
    )
    again: Task = pickle.loads(pickle.dumps(task))

    assert again == task
    options = again.configuration.plugin("handler", "it")
    assert (options.retry_first, options.own, options.own.section) == (3.0, {"secret": "x"}, "handler:it")
