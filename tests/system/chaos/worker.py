"""A member of a durable group: writes down each event, and settles it behind that; some it asks for once more.

It is run with ``url notes format terms``: ``terms`` are the fields of ``Client.subscribe`` as JSON.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

from eventd.client import Gap, Subscription
from tests.system.chaos.child import connect, over, prepare
from tests.system.chaos.notes import Notes

__all__ = ["asks_again"]

#: Of so many events, each member has one once more; seconds until then. None are the daemon's own pauses.
ONE_IN, AFTER = 15, (0.0, 0.2, None)
LOOK_UP = 0.2


def asks_again(id: str) -> bool:
    """Whether a member that sees an event for the first time asks for it once more."""
    return zlib.crc32(id.encode()) % ONE_IN == 0


def main(url: str, file: str, encoding: str, terms: str) -> None:
    """Work until told to end."""
    path = Path(file)
    prepare(path)
    wanted: dict[str, Any] = json.loads(terms)
    types = wanted.pop("types")
    with Notes(path) as notes, connect(url, format=encoding) as client, client.subscribe(*types, **wanted) as group:
        work(group, notes)


def work(group: Subscription, notes: Notes) -> None:
    """Write down what comes, then settle it."""
    # Once for each member, however often it is killed: fewer attempts than make a dead letter.
    asked = {line["retry"] for line in notes.kept if "retry" in line}
    notes.write(begin=len(notes.kept))
    while not over.is_set():
        try:
            event = group.get(LOOK_UP)
        except Gap as gap:
            notes.write(gap=[gap.start, gap.end])
            continue
        if event is None:
            continue
        if asks_again(event.id) and event.offset not in asked:
            asked.add(event.offset)
            notes.write(retry=event.offset, id=event.id)
            group.settle(event, "retry", AFTER[event.offset % len(AFTER)])
        else:
            notes.write(done=event.offset, id=event.id)
            group.settle(event)


if __name__ == "__main__":
    main(*sys.argv[1:])
