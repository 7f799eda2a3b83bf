"""The newest blocks, in memory: a consumer at the tail never reads the disk.

Bounded in bytes, oldest out first. It lives on the hub and needs no lock; it does not
know the database.
"""

from __future__ import annotations

from bisect import bisect_right

from eventd.event import Block, Encoding

__all__ = ["Tail"]

#: What a block costs beside its body: the struct, its integers and its places in the lists.
OVERHEAD = 256


class Tail:
    """Consecutive blocks up to the journal's end."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._blocks: list[Block] = []
        self._firsts: list[int] = []
        # Blocks before this index are dropped; the lists are cut when half of them is.
        self._head = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._blocks) - self._head

    def add(self, block: Block) -> None:
        """Append the block that follows the last one, and drop the oldest beyond the limit."""
        self._blocks.append(block)
        self._firsts.append(block.first)
        self.size += len(block.body) + OVERHEAD
        while self.size > self.limit:
            self._drop()

    def read(self, offset: int, limit: int) -> list[Block] | None:
        """Blocks from the one that holds ``offset`` on, up to about ``limit`` bytes and at least one.

        ``None`` when that block is not in memory (any more).
        """
        index = bisect_right(self._firsts, offset, self._head) - 1
        if index < self._head or offset >= self._blocks[index].end:
            return None
        found: list[Block] = []
        while index < len(self._blocks) and (limit > 0 or not found):
            block = self._blocks[index]
            found.append(block)
            limit -= len(block.body) + OVERHEAD
            index += 1
        return found

    def _drop(self) -> None:
        block = self._blocks[self._head]
        self.size -= len(block.body) + OVERHEAD
        self._head += 1
        if self._head * 2 >= len(self._blocks):
            del self._blocks[: self._head], self._firsts[: self._head]
            self._head = 0
        else:
            # Its body must not live on until the lists are cut.
            self._blocks[self._head - 1] = _GONE


_GONE = Block(first=-1, count=0, encoding=Encoding.JSON, types=(), received=0, body=b"")
