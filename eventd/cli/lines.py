"""Lines of JSON to events: what ``eventd send --lines`` reads, and how it gets to the daemon.

Lines go in batches, several under way at once. The daemon takes a batch whole or not at all:
one with a line that it refuses is sent again without that line, so that a wrong line costs
nobody but itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from eventd.client import Client, Nacked, Pending
from eventd.errors import EventdError
from eventd.formats.json_writer import encode
from eventd.formats.payloads import Fill
from eventd.formats.placed import OFFSET

__all__ = ["MOST_REFUSED", "Line", "Reader", "Sender", "TooManyRefused"]

#: Events in one message, and bytes of them at which it is full.
BATCH, BATCH_BYTES = 500, 256 * 1024
#: Batches under way.
UNDER_WAY = 16
#: Lines that may be refused before it is given up: the file is not what it was taken for.
MOST_REFUSED = 100


class TooManyRefused(EventdError):
    """So many lines were refused that the rest is not sent."""

    reason = "refused"


class Line(NamedTuple):
    """One event, and the number of the line that it came from."""

    number: int
    event: bytes


class _Head(msgspec.Struct, gc=False):
    """What an event must have to be sent as it is, and what it must not have."""

    specversion: Raw | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    source: Raw | UnsetType = UNSET
    time: Raw | UnsetType = UNSET
    eventdoffset: Raw | UnsetType = UNSET


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_any = msgspec.json.Decoder(Raw).decode
_decode_event = msgspec.json.Decoder(dict[str, Raw]).decode


class Reader:
    """Makes an event of each line.

    :param type: what each line is the data of; without it, each is an event of its own.
    :param refuse: told the number of a line that is none, and why.
    """

    def __init__(self, type: str | None, attributes: dict[str, Any], source: str, refuse: Callable[[int, str], object]):
        self._type = type
        self._attributes = attributes
        self._fill = Fill(source)
        self._refuse = refuse
        #: Bytes that were read.
        self.read = 0

    def events(self, lines: Iterable[bytes]) -> Iterator[Line]:
        """The events; blank lines are passed over."""
        for number, line in enumerate(lines, 1):
            self.read += len(line)
            text = line.strip()
            if not text:
                continue
            try:
                yield Line(number, self._event(text) if self._type is None else self._wrapped(text))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                self._refuse(number, f"not {'an event' if self._type is None else 'JSON'}: {error}")

    def _event(self, text: bytes) -> bytes:
        head = _decode_head(text)
        whole = head.eventdoffset is UNSET and UNSET not in (head.specversion, head.id, head.source, head.time)
        if whole and not self._attributes:
            return text
        event: dict[str, Any] = dict(_decode_event(text))
        # Its place in the journal that it came from, by tail or dump.
        event.pop(OFFSET, None)
        return msgspec.json.encode({**event, **self._fill.absent(event), **self._attributes})

    def _wrapped(self, text: bytes) -> bytes:
        event = {**self._attributes, "type": self._type}
        return encode({**event, **self._fill.absent(event)}, bytes(_decode_any(text)))


class Sender:
    """Sends events, batch after batch.

    :param refuse: told the number of a line that the daemon refuses, and why.
    """

    def __init__(self, client: Client, refuse: Callable[[int, str], object]) -> None:
        self._client = client
        self._refuse = refuse
        self._under_way: deque[tuple[list[Line], Pending]] = deque()
        #: Events that are durable.
        self.durable = 0

    def send(self, events: Iterable[Line], step: Callable[[], object]) -> None:
        """Send all; returns when they are durable or refused. ``step`` is called now and then.

        :raises ClientFailure: when the daemon cannot be had any more.
        """
        batch: list[Line] = []
        size = 0
        for line in events:
            batch.append(line)
            size += len(line.event)
            if len(batch) == BATCH or size >= BATCH_BYTES:
                self._hand_in(batch)
                batch, size = [], 0
                step()
        if batch:
            self._hand_in(batch)
        while self._under_way:
            self._settle()
            step()

    def _hand_in(self, batch: list[Line]) -> None:
        while len(self._under_way) >= UNDER_WAY:
            self._settle()
        self._under_way.append((batch, self._client.send([line.event for line in batch])))

    def _settle(self) -> None:
        """Wait for the oldest batch; what is wrong in it goes out, and the rest again."""
        batch, pending = self._under_way.popleft()
        while batch:
            try:
                pending.result()
            except Nacked as error:
                wrong = error.errors[0]
                self._refuse(batch.pop(wrong.index).number, str(wrong))
                if batch:
                    pending = self._client.send([line.event for line in batch])
                continue
            self.durable += len(batch)
            return
