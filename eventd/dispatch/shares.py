"""A batch cut into shares for several workers, and each as the blocks that a worker gets.

Without an order, shares go to whoever is free, and are small where events take long. With
one, each worker has one share: the events of its keys, in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from eventd.calls.keys import Key
from eventd.calls.messages import Cut
from eventd.event import Batch, Block
from eventd.formats.apart import pieces, span

__all__ = ["SHARES_EACH", "Share", "shares_of", "worthwhile"]

#: Shares for each worker, so that none is left without work while another has a lot.
SHARES_EACH = 4
#: Seconds of work for which a share of its own is worth its way: that takes a tenth of a millisecond.
WORTHWHILE = 0.002

#: A block, and the indices of those of its events that are meant.
Part = tuple[Block, Sequence[int]]


class Share(msgspec.Struct):
    """Events of a batch, by their indices in it; ``worker`` is whose it is, -1 where it is anybody's."""

    indices: Sequence[int]
    cuts: list[Cut]
    worker: int = -1


def worthwhile(seconds: float) -> int:
    """How many shares each worker is to have of work that takes it about so long."""
    return int(max(1.0, min(SHARES_EACH, seconds / WORTHWHILE)))


def shares_of(batch: Batch, workers: int, key: Key | None, each: int = SHARES_EACH) -> list[Share]:
    """Cut ``batch`` for so many workers.

    :param each: shares for each of them, where there is no order.
    """
    if workers == 1 or (len(batch) == 1 and key is None):
        return [Share(range(len(batch)), [_cut(block, chosen) for block, chosen in batch.cut])]
    return _evenly(batch, workers * each) if key is None else _by_key(batch, workers, key)


def _by_key(batch: Batch, workers: int, key: Key) -> list[Share]:
    shares = [Share([], [], worker) for worker in range(workers)]
    index, events = 0, batch.events
    for block, chosen in batch.cut:
        owned: list[list[int]] = [[] for _ in shares]
        for place in chosen:
            worker = hash(key(events[index])) % workers
            owned[worker].append(place)
            shares[worker].indices.append(index)  # type: ignore[attr-defined]  # a list, made above
            index += 1
        for share, places in zip(shares, owned, strict=True):
            if places:
                share.cuts.append(_cut(block, places))
    return [share for share in shares if share.cuts]


def _evenly(batch: Batch, count: int) -> list[Share]:
    size = -(-len(batch) // count)
    shares: list[Share] = []
    at = 0
    for parts in _runs(batch.cut, size):
        count = sum([len(chosen) for _, chosen in parts])
        shares.append(Share(range(at, at + count), [_cut(block, chosen) for block, chosen in parts]))
        at += count
    return shares


def _runs(parts: Sequence[Part], size: int) -> Iterator[list[Part]]:
    """The same events, ``size`` at a time."""
    run: list[Part] = []
    room = size
    for block, chosen in parts:
        at = 0
        while at < len(chosen):
            some = chosen[at : at + room]
            run.append((block, some))
            at += len(some)
            room -= len(some)
            if not room:
                yield run
                run, room = [], size
    if run:
        yield run


def _cut(block: Block, chosen: Sequence[int]) -> Cut:
    """What a worker gets of a block: no more than it needs, where that is easily had."""
    if len(chosen) == block.count:
        return Cut(block)
    first, end = chosen[0], chosen[-1] + 1
    if end - first == len(chosen):
        return Cut(span(block, pieces(block), first, end))
    return Cut(block, list(chosen))
