"""The plugin of a consumer, kept running: started until it starts, and again where it hangs or its workers die."""

from __future__ import annotations

from collections.abc import Callable

from eventd.dispatch.calling import TimedOut
from eventd.dispatch.inhand import Hand
from eventd.dispatch.runner import Calls
from eventd.dispatch.work import Work
from eventd.event import Batch, Draft

__all__ = ["Instance", "Interrupted"]

#: Seconds after which one whose calls hang looks whether one of them has ended.
LOOK_UP = 0.5


class Interrupted(Exception):
    """The daemon stops before the plugin has started."""


class Instance:
    """What runs of a plugin.

    :param pause: waits for some seconds; true when the daemon stops. :param hand: told what it handles now.
    """

    def __init__(self, work: Work, pause: Callable[[float], bool], hand: Hand) -> None:
        self._work = work
        self._pause = pause
        self._hand = hand
        self._runner: Calls | None = None
        #: Why it does not run: ``starting``, ``failing`` or ``stuck``; ``None`` when it does.
        self.trouble: str | None = "starting"

    def start(self) -> None:
        """Build and start the plugin, again and again until it starts.

        :raises Interrupted: when the daemon stops before.
        """
        attempts = 0
        while True:
            self._runner = self._work.start()
            if self._runner is not None:
                self.trouble = None
                return
            attempts += 1
            self.trouble = "failing"
            self._wait(self._work.policy.backoff(attempts))

    def call(self, batch: Batch) -> list[Draft]:
        """Have it handle a batch; what was emitted. Where that hangs, another instance goes on.

        :raises Exception: whatever the plugin raises.
        """
        assert self._runner is not None
        if not self._runner.whole:
            self._restore()
        self._hand.take(batch)
        try:
            return self._work.sift(self._runner.run(batch))
        except TimedOut:
            self._work.abandon()
            self._renew()
            raise
        finally:
            self._hand.empty()

    def breathe(self) -> None:
        """Let others on the hub have their turn, when it is time to."""
        if self._runner is not None:
            self._runner.breathe()

    def rested(self) -> None:
        """The others have just had their turn."""
        if self._runner is not None:
            self._runner.breathe.reset()

    def _renew(self) -> None:
        while self._work.stuck:
            self.trouble = "stuck"
            self._wait(LOOK_UP)
        self.start()

    def _restore(self) -> None:
        """Start workers in the place of those that died; not at once where they die again and again."""
        if self._work.deaths > 1:
            self.trouble = "failing"
            self._wait(self._work.policy.backoff(self._work.deaths - 1))
        self.start()

    def _wait(self, seconds: float) -> None:
        if self._pause(seconds):
            raise Interrupted
