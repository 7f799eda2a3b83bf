"""An event manager: two event types, and a function that acts on the name of each event.

Run it by ``python examples/manager.py``. With a file behind it, such as ``events.sqlite``, what is not
handled when the program ends is handled when it runs again.
"""

from __future__ import annotations

import logging
import sys

import msgspec

from eventd import Emitter, Event, EventManager


class Ordered(Event):
    """Somebody ordered something."""

    type = "com.example.ordered"

    class Data(msgspec.Struct):
        """What an order has to have: one without it is refused where it is published."""

        product: str
        count: int

    data: Data

    def execute(self, emit: Emitter) -> None:
        """Called with each order; what it emits is handled as everything else."""
        emit.emit(Shipped(data=self.data, subject=self.subject))


class Shipped(Event):
    """It is on its way."""

    type = "com.example.shipped"
    Data = Ordered.Data


def process_event(event: Event) -> None:
    """Called with each event, in a thread of its own."""
    match event.name:
        case "com.example.ordered":
            print(f"{event.subject} ordered {event.data.count} {event.data.product}", flush=True)
        case "com.example.shipped":
            print(f"{event.data.count} {event.data.product} are on their way to {event.subject}", flush=True)
        case "com.example.closing":
            loop.stop()


logging.basicConfig(level=logging.INFO)
manager = EventManager(journal=sys.argv[1] if len(sys.argv) > 1 else None)
loop = manager.create_event_loop()
loop.subscribe(Ordered)
loop.subscribe(Shipped)
loop.subscribe(process_event)
loop.publish(Ordered(data=Ordered.Data("apples", 5), subject="ada"))
loop.publish(Event("com.example.ordered", {"product": "pears", "count": 2}, subject="grace"))
loop.publish(Event("com.example.closing"))
loop.start()
