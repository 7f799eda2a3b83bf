"""eventd inside a program: an event type, a function and a WebSocket on one event loop.

Run it by ``python examples/inside.py``, with the URL of a hub if it is not ``ws://hub.localhost:8080``.
"""

from __future__ import annotations

import logging
import sys

import msgspec

from eventd import Callback, Emitter, Event, EventManager, State, WebSocket

# Subscribers and callbacks have threads of their own; what they print could meet in one line.
log = logging.getLogger("inside")


class Reading(Event):
    """A temperature reading; every third one is told."""

    type = "com.example.sensor.reading"

    class Data(msgspec.Struct):
        """What a reading has to have."""

        celsius: float

    data: Data

    def execute(self, state: State, emit: Emitter) -> None:
        """Called with each reading."""
        if state.add("readings") % 3 == 0:
            emit("com.example.sensor.third", {"celsius": self.data.celsius})


class MyApplication(Callback):
    """What is done with a hub's events."""

    def on_connect(self, websocket: WebSocket, resources: list[str]) -> None:
        """The hub is there."""
        log.info("connected, reading %s", ", ".join(resources))

    def on_disconnect(self, websocket: WebSocket, resources: list[str]) -> None:
        """The hub is gone; the WebSocket comes back by itself."""
        log.info("disconnected")

    def on_message(self, websocket: WebSocket, resource: str, message: Event) -> None:
        """The hub's events go to all who are subscribed here."""
        loop.publish(message)

    def on_error(self, websocket: WebSocket, resource: str, error: Exception) -> None:
        """Nothing stops for it."""
        log.info("%s: %r", resource, error)


def process_event(event: Event) -> None:
    """Called with each event, in a thread of its own: it may block."""
    log.info(event.name)


logging.basicConfig(level=logging.INFO, format="%(message)s")
url = sys.argv[1] if len(sys.argv) > 1 else "ws://hub.localhost:8080"
manager = EventManager()
loop = manager.create_event_loop()
loop.subscribe(Reading)
loop.subscribe(process_event)
loop.subscribe(WebSocket(url, "Event Data", callbacks=MyApplication()))
loop.publish(Event("event_type_1"))
for celsius in (19.5, 20.0, 20.5):
    loop.publish(Reading(data=Reading.Data(celsius)))
# Until Ctrl-C.
loop.start()
