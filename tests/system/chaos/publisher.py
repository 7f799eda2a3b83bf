"""Publishes without pause; writes down what was acknowledged, and where that is in the journal.

It is run with ``url notes name format``.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from pathlib import Path

from eventd import Event
from eventd.client import Client, ClientFailure, TimedOut
from eventd.client.sync import Pending
from tests.system.chaos.child import connect, over, prepare
from tests.system.chaos.notes import Notes

__all__ = ["SOURCE"]

SOURCE = "/chaos"
#: Publishes without an answer, and events in one.
UNDER_WAY, TOGETHER = 8, 5
#: Seconds between two publishes, and seconds after which it looks whether it is to end.
PAUSE, LOOK_UP = 0.03, 0.2


def main(url: str, file: str, name: str, encoding: str) -> None:
    """Publish until told to end, then wait for the answers that are owed."""
    path = Path(file)
    prepare(path)
    with Notes(path) as notes, connect(url, source=SOURCE, format=encoding) as client:
        # Each run has ids of its own: what became of those without an ack is not known.
        run = 1 + sum("run" in line for line in notes.kept)
        notes.write(run=run)
        publisher = Publisher(client, notes, name, run)
        while publisher.waiting or not over.is_set():
            publisher.publish()
            publisher.listen()


class Publisher:
    """One run."""

    def __init__(self, client: Client, notes: Notes, name: str, run: int) -> None:
        self._client = client
        self._notes = notes
        self._name = name
        self._run = run
        self._chance = random.Random(f"{name} {run}")
        self._made = 0
        #: What has no answer yet.
        self.waiting: deque[tuple[list[str], Pending]] = deque()

    def publish(self) -> None:
        """Send some events, where not too much waits already."""
        if len(self.waiting) < UNDER_WAY and not over.wait(self._chance.uniform(0, PAUSE)):
            events = [self._event() for _ in range(self._chance.randint(1, TOGETHER))]
            self.waiting.append(([str(event.id) for event in events], self._client.send(events)))

    def listen(self) -> None:
        """Write down the answers that are there, and wait for one where there is nothing else to do."""
        while self.waiting and (self.waiting[0][1].done or len(self.waiting) >= UNDER_WAY or over.is_set()):
            ids, pending = self.waiting[0]
            try:
                ack = pending.result(LOOK_UP)
                self._notes.write(ids=ids, first=ack.first, last=ack.last, durability=ack.durability)
            except TimedOut:
                return
            except ClientFailure as failure:
                self._notes.write(failed=ids, why=repr(failure))
            self.waiting.popleft()

    def _event(self) -> Event:
        self._made += 1
        filling = "x" * self._chance.randint(0, 300)
        return Event(f"chaos.{self._name}", {"filling": filling}, id=f"{self._name}-{self._run}-{self._made}")


if __name__ == "__main__":
    main(*sys.argv[1:])
