"""What a call leaves behind, to be taken back together where it fails."""

from __future__ import annotations

from typing import Any, Protocol

from eventd.calls.collector import Collector
from eventd.calls.state import StateView
from eventd.event import Draft

__all__ = ["Marked", "Traces"]


class Marked(Protocol):
    """What can be taken back to a place."""

    def mark(self) -> Any:
        """A place to rewind to."""

    def rewind(self, mark: Any = ...) -> None:
        """Take back what was left since ``mark``."""


class Traces:
    """Both kinds of it: what was emitted, and what was written into the state, where there is one."""

    def __init__(self, collector: Collector, state: StateView | None) -> None:
        self._collector = collector
        self._state = state

    def open(self) -> None:
        """Begin a call."""
        self._collector.open()
        if self._state is not None:
            self._state.open()

    def close(self) -> list[Draft]:
        """End it; what was emitted."""
        if self._state is not None:
            self._state.close()
        return self._collector.close()

    def mark(self) -> tuple[int, int]:
        """A place to rewind to."""
        return self._collector.mark(), self._state.mark() if self._state is not None else 0

    def rewind(self, mark: tuple[int, int] = (0, 0)) -> None:
        """Take back what was left since ``mark``."""
        self._collector.rewind(mark[0])
        if self._state is not None:
            self._state.rewind(mark[1])
