"""The server's ``events`` messages as events, whose attributes are built when someone looks."""

from __future__ import annotations

import binascii

from eventd.client.failures import ServerFault
from eventd.client.messages import Codec, EventsMessage, Lean
from eventd.event import AttributeValue, Event

__all__ = ["Arrival", "arrival"]

#: Members that are no attributes, and the place, which ``Event.offset`` has.
_OTHERS = ("specversion", "data", "data_base64", "eventdoffset")


class Arrival:
    """Events that came together, the offset behind them, and the bytes that they came in."""

    __slots__ = ("end", "events", "size")

    def __init__(self, events: list[Event], end: int, size: int) -> None:
        self.events = events
        self.end = end
        self.size = size


class _Attributes:
    """Builds the attributes of one message's events when somebody looks at the first of them."""

    __slots__ = ("_codec", "_data", "_members")

    def __init__(self, codec: Codec, data: bytes) -> None:
        self._codec = codec
        self._data = data
        self._members: list[dict[str, AttributeValue]] | None = None

    def at(self, index: int) -> dict[str, AttributeValue]:
        """The attributes of the event at ``index`` of the message."""
        if self._members is None:
            self._members = self._codec.members(self._data)
            self._data = b""
        members = self._members[index]
        return {name: value for name, value in members.items() if value is not None and name not in _OTHERS}


class _Place:
    """The origin of one event: offsets leave out what was not wanted, so they are no index."""

    __slots__ = ("_attributes", "_index")

    def __init__(self, attributes: _Attributes, index: int) -> None:
        self._attributes = attributes
        self._index = index

    def attributes(self, offset: int) -> dict[str, AttributeValue]:
        """The attributes of the event, wherever it is."""
        return self._attributes.at(self._index)


def arrival(codec: Codec, message: EventsMessage, data: bytes) -> Arrival:
    """Make events of a message.

    :param data: the message as it came.
    :raises ServerFault: when a payload is not in base64 although it should be.
    """
    attributes = _Attributes(codec, data)
    new = Event.__new__
    events = []
    for index, lean in enumerate(message.events):
        event = new(Event)
        event._origin = _Place(attributes, index)
        event.data = lean.data if lean.data_base64 is None else _bytes(lean)
        event.offset = lean.eventdoffset
        events.append(event)
    return Arrival(events, message.offset, len(data))


def _bytes(lean: Lean) -> bytes:
    try:
        return binascii.a2b_base64(lean.data_base64 or "")
    except ValueError as error:
        raise ServerFault(f"data_base64: {error}") from None
