"""When those go on that have more to do than a turn: green threads that would hold the loop for as long as they may.

    a turn is used up ──► stand back ──► nobody else is ready, and no answer is on its way ──► the next turn

Who has little to do is served first, at once. While such others are about, turns are short, and the
loop sleeps where a native thread works for somebody: a loop that never sleeps keeps the interpreter's
lock from it, and a commit took 2 ms instead of 0.3. Nobody stands back for ever: behind
``LONGEST_REST`` the next turn comes, whoever is ready. No clock is looked at here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["Turns"]

#: Seconds of a turn: alone, and where others are about who have little to do.
TURN, SHORT_TURN = 0.008, 0.001
#: Seconds for which those count as being about that were seen last.
ABOUT = 0.02
#: Seconds that all together stand back at most before one of them goes on.
LONGEST_REST = 0.01
#: Seconds for which the loop sleeps while an answer is on its way; whatever comes wakes it.
NAP = 0.001


def _nothing() -> bool:
    return False


class Turns:
    """Those that stand back, in order."""

    def __init__(self) -> None:
        self.queue: deque[Callable[[], object]] = deque()
        #: Says whether a native thread works on an answer for somebody.
        self.awaited: Callable[[], object] = _nothing
        #: When somebody was served last who had waited for little.
        self.met = -ABOUT
        self._last = 0.0

    def length(self, now: float) -> float:
        """Seconds for which one may hold the loop."""
        return SHORT_TURN if self._crowded(now) else TURN

    def put(self, fn: Callable[[], object]) -> None:
        """Stand back; ``fn`` goes on."""
        self.queue.append(fn)

    def take(self, now: float, ready: int) -> Callable[[], object] | None:
        """Whose turn it is, if it is anybody's.

        :param ready: how many others were ready in this pass.
        """
        rested = now - self._last > LONGEST_REST / len(self.queue)
        if not rested and (ready or (self._crowded(now) and self.awaited())):
            return None
        return self.queue.popleft()

    def over(self, now: float) -> None:
        """A turn has ended."""
        self._last = now

    def patience(self, now: float) -> float:
        """Seconds for which the loop may sleep while somebody stands back."""
        return NAP if self._crowded(now) and self.awaited() else 0.0

    def _crowded(self, now: float) -> bool:
        return now - self.met < ABOUT
