"""An event, and the ways it stands together with others: draft, block, batch.

    Event   one CloudEvents 1.0 event; the base class of all event types
    Draft   events that passed a door's checks and have no offset yet
    Block   one row of the journal: consecutive events in one encoding
    Batch   what a handler gets: events that it is to handle together

Drafts and blocks keep events as bytes; ``eventd.formats`` makes events of them when
someone looks. The rules of CloudEvents are in ``eventd.formats.rules``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

__all__ = ["UNSET", "AttributeValue", "Batch", "Block", "Draft", "Encoding", "Event", "Origin"]

#: What an attribute can be: the type system of CloudEvents 1.0, section 3.1, as Python
#: types. Timestamps, URIs and URI-references stay the strings that they came as.
AttributeValue = bool | int | str | bytes


class Encoding(enum.IntEnum):
    """How the body of a draft or block is written. The numbers are part of the journal's format."""

    #: CloudEvents JSON objects, joined by commas.
    JSON = 1
    #: CloudEvents msgpack maps, one behind the other.
    MSGPACK = 2
    #: Forward entries ``[time, record]`` of one tag, one behind the other.
    FORWARD = 3


class Draft(msgspec.Struct, gc=False, array_like=True):
    """Events that a door has checked, as the bytes that the journal will keep.

    ``types`` has the distinct types of the events in it, or is empty where they are
    too many to list. ``origin`` is the ``source`` of events whose format has none.
    """

    encoding: Encoding
    count: int
    types: tuple[str, ...]
    body: bytes
    origin: str = ""


class Block(msgspec.Struct, gc=False, array_like=True):
    """One row of the journal: ``count`` consecutive events from offset ``first`` on.

    ``received`` is when the daemon had them, in nanoseconds since 1970 UTC. The other
    fields are those of ``Draft``.
    """

    first: int
    count: int
    encoding: Encoding
    types: tuple[str, ...]
    received: int
    body: bytes
    origin: str = ""

    @property
    def end(self) -> int:
        """The offset behind the last event."""
        return self.first + self.count


class Event:
    """A CloudEvents 1.0 event.

    Subclass it to declare an event type: ``type`` is its name, a nested ``Data``
    (a ``msgspec.Struct``) its payload's schema, and ``execute`` what happens when it
    occurs; what ``execute`` takes beyond ``self`` is injected by annotation.

    ``data`` is the payload: a JSON value or an instance of ``Data``, ``str``, ``bytes``,
    or ``UNSET`` where the event has none (``None`` is an explicit JSON null).
    ``offset`` is the event's place in the journal, negative where it has none.
    """

    __slots__ = ("_attributes", "_origin", "data", "offset")

    _attributes: dict[str, AttributeValue]
    _origin: Origin

    def __init__(self, type: str | None = None, data: Any = UNSET, **attributes: AttributeValue) -> None:
        declared = self.__class__.type
        if type is None and isinstance(declared, str):
            type = declared
        self._attributes = attributes if type is None else {"type": type, **attributes}
        self.data = data
        self.offset = -1

    @classmethod
    def _lazy(cls, origin: Origin, data: Any, offset: int) -> Event:
        """Make an event whose attributes are built by ``origin`` when someone looks."""
        event = cls.__new__(cls)
        event._origin = origin
        event.data = data
        event.offset = offset
        return event

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """The context attributes, extensions among them; without ``specversion``."""
        try:
            return self._attributes
        except AttributeError:
            self._attributes = self._origin.attributes(self.offset)
            return self._attributes

    def _text(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None

    #: A subclass replaces ``type`` by the name of its type.
    type: Any = property(lambda self: self._text("type"), doc="What kind of event it is.")
    name = property(lambda self: self.type, doc="The same as ``type``.")
    id = property(lambda self: self._text("id"), doc="Unique for each event of one ``source``.")
    source = property(lambda self: self._text("source"), doc="A URI-reference: where it happened.")
    subject = property(lambda self: self._text("subject"), doc="What of the source it is about.")
    time = property(lambda self: self._text("time"), doc="When it happened, RFC 3339.")
    datacontenttype = property(lambda self: self._text("datacontenttype"), doc="The media type of ``data``.")
    dataschema = property(lambda self: self._text("dataschema"), doc="The URI of the schema of ``data``.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.attributes == other.attributes and bool(self.data == other.data)

    __hash__ = None  # type: ignore[assignment]  # events are mutable: not for sets and keys

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__} {self.type} id={self.id!r} offset={self.offset}>"


class Origin(Protocol):
    """Where the attributes of lazily built events come from."""

    def attributes(self, offset: int) -> dict[str, AttributeValue]:
        """The attributes of the event at ``offset``."""


class Batch:
    """Consecutive events that a handler gets together, decoded when it looks.

    ``fail`` puts one of them aside without the others: it is retried, then
    dead-lettered, as if it had been alone.
    """

    def __init__(
        self, count: int, load: Callable[[], Sequence[Event]], cut: Sequence[tuple[Block, Sequence[int]]] = ()
    ) -> None:
        self._count = count
        self._load = load
        #: The blocks that it is cut of and the indices that it has of each; empty where there are none.
        self.cut = cut
        self._events: Sequence[Event] | None = None
        self.failures: dict[int, BaseException] = {}

    @classmethod
    def of(cls, events: Sequence[Event]) -> Batch:
        """A batch of events that are decoded already."""
        return cls(len(events), lambda: events)

    @property
    def events(self) -> Sequence[Event]:
        """The events, in journal order within their ordering key."""
        if self._events is None:
            self._events = self._load()
        return self._events

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def fail(self, index: int, error: BaseException | str) -> None:
        """Say that the event at ``index`` could not be handled, and why; the others were.

        :raises IndexError: when the batch has no such event.
        """
        if not 0 <= index < self._count:
            raise IndexError(f"no event {index} in a batch of {self._count}")
        self.failures[index] = error if isinstance(error, BaseException) else RuntimeError(error)
