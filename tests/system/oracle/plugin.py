"""The plugins under the oracle: four consumers of the same events, each keeping a count and telling what it saw.

They run inside the daemon. What they see goes at once into files outside of it, one for each
consumer, which a kill of the daemon cannot take back; what they count and emit goes through
the daemon, which must keep the two together.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from eventd import Batch, Emitter, Event, Handler, Reject, Retry, State

#: What publishers send, and what each consumer makes of it.
INPUT = "oracle.in"
OUTPUT = "oracle.out"

#: How often the handler that raises does so, for each event that it looks at.
RAISES = 0.02


def digest(data: Any, id: str | None, subject: str | None) -> str:
    """What sender and consumer must agree on; an entry of the Forward protocol has no attributes of its own."""
    if data["door"] == "forward":
        id = subject = None
    return hashlib.sha1(json.dumps([data, id, subject], sort_keys=True).encode()).hexdigest()


class Notes:
    """What one consumer saw: a JSON array a line, in a file that only grows."""

    def __init__(self, directory: str, name: str) -> None:
        self._file = os.open(Path(directory) / f"{name}.notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(self._file, b"\n")  # ends the line that a kill may have torn

    def write(self, events: Sequence[Event]) -> None:
        """Note them in one write."""
        rows = [[event.data["id"], digest(event.data, event.id, event.subject), event.offset] for event in events]
        os.write(self._file, b"".join(json.dumps(row).encode() + b"\n" for row in rows))


class Config(msgspec.Struct):
    """``ledger`` is the directory of the notes."""

    ledger: str


class Count(Handler):
    """Counts the events of each key, and emits one event for each that carries its number."""

    types = (INPUT,)
    name = "count"

    class Config(Config):
        """The same for all."""

    def __init__(self, config: Config, emit: Emitter, state: State) -> None:
        self._emit = emit
        self._state = state
        self._notes = Notes(config.ledger, self.name)

    def handle(self, batch: Batch) -> None:
        self._notes.write(batch.events)
        for event in batch.events:
            self.count(event)

    def count(self, event: Event) -> None:
        """One step of the count: kept and emitted, or neither."""
        derive(self._emit, self._state, self.name, event)


class Threaded(Count):
    """The same in a native thread."""

    run = "thread"
    name = "threaded"


class Raising(Count):
    """The same, but fails in every way that a handler can; what is poisoned it refuses for good."""

    name = "raising"

    def handle(self, batch: Batch) -> None:
        self._notes.write([event for event in batch.events if not event.data["poison"]])
        for index, event in enumerate(batch.events):
            if event.data["poison"]:
                batch.fail(index, Reject("it is poisoned"))
            elif random.random() < RAISES:
                batch.fail(index, ValueError("by chance, this event"))
            else:
                self.count(event)
                if random.random() < RAISES / 2:
                    raise random.choice([OSError("by chance"), Retry(after=0.02), SystemExit(3), KeyboardInterrupt()])


class Execute(Event):
    """An event type of its own: the same event by event."""

    type = INPUT

    class Config(Config):
        """The same for all."""

    notes: Notes | None = None

    def execute(self, emit: Emitter, config: Config, state: State) -> None:
        cls = type(self)
        cls.notes = cls.notes or Notes(config.ledger, "execute")
        cls.notes.write([self])
        derive(emit, state, "execute", self)


def derive(emit: Emitter, state: State, name: str, event: Event) -> None:
    """Count the event's key in the state, and emit what is derived from the event."""
    id, key = event.data["id"], event.data["key"]
    emit(f"{OUTPUT}.{name}", {"of": id, "key": key, "count": state.add(key)}, id=f"{name}:{id}")
