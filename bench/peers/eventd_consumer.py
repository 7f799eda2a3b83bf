"""A durable subscription by eventd's own client: gets batches, reads one field, settles every event.

Run as ``python -m bench.peers.eventd_consumer PORT METER EVENTS``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.meter import Meter
from bench.payload import TAG
from eventd.client import Client

#: Events that may come unsettled: as many as the JetStream consumer is allowed.
CREDIT = 100_000


def _consume(port: int, meter: Meter, events: int) -> None:
    with Client(f"ws://127.0.0.1:{port}") as client:
        subscription = client.subscribe(TAG, name="bench", start="earliest", credit=CREDIT)
        meter.ready()
        seen = 0
        for batch in subscription.batches():
            total = 0
            for event in batch:
                total += event.data["n"]
                subscription.settle(event)
            seen += len(batch)
            if seen >= events:
                # Says at once what was settled; the answer to what is asked then comes behind it.
                subscription.close()
                client.presence(TAG)
            meter.add(len(batch), total)


if __name__ == "__main__":
    port, path, events = sys.argv[1:]
    _consume(int(port), Meter(Path(path)), int(events))
