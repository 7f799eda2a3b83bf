"""Signals of the operating system, as green threads.

The C handler writes a byte that wakes the hub at once; what is to be done then runs in a
green thread, where it may wait. Handlers on the Python side do nothing: they could run
between any two instructions.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping
from typing import Any

from eventd.green.group import Group
from eventd.green.hub import hub

__all__ = ["Signals"]


class Signals:
    """Runs ``actions[number]()`` in a green thread of ``group`` for each signal that comes.

    Made in the main thread. Signals that come while the last of their kind is not yet read
    are told once.
    """

    def __init__(self, actions: Mapping[int, Callable[[], object]], group: Group | None = None) -> None:
        self._actions = dict(actions)
        self._group = group or Group("signals")
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._watch = hub().watch(self._reader.fileno(), self._ready, label="signals")
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before: dict[int, Any] = {number: signal.signal(number, _nothing) for number in self._actions}

    def close(self) -> None:
        """Give the signals back to whoever had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup)
        self._watch.close()
        self._reader.close()
        self._writer.close()

    def _ready(self, _events: int) -> None:
        try:
            numbers = self._reader.recv(4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            action = self._actions.get(number)
            if action is not None:
                self._group.spawn(signal.Signals(number).name, action)


def _nothing(_number: int, _frame: object) -> None:
    """Only there so that the C handler is."""
