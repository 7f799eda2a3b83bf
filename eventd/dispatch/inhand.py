"""Which events each plugin has in hand, written where it outlives the daemon.

    plugin called ──► its slot in a mapped file: consumer, offsets ──► plugin returns ──► slot empty
                                        │ the daemon dies
                                        ▼
              the next start: these events are suspects, kept in a file beside it

A mapped file costs a few hundred nanoseconds a call and survives any death of the process.
It does not survive that of the machine, which is no plugin's fault. Where the disk has no room
for it, the daemon does without.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from eventd.dispatch.suspects import Range, Suspects, after_death, beyond
from eventd.event import Batch

__all__ = ["Hand", "InHand"]

log = logging.getLogger(__name__)

#: Ranges of offsets that a slot has; those of a batch that is more scattered are joined.
MOST_HELD = 8
_NAME = struct.Struct("=256s")
_HELD = struct.Struct(f"=q{2 * MOST_HELD}q")
_COUNT = struct.Struct("=q")
SLOT = _NAME.size + _HELD.size

_Known = dict[str, list[Range]]


class Hand:
    """The slot of one consumer; without one, nothing is written.

    :param suspects: what it had in hand when the daemon died, and is still to handle.
    """

    def __init__(self, memory: mmap.mmap | None = None, at: int = 0, suspects: Iterable[Range] = ()) -> None:
        self._memory = memory
        self._at = at
        self.suspects = Suspects(suspects)

    def take(self, batch: Batch) -> None:
        """The plugin is called with these events now."""
        if self._memory is not None:
            held = _joined([pair for block, chosen in batch.cut for pair in _pairs(block.first, chosen)])
            padded = [edge for pair in held for edge in pair] + [0] * (2 * (MOST_HELD - len(held)))
            _HELD.pack_into(self._memory, self._at, len(held), *padded)

    def empty(self) -> None:
        """It has returned."""
        if self._memory is not None:
            _COUNT.pack_into(self._memory, self._at, 0)


class InHand:
    """The file of all consumers.

    :param path: where it is; the suspects are beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._suspects = path.with_name(f"{path.name}-suspects.json")
        self._memory: mmap.mmap | None = None
        self._slots: dict[str, Hand] = {}
        self._known: _Known = {}

    def open(self, cursors: Mapping[str, int]) -> None:
        """Find out what was in hand when the daemon died last, and begin anew.

        :param cursors: where each consumer is: what is below is done.
        """
        held = _read(self._path)
        known = _known(self._suspects)
        self._known = {
            name: left
            for name in {**known, **held}
            if name in cursors and (left := beyond(after_death(known.get(name, ()), held.get(name, ())), cursors[name]))
        }
        for name, pairs in held.items():
            log.warning("%s had events in hand when the daemon died: %s", name, _told(pairs))
        try:
            if self._known or known:
                _write(self._suspects, self._known)
            self._path.write_bytes(b"")
        except OSError as error:
            _cannot(error)

    def hand(self, consumer: str) -> Hand:
        """The slot of a consumer."""
        if consumer not in self._slots:
            self._slots[consumer] = self._new(consumer)
        return self._slots[consumer]

    def close(self) -> None:
        """The daemon ends in order: what a plugin still holds is not its fault."""
        for hand in self._slots.values():
            hand.empty()

    def _new(self, consumer: str) -> Hand:
        """A mapping of one page for each: they come one by one, and there are few."""
        at, suspects = len(self._slots) * mmap.PAGESIZE, self._known.get(consumer, ())
        try:
            with self._path.open("r+b") as file:
                # Allocated: a write to a page that the disk has no room for would end the process.
                os.posix_fallocate(file.fileno(), at, mmap.PAGESIZE)
                memory = mmap.mmap(file.fileno(), mmap.PAGESIZE, offset=at)
        except OSError as error:
            _cannot(error)
            return Hand(suspects=suspects)
        _NAME.pack_into(memory, 0, consumer.encode()[: _NAME.size])
        return Hand(memory, _NAME.size, suspects)


def _pairs(first: int, chosen: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Ranges of offsets; those of volatile events, which are negative, are no places in the journal."""
    if first >= 0 and chosen:
        yield first + chosen[0], first + chosen[-1] + 1


def _joined(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, end in sorted(pairs):
        if joined and (first <= joined[-1][1] or len(joined) == MOST_HELD):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((first, end))
    return joined


def _read(path: Path) -> dict[str, list[tuple[int, int]]]:
    """What was in hand, by consumer; nothing where the file is damaged or was made elsewhere."""
    held: dict[str, list[tuple[int, int]]] = {}
    data = path.read_bytes() if path.exists() else b""
    for at in range(0, len(data) - SLOT + 1, mmap.PAGESIZE):
        name = _NAME.unpack_from(data, at)[0].rstrip(b"\0").decode(errors="replace")
        count, *edges = _HELD.unpack_from(data, at + _NAME.size)
        pairs = list(zip(edges[::2], edges[1::2], strict=True))[: max(0, min(count, MOST_HELD))]
        if pairs and all(0 <= first < end for first, end in pairs):
            held[name] = pairs
    return held


def _known(path: Path) -> _Known:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Known)
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, ValueError) as error:
        log.warning("%s cannot be read, and is begun anew: %s", path, error)
        return {}


def _write(path: Path, known: _Known) -> None:
    """Replace the file, so that it is whole whenever this process ends."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(known))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _cannot(error: OSError) -> None:
    log.warning("which events plugins have in hand cannot be written down: %s", error.strerror or error)


def _told(pairs: Sequence[tuple[int, int]]) -> str:
    return ", ".join([f"{first}" if end == first + 1 else f"{first} to {end - 1}" for first, end in pairs])
