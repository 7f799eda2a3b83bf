"""An application on a hub: it answers each question that somebody publishes there.

Run it by ``python examples/my_application.py``, with the URL of the hub if it is not ``ws://hub.localhost:8080``,
and ask by ``eventd send com.example.question --data '"how hot is it?"'``.
"""

from __future__ import annotations

import logging
import sys

from eventd import Callback, Event, EventManager, WebSocket


class MyApplication(Callback):
    """Each method may block, and may send; they are called one after the other."""

    def on_connect(self, websocket: WebSocket, resources: list[str]) -> None:
        """The connection is there, or there again."""
        print("connected, reading", *resources, flush=True)

    def on_disconnect(self, websocket: WebSocket, resources: list[str]) -> None:
        """The connection is lost; what is published meanwhile is read later."""
        print("disconnected", flush=True)

    def on_message(self, websocket: WebSocket, resource: str, message: Event) -> None:
        """Answer; when ``send`` returns, the hub has the answer on its disk."""
        print(f"{resource}: {message.data}", flush=True)
        websocket.send(Event("com.example.answer", {"to": message.id, "text": "warmer than yesterday"}))

    def on_error(self, websocket: WebSocket, resource: str, error: Exception) -> None:
        """Events were missed, or one of the methods above raised."""
        print(f"{resource}: {error!r}", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    url = sys.argv[1] if len(sys.argv) > 1 else "ws://hub.localhost:8080"
    loop = EventManager().create_event_loop()
    loop.subscribe(WebSocket(url, {"questions": "com.example.question"}, callbacks=MyApplication()))
    loop.start()
