"""A plugin's state in a worker: kept by the daemon, asked for when something is not known here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from eventd.calls.messages import Ask
from eventd.calls.state import StateView
from eventd.worker.link import Link

__all__ = ["Asked", "WatchedState"]


class Asked:
    """The daemon's view of the state as a ``Store``: with what is not committed yet."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def get(self, key: str) -> bytes | None:
        """The packed value."""
        return cast("bytes | None", self._link.ask(Ask("get", key)))

    def range(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """Keys and packed values, in order; they come in pages, so that none holds up the daemon."""
        found: list[tuple[str, bytes]] = []
        while len(found) < limit:
            answer = self._link.ask(Ask("range", prefix, start, end, limit - len(found)))
            page, start = cast("tuple[list[tuple[str, bytes]], str | None]", answer)
            found += [(key, value) for key, value in page]
            if start is None:
                break
        return found

    def count(self, prefix: str = "", *, besides: Collection[str] = ()) -> int:
        """How many keys begin with ``prefix``, those of ``besides`` not counted."""
        count = cast("int", self._link.ask(Ask("count", prefix)))
        return count - sum([self.get(key) is not None for key in besides])


class WatchedState(StateView):
    """Remembers what was looked at: another worker may write that at the same time."""

    def __init__(self, store: Asked) -> None:
        super().__init__(store)
        self._read: set[str] = set()
        self._ranged = False

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``."""
        self._read.add(key)
        return super().get(key, default)

    def range(self, prefix: str = "", **bounds: Any) -> list[tuple[str, Any]]:
        """Keys and values in order of the keys."""
        self._ranged = True
        return super().range(prefix, **bounds)

    def count(self, prefix: str = "") -> int:
        """How many keys begin with ``prefix``."""
        self._ranged = True
        return super().count(prefix)

    def looked_at(self) -> list[str] | None:
        """What was looked at since the last time; ``None`` where that was more than single keys."""
        read, ranged = self._read, self._ranged
        self._read, self._ranged = set(), False
        return None if ranged else list(read)
