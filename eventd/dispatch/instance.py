"""The plugin of a consumer, kept running: started until it starts, and again where it hangs or its workers die."""

from __future__ import annotations

import logging
from collections.abc import Callable

from eventd.dispatch.calling import HeldTooLong, TimedOut
from eventd.dispatch.inhand import Hand
from eventd.dispatch.runner import Calls
from eventd.dispatch.work import Work
from eventd.event import Batch, Draft

__all__ = ["Instance", "Interrupted"]

log = logging.getLogger(__name__)

#: Seconds after which one whose calls hang looks whether one of them has ended.
LOOK_UP = 0.5
#: Seconds between two looks of one that is disabled, which has nothing to see.
LONG = 3600.0
#: Seconds at most before a worker is started in the place of one that died. Each death is some event's, of which
#: ``poison_limit`` are enough; all others wait meanwhile.
LONGEST_GAP = 2.0


class Interrupted(Exception):
    """The plugin is not called any more: the daemon stops before it has started, or it is disabled."""


class Instance:
    """What runs of a plugin.

    :param pause: waits for some seconds; true when the daemon stops. :param hand: told what it handles now.
    """

    def __init__(self, work: Work, pause: Callable[[float], bool], hand: Hand) -> None:
        self._work = work
        self._pause = pause
        self._hand = hand
        self._runner: Calls | None = None
        self._trouble: str | None = "starting"

    @property
    def trouble(self) -> str | None:
        """Why it does not run: ``starting``, ``failing``, ``stuck`` or ``disabled``; ``None`` when it does."""
        return "disabled" if self._work.place.disabled else self._trouble

    def start(self) -> None:
        """Build and start the plugin, again and again until it starts.

        :raises Interrupted: when the daemon stops before.
        """
        attempts = 0
        while True:
            self.rest()
            self._runner = self._work.start()
            if self._runner is not None:
                self._trouble = None
                return
            attempts += 1
            self._trouble = "failing"
            self._wait(self._work.policy.backoff(attempts))

    def call(self, batch: Batch) -> list[Draft]:
        """Have it handle a batch; what was emitted. Where that hangs, another instance goes on.

        :raises Interrupted: when it is disabled. :raises Exception: whatever the plugin raises.
        """
        if self._work.place.disabled:
            raise Interrupted
        assert self._runner is not None
        if not self._runner.whole:
            self._restore()
        self._hand.take(batch)
        try:
            return self._work.sift(self._runner.run(batch))
        except TimedOut as error:
            self._work.abandon(error)
            self._renew()
            raise
        except HeldTooLong as error:
            if self._work.place.disabled:
                raise Interrupted from error
            raise
        finally:
            self._hand.empty()

    def rest(self) -> None:
        """Wait while it is disabled, which it is until the daemon stops.

        :raises Interrupted: when the daemon stops meanwhile.
        """
        while self._work.place.disabled:
            self._wait(LONG)

    def breathe(self) -> None:
        """Let others on the hub have their turn, when it is time to."""
        if self._runner is not None:
            self._runner.breathe()

    def rested(self) -> None:
        """The others have just had their turn."""
        if self._runner is not None:
            self._runner.breathe.reset()

    def _renew(self) -> None:
        if self._work.stuck:
            self._await_an_end()
        self.start()

    def _await_an_end(self) -> None:
        """Wait until one of the calls that hang has ended."""
        name, self._trouble = self._work.loaded.full_name, "stuck"
        log.error(
            "%s is stuck: calls of it hang in %d threads, and its events wait until one of them ends; where they are "
            "only slow, a larger timeout in its section helps, where they never return, run = process",
            name, self._work.hanging,
        )  # fmt: skip
        while self._work.stuck:
            self._wait(LOOK_UP)
        log.error("%s is stuck no more: a call that hung has ended, and a new instance goes on", name)

    def _restore(self) -> None:
        """Start workers in the place of those that died; not at once where they die again and again."""
        work = self._work
        # The time for which nothing was to be done is a pause, too.
        pause = min(LONGEST_GAP, work.policy.backoff(work.deaths - 1)) - work.quiet if work.deaths > 1 else 0.0
        if pause > 0:
            self._trouble = "failing"
            log.warning(
                "%s: its workers died %d times without doing any work between; it goes on in %.3g s",
                work.loaded.full_name, work.deaths, pause,
            )  # fmt: skip
            self._wait(pause)
        self.start()

    def _wait(self, seconds: float) -> None:
        if self._pause(seconds):
            raise Interrupted
