"""What a program wants to publish, as the bytes that go into a message.

Each event is written once, with the attributes that it lacked, so that what is sent
again after a reconnect is the same event.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw

from eventd.client.failures import Nacked, Wrong
from eventd.errors import InvalidEvent
from eventd.event import AttributeValue, Event
from eventd.formats import json_events, json_writer, msgpack_events
from eventd.formats.payloads import Fill

__all__ = ["Packed", "Packer", "Publishable", "default_source"]

#: One event: an ``Event``, a CloudEvent as a map, or the JSON of a complete one.
Publishable = Event | Mapping[str, Any] | bytes | Raw

#: What an encoder raises on a payload that cannot be written.
_UNWRITABLE = (InvalidEvent, TypeError, ValueError, OverflowError, RecursionError)

#: Members of a map that are no attributes.
_OTHERS = ("specversion", "data", "data_base64")


class Packed(NamedTuple):
    """So many events in their encoding, joined."""

    events: int
    body: bytes


class _AnyObject(msgspec.Struct, gc=False):
    """Any JSON object."""


_check_object = msgspec.json.Decoder(_AnyObject).decode


def default_source() -> str:
    """The ``source`` of this process's events, where none is given."""
    return f"eventd://{socket.gethostname()}/{os.getpid()}"


class Packer:
    """Writes events, and fills in what they lack.

    :param json: as JSON, else as msgpack.
    """

    def __init__(self, *, json: bool, source: str | None = None) -> None:
        self._json = json
        self._fill = Fill(source or default_source())

    def pack(self, events: Publishable | Iterable[Publishable]) -> Packed:
        """One event, or several.

        :raises Nacked: for an event that cannot be written.
        :raises TypeError: for what is no event.
        :raises ValueError: when there are none.
        """
        if isinstance(events, Event | Mapping | bytes | Raw):
            events = (events,)
        bodies = [self._write(event, index) for index, event in enumerate(events)]
        if not bodies:
            raise ValueError("no events to publish")
        return Packed(len(bodies), (b"," if self._json else b"").join(bodies))

    def _write(self, event: Publishable, index: int) -> bytes:
        if not isinstance(event, Event | Mapping | bytes | Raw):
            raise TypeError(f"{type(event).__name__} is no event")
        if isinstance(event, bytes | Raw) and not self._json:
            raise TypeError("events as bytes are JSON: they need a client with format='json'")
        try:
            if isinstance(event, bytes | Raw):
                _check_object(event)
                return bytes(event)
            return self._written(event if isinstance(event, Event) else _event(event))
        except InvalidEvent as error:
            raise Nacked([Wrong(index, error.attribute, error.message)]) from error
        except _UNWRITABLE as error:
            raise Nacked([Wrong(index, "", f"cannot be written: {error}")]) from error

    def _written(self, event: Event) -> bytes:
        filled = Event(data=event.data)
        attributes = {**event.attributes, **self._fill.absent(event.attributes)}
        attributes.pop("specversion", None)
        filled._attributes = attributes
        return json_writer.write(filled) if self._json else msgpack_events.write(filled)


def _event(members: Mapping[str, Any]) -> Event:
    attributes: dict[str, AttributeValue] = {name: members[name] for name in members if name not in _OTHERS}
    event = Event(data=members.get("data", UNSET))
    event._attributes = attributes
    if members.get("data_base64") is not None:
        if event.data is not UNSET:
            raise InvalidEvent("cannot be there together with data", attribute="data_base64")
        event.data = json_events.from_base64(members["data_base64"])
    return event
