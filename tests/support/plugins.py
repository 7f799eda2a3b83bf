"""Small real objects for tests of plugins: an emitter that keeps, a stop that counts, entry points."""

from __future__ import annotations

import configparser
import pathlib
from importlib.metadata import EntryPoint
from typing import Any

from eventd import UNSET, Event

__all__ = ["CountingStop", "KeepingEmitter", "entry_points_of"]


class KeepingEmitter:
    """Keeps what is emitted: ``calls`` has a list of events for each call."""

    def __init__(self) -> None:
        self.calls: list[list[Event]] = []

    @property
    def events(self) -> list[Event]:
        return [event for call in self.calls for event in call]

    def __call__(self, type: str, data: Any = UNSET, *, subject: str | None = None, **attributes: Any) -> None:
        given = attributes if subject is None else {"subject": subject, **attributes}
        self.emit(Event(type, data, **given))

    def emit(self, *events: Event) -> None:
        self.calls.append(list(events))


class CountingStop:
    """Tells to stop after some waits, without waiting; ``waits`` has what was asked for."""

    def __init__(self, after: int) -> None:
        self._after = after
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()

    def is_set(self) -> bool:
        return len(self.waits) > self._after


def entry_points_of(setup_cfg: pathlib.Path) -> list[EntryPoint]:
    """The entry points that a package declares, without installing it."""
    config = configparser.ConfigParser()
    config.read(setup_cfg)
    found = []
    for group, lines in config["options.entry_points"].items():
        for line in lines.strip().splitlines():
            name, _, value = line.partition("=")
            found.append(EntryPoint(name.strip(), value.strip(), group))
    return found
