"""A connection to a daemon, as a few callbacks: it comes back by itself, and goes on where it was.

    wire (of the client) ─ connected, disconnected ─┐
    reading, one for each resource ─ messages ──────┴─► queue ─► callbacks, one after the other

Callbacks have a native thread of their own, so that they may block and may send: nothing
that they wait for waits for them.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from eventd.app.callback import Callback, callback_of
from eventd.app.reading import Message, Reading, Trouble
from eventd.app.resources import Resource, resources_of
from eventd.client import Ack, Client, Subscription
from eventd.client.address import parse
from eventd.event import Event

__all__ = ["WebSocket"]

log = logging.getLogger(__name__)

#: Seconds that an end gets where nobody says.
CLOSE_WITHIN = 10.0
#: Seconds for what only has to notice that the client is closed.
NOTICE_WITHIN = 1.0


class WebSocket:
    """Subscribe it to an event loop, or start and stop it yourself.

    :param resource: what to read: a pattern of types, several, or a mapping from names to patterns; a name
        that is no pattern stands for all types.
    :param callbacks: a ``Callback``, or the list of its four methods.
    :param name: makes the subscription durable: the daemon keeps the place, and a message whose
        ``on_message`` raised comes again.
    :param start: where to begin: ``now``, ``earliest``, an offset or a time.
    :raises ValueError: for a URL, a resource or an option that cannot be used.
    """

    def __init__(
        self,
        url: str,
        resource: str | Iterable[str] | Mapping[str, str | Iterable[str]] = ">",
        callbacks: Callback | Sequence[Callable[..., Any]] | None = None,
        *,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        name: str | None = None,
        start: str | int = "now",
        filters: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        parse(url)
        self.url = url
        self._resources = resources_of(resource, start, name)
        self._callback = callback_of(Callback() if callbacks is None else callbacks)
        self._token, self._tls, self._headers = token, tls, dict(headers or {})
        self._filters = tuple(filters)
        self._items: SimpleQueue[Message | Trouble | str | None] = SimpleQueue()
        self._client: Client | None = None
        self._readings: list[Reading] = []
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._was_connected = False

    @property
    def resources(self) -> list[str]:
        """The names of what it reads."""
        return [resource.name for resource in self._resources]

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._client is not None and self._client.connected

    def start(self) -> None:
        """Connect, in the background, and begin to call the callbacks.

        :raises RuntimeError: when it is started already.
        """
        if self._thread is not None and self._thread.is_alive():
            raise RuntimeError(f"the WebSocket to {self.url} is started already")
        self._items, self._stopping = SimpleQueue(), False
        client = self._client = Client(
            self.url, token=self._token, tls=self._tls, headers=self._headers, on_state=self._items.put
        )
        self._readings = [Reading(one, self._subscribe, self._items.put) for one in self._resources]
        self._thread = threading.Thread(target=self._work, args=(client,), name="eventd-websocket", daemon=True)
        self._thread.start()
        for reading in self._readings:
            reading.start()

    def send(self, events: Event | Iterable[Event], timeout: float | None = None) -> Ack:
        """Publish one event or several, all or none, and wait until the daemon has acknowledged them.

        While there is no connection, it waits for one.

        :raises ClientFailure: when they were refused, or not acknowledged within ``timeout`` seconds.
        :raises RuntimeError: before it is started.
        """
        if self._client is None:
            raise RuntimeError(f"the WebSocket to {self.url} is not started")
        return self._client.publish(events, timeout)

    def stop(self, timeout: float = CLOSE_WITHIN) -> bool:
        """Let the callback that runs come to its end, and close; whether that was in time.

        Called by a callback, it returns at once, and that callback is the last but ``on_disconnect``.
        """
        self._stopping = True
        self._items.put(None)
        thread, client = self._thread, self._client
        if thread is None or client is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        if thread.is_alive():
            # It may wait for an answer, which does not come any more.
            client.close(0.0)
            thread.join(NOTICE_WITHIN)
        return not thread.is_alive()

    def __enter__(self) -> WebSocket:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _subscribe(self, resource: Resource) -> Subscription:
        assert self._client is not None
        return self._client.subscribe(
            *resource.types, filters=self._filters, start=resource.start, epoch=resource.epoch, name=resource.durable
        )

    def _work(self, client: Client) -> None:
        """The callbacks' thread."""
        while not self._stopping:
            item = self._items.get()
            if isinstance(item, Message):
                self._message(item)
            elif isinstance(item, Trouble):
                self._tell(item.resource, item.error)
            elif item is not None:
                self._connection(item == "connected")
        self._close(client)
        self._connection(False)

    def _close(self, client: Client) -> None:
        for reading in self._readings:
            reading.end()
        client.close()
        for reading in self._readings:
            reading.join(NOTICE_WITHIN)
        while not self._items.empty():
            item = self._items.get()
            if isinstance(item, Message):
                item.reading.leave(item.event)
        for reading in self._readings:
            reading.remember()

    def _connection(self, there: bool) -> None:
        if there is not self._was_connected:
            self._was_connected = there
            callback = self._callback
            self._call("", callback.on_connect if there else callback.on_disconnect, self, self.resources)

    def _message(self, message: Message) -> None:
        reading, event = message
        if self.connected:
            # The client tells of its connection in a thread of its own, which may come behind what that brought.
            self._connection(True)
        done = self._call(reading.resource, self._callback.on_message, self, reading.resource, event)
        reading.handled(event, "done" if done else "retry")

    def _call(self, resource: str, function: Callable[..., Any], *args: object) -> bool:
        """Whether it returned; what it raises is told to ``on_error``."""
        try:
            function(*args)
        except BaseException as error:  # noqa: BLE001 - nothing that a callback raises ends the others
            self._tell(resource, error)
            return False
        return True

    def _tell(self, resource: str, error: BaseException) -> None:
        told = error if isinstance(error, Exception) else RuntimeError(f"it raised {error!r}")
        try:
            self._callback.on_error(self, resource, told)
        except BaseException:
            log.exception("on_error of the WebSocket to %s failed, told of %r", self.url, told)
