"""Who is killed when: children and the daemon, at random moments, in an order that a seed decides."""

from __future__ import annotations

import random
import threading
import time

from tests.support.daemon import DaemonProcess
from tests.support.wait import until
from tests.system.chaos.crew import Crew

__all__ = ["Storm"]

#: Seconds between two blows to a child, and for which it stays dead at most.
BETWEEN, DEAD_FOR = (0.3, 1.2), 0.5
#: Seconds between two blows to the daemon, and for which it stays dead at most.
DAEMON_BETWEEN, DAEMON_DEAD_FOR = (2.0, 5.0), 1.5
#: Seconds for the daemon to be ready.
STARTS_WITHIN = 30
#: What becomes of clients that break no rule: silent, in the middle of a message for too long, or without an
#: answer when the daemon died.
NETWORK = {"idle", "slow_message", "interrupted"}


class Storm:
    """Kills and starts again; ``history`` has each blow with the second in which it fell."""

    def __init__(self, daemon: DaemonProcess, crew: Crew, seed: str) -> None:
        self._daemon = daemon
        self._crew = crew
        self._chance = random.Random(f"storm {seed}")
        self.history: list[str] = []
        #: What the daemon's books should not have said meanwhile.
        self.found: list[str] = []

    @property
    def daemon_kills(self) -> int:
        """How often the daemon was killed."""
        return sum(each.endswith("the daemon") for each in self.history)

    def run(self, seconds: float) -> None:
        """Go on for so long; the daemon dies once at least."""
        begin = time.monotonic()
        next_kill = begin + self._chance.uniform(*DAEMON_BETWEEN)
        while (now := time.monotonic()) - begin < seconds or not self.daemon_kills:
            self._wait(*BETWEEN)
            assert not self._crew.died(), self._crew.died()
            if now >= next_kill:
                self.audit()
                self._blow(begin, "the daemon")
                self._daemon.kill()
                self._wait(0, DAEMON_DEAD_FOR)
                self._daemon.start(STARTS_WITHIN)
                next_kill = time.monotonic() + self._chance.uniform(*DAEMON_BETWEEN)
            else:
                child = self._chance.choice(self._crew.everyone)
                self._blow(begin, child.name)
                child.kill()
                self._wait(0, DEAD_FOR)
                child.start()

    def last_blow(self) -> None:
        """When it is calm, kill all who subscribe while they are at it: no start of the daemon helps them now."""
        self._crew.settle()
        consumers = self._crew.consumers
        before = [child.last() for child in consumers]
        until(
            lambda: all(child.last() != line for child, line in zip(consumers, before, strict=True)),
            timeout=STARTS_WITHIN, what="all who subscribe to have something new",
        )  # fmt: skip
        for child in consumers:
            child.kill()
        for child in consumers:
            child.start()

    def audit(self) -> None:
        """Look into the daemon's books, which must balance at every instant, and into what it thinks of its clients."""
        status = self._daemon.status()
        events = status["events"]
        thought = {**events["faults"], **events["rejected"]}
        self.found += status["imbalances"]
        self.found += [f"{count} for {reason}" for reason, count in thought.items() if reason not in NETWORK]

    def _blow(self, begin: float, whom: str) -> None:
        self.history.append(f"{time.monotonic() - begin:.1f} s: {whom}")

    def _wait(self, least: float, most: float) -> None:
        """Pause: the moment of the blow is the input of this test."""
        threading.Event().wait(self._chance.uniform(least, most))
