"""What asyncio's tasks wait on: something has changed, look again."""

from __future__ import annotations

import asyncio
import time

__all__ = ["News"]


class News:
    """A condition without a lock, since one event loop has no two threads."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Let all who wait look again."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, deadline: float | None) -> bool:
        """Wait until ``tell``; false when ``deadline``, on the monotonic clock, is past."""
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future}, timeout=left)
        finally:
            self._waiting.discard(future)
        return True
