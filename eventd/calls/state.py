"""What a handler keeps: its ``State``, between the plugin and the journal.

    get ──► changes ──► cache ──► changes in flight ──► journal
    set ──► changes ──► take() ──► a unit, in flight ──► committed()

Writes are seen at once and become durable with the unit that they are taken into; what a
failed attempt wrote is taken back by ``rewind``. Values are packed where they are set, so
that nobody changes what is kept by changing what was read.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Collection
from typing import Any, Protocol, SupportsFloat

import msgspec

from eventd.calls.cache import ABSENT, ENTRY, Absent, Cache, Changes

__all__ = ["StateView", "Store"]

#: Bytes of what was read and written that are kept in memory for one consumer: half of it new, half of it old.
CACHE_BYTES = 16 << 20
#: Keys written at once that are remembered: more do not fit, and it would only hold up the hub.
MOST_REMEMBERED = CACHE_BYTES // 2 // ENTRY
#: Seconds to wait for a call that was given up to come out of a write.
PATIENCE = 0.05

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class Store(Protocol):
    """What is committed of one consumer's state; called from where the plugin runs."""

    def get(self, key: str) -> bytes | None:
        """The packed value."""

    def range(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        """Keys that begin with ``prefix``, from ``start`` on and below ``end``, in order, with their packed values."""

    def count(self, prefix: str = "", *, besides: Collection[str] = ()) -> int:
        """How many keys begin with ``prefix``, those of ``besides`` not counted."""


class StateView:
    """A ``State``, and what the consumer does with it.

    Reading works at any time, writing between ``open`` and ``close`` only.
    """

    def __init__(self, store: Store, cache_bytes: int = CACHE_BYTES) -> None:
        self._store = store
        self._cache = Cache(cache_bytes)
        self._changes: Changes = {}
        self._undo: list[tuple[str, bytes | Absent | None]] = []
        #: Oldest first. Replaced and never changed: the plugin may look from a thread of its own.
        self._flying: tuple[Changes, ...] = ()
        #: One thread may enter it twice, so that the hub is never held up by itself.
        self._lock = threading.RLock()
        self._open = False

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``."""
        packed = self.packed(key)
        return default if packed is None else _unpack(packed)

    def packed(self, key: str) -> bytes | None:
        """The value of ``key`` as it is kept."""
        packed = self._changes.get(key, ABSENT)
        if packed is ABSENT and (packed := self._cache.get(key)) is ABSENT:
            packed = self._find(key)
        return packed

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key``."""
        packed = _pack(value)
        with self._lock:
            self._write(key, packed)

    def delete(self, key: str) -> None:
        """Keep nothing under ``key``."""
        with self._lock:
            self._write(key, None)

    def add(self, key: str, number: Any = 1) -> Any:
        """Add to the number under ``key``, which is 0 where there is none; the sum.

        :raises TypeError: when ``number`` is none.
        """
        number = _plain(number)
        with self._lock:
            result = self.get(key, 0) + number
            self._write(key, _pack(result))
        return result

    def range(
        self, prefix: str = "", *, start: str | None = None, end: str | None = None, limit: int = 1000
    ) -> list[tuple[str, Any]]:
        """Keys and values in order of the keys."""
        return [(key, _unpack(value)) for key, value in self.packed_range(prefix, start=start, end=end, limit=limit)]

    def packed_range(
        self, prefix: str, *, start: str | None, end: str | None, limit: int
    ) -> list[tuple[str, bytes]]:
        """The same, with the values as they are kept."""
        own = self._own(prefix, start, end)
        gone = sum([value is None for value in own.values()])
        found: Changes = dict(self._store.range(prefix, start=start, end=end, limit=limit + gone))
        found.update(own)
        return sorted([(key, value) for key, value in found.items() if value is not None])[:limit]

    def count(self, prefix: str = "") -> int:
        """How many keys begin with ``prefix``."""
        own = self._own(prefix)
        return self._store.count(prefix, besides=own.keys()) + sum([value is not None for value in own.values()])

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, ABSENT)
        if value is ABSENT:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        self.delete(key)

    def __contains__(self, key: str) -> bool:
        return self.get(key, ABSENT) is not ABSENT

    def open(self) -> None:
        """A call of the plugin begins: it may write."""
        self._undo = []
        self._open = True

    def close(self) -> None:
        """The call is over."""
        with self._lock:
            self._open = False
            self._undo = []

    def mark(self) -> int:
        """A place to rewind to."""
        return len(self._undo)

    def rewind(self, mark: int = 0) -> None:
        """Take back what was written since ``mark``."""
        with self._lock:
            self._take_back(mark)

    def take(self) -> Changes:
        """What was written since the last time, for a unit; it is in flight until ``committed``."""
        changes = self._changes
        if changes:
            self._remember(changes)
            # In this order: who looks from another thread finds it in one place or the other.
            self._flying = (*self._flying, changes)
            self._changes = {}
        return changes

    def merge(self, changes: Changes) -> None:
        """Write what a call in another process wrote; that call is over, and it succeeded."""
        with self._lock:
            self._changes.update(changes)

    def committed(self) -> None:
        """The oldest of what was taken is in the journal."""
        self._flying = self._flying[1:]

    def drop(self) -> None:
        """Forget what was written since ``take``."""
        self._changes = {}
        self._cache.clear()

    def unlearn(self, keys: Collection[str] | None) -> None:
        """Look these keys up anew when they are wanted, since somebody else wrote them; ``None`` for all."""
        if keys is None:
            self._cache.clear()
        else:
            for key in keys:
                self._cache.drop(key)

    def forget(self) -> None:
        """Go back to what is committed: nothing that is in flight will be."""
        self._flying = ()
        self.drop()

    def successor(self) -> StateView:
        """Another view, which goes on in the place of this one, without what its call wrote.

        A call that still has this one does no more harm, and is not waited for.
        """
        self._open = False
        # It may hang while it reads; then it is beyond its last write.
        held = self._lock.acquire(timeout=PATIENCE)
        self._take_back(0)
        other = StateView(self._store)
        other._changes, self._changes = self._changes, {}
        other._flying, self._flying = self._flying, ()
        if held:
            self._lock.release()
        return other

    def _remember(self, changes: Changes) -> None:
        if len(changes) > MOST_REMEMBERED:
            self._cache.clear()
            return
        for key, value in changes.items():
            self._cache.put(key, value)

    def _take_back(self, mark: int) -> None:
        for key, before in reversed(self._undo[mark:]):
            if before is ABSENT:
                del self._changes[key]
            else:
                self._changes[key] = before
        del self._undo[mark:]

    def _write(self, key: str, packed: bytes | None) -> None:
        if not self._open:
            raise RuntimeError("the state was written outside of a call of the handler that it is of")
        if type(key) is not str or not key.isascii():
            # What is no text cannot be kept, and is to fail here.
            str.encode(key)
        changes = self._changes
        self._undo.append((key, changes.get(key, ABSENT)))
        changes[key] = packed

    def _find(self, key: str) -> bytes | None:
        """What is neither written in this unit nor in the cache."""
        with self._lock:
            for changes in (self._changes, *reversed(self._flying)):
                if key in changes:
                    return changes[key]
            packed = self._store.get(key)
            self._cache.put(key, packed)
        return packed

    def _own(self, prefix: str, start: str | None = None, end: str | None = None) -> Changes:
        """What is not committed yet, as far as it is known, of the keys that ``range`` would give."""
        own: Changes = {}
        for changes in (*self._flying, self._changes):
            own.update(changes)
        return {
            key: value
            for key, value in own.items()
            if key.startswith(prefix) and (start is None or key >= start) and (end is None or key < end)
        }


def _plain(number: Any) -> int | float:
    """The number without code of its own, which might hang under the lock."""
    if type(number) is int or type(number) is float:
        return number
    try:
        return operator.index(number)
    except TypeError:
        # Not for text: ``float`` would read it.
        if not isinstance(number, SupportsFloat):
            raise TypeError(f"a number is to be added, not {type(number).__name__}") from None
    return float(number)
