"""A connection that speaks the Forward protocol of Fluentd and Fluent Bit."""

from __future__ import annotations

from functools import partial

from eventd.errors import EventdError
from eventd.green import Stream, give_way
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from eventd.protocol.forward import Chunk, ForwardSession

__all__ = ["ForwardConnection"]


class ForwardConnection(Connection):
    """Takes chunks of events and acknowledges those that ask for it.

    A chunk that cannot be made durable now is not acknowledged and the connection is
    closed: the client keeps the chunk and sends it again (Forward protocol v1.5, "Response").
    """

    __slots__ = ("_session",)

    def __init__(self, door: Door, stream: Stream) -> None:
        super().__init__(door, stream)
        self._session = ForwardSession(door.limits, door.schemas, door.origin)

    def receive(self, data: bytes) -> None:
        """Take bytes, and every chunk that they complete."""
        for chunk in self._session.receive(data, give_way, self.grown):
            self.started = 0.0
            for reason, count in chunk.skipped.items():
                self.door.book.reject(self.door.name, reason, count)
            if chunk.draft is not None:
                self.spend(chunk.draft)
                self.unacknowledged += 1
                self.door.submit(chunk.draft, partial(self._outcome, chunk))
            elif chunk.ack is not None:
                self.stream.write(chunk.ack)
        held = self._session.buffered
        # The parser has a copy of its own.
        self.begin(held > 0, 2 * held)

    def _outcome(self, chunk: Chunk, first: int, error: EventdError | None) -> None:
        if error is not None:
            self.end(error)
        elif chunk.ack is not None:
            self.stream.write(chunk.ack)
        self.settle()
