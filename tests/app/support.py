"""Loops that run in a thread of their own, for tests that look at them from another one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eventd.app.loop import EventLoop
from eventd.app.manager import EventManager
from tests.support.wait import until

__all__ = ["FAST", "Started", "event", "loop_of", "started"]

#: Settings with which nothing that is tried again holds up a test.
FAST: dict[str, Any] = {"retry_first": 0.001, "retry_most": 0.002}


class Started(threading.Thread):
    """Runs ``loop.start`` and keeps what it raises."""

    def __init__(self, loop: EventLoop) -> None:
        super().__init__(name="program", daemon=True)
        self._loop = loop
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._loop.start()
        except BaseException as error:  # noqa: BLE001 - it is raised where the test waits
            self.error = error

    def ended(self) -> None:
        """Wait until it has returned, without an error."""
        until(lambda: not self.is_alive(), timeout=20.0, what="start to return")
        if self.error is not None:
            raise self.error


@contextmanager
def started(loop: EventLoop) -> Iterator[Started]:
    """``loop`` while it runs; it is stopped at the end."""
    thread = Started(loop)
    thread.start()
    until(lambda: loop.running or not thread.is_alive(), what="the loop to run")
    try:
        yield thread
    finally:
        loop.stop()
        thread.ended()


def loop_of(*subjects: Any, **options: Any) -> EventLoop:
    """A loop with these subscribed."""
    loop = EventManager(**options).create_event_loop()
    for subject in subjects:
        loop.subscribe(subject)
    return loop


def event(number: int, type: str = "a") -> dict[str, Any]:
    """An event as a client sends it."""
    return {"specversion": "1.0", "id": str(number), "source": "/test", "type": type}
