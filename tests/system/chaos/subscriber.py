"""A live subscriber: writes down each event with the place behind it, and goes on there when it is started again.

It is run with ``url notes format terms``: ``terms`` are the fields of ``Client.subscribe`` as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eventd.client import Gap, Subscription
from tests.system.chaos.child import connect, over, prepare
from tests.system.chaos.notes import Notes

#: Seconds after which it looks whether it is to end, and whether it is known where it begins.
LOOK_UP, LOOK_SOON = 0.2, 0.01


def main(url: str, file: str, encoding: str, terms: str) -> None:
    """Read until told to end."""
    path = Path(file)
    prepare(path)
    wanted: dict[str, Any] = json.loads(terms)
    types = wanted.pop("types")
    with Notes(path) as notes:
        if notes.kept:
            place = notes.kept[-1]
            wanted |= {"start": place["offset"], "epoch": place["epoch"]}
        with connect(url, format=encoding) as client, client.subscribe(*types, **wanted) as subscription:
            while subscription.offset is None and not over.wait(LOOK_SOON):
                pass
            if subscription.offset is not None:
                notes.write(begin=subscription.offset, offset=subscription.offset, epoch=subscription.epoch)
                read(subscription, notes)


def read(subscription: Subscription, notes: Notes) -> None:
    """Write down what comes."""
    while not over.is_set():
        try:
            event = subscription.get(LOOK_UP)
        except Gap as gap:
            notes.write(gap=[gap.start, gap.end], offset=gap.end, epoch=gap.epoch)
            continue
        if event is not None:
            notes.write(event=event.offset, id=event.id, offset=subscription.offset, epoch=subscription.epoch)


if __name__ == "__main__":
    main(*sys.argv[1:])
