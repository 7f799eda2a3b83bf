"""What can go wrong for a program that uses a client.

    ClientFailure
    ├── Nacked            the daemon refused the events of a publish
    ├── Refused           the daemon refused a request, or ended a subscription
    ├── BufferFull        no room for more events, and not to be waited for
    ├── TimedOut          no answer in the time that the caller gave
    │   └── Disconnected      because there was no connection in that time
    ├── Closed            the client or the subscription was closed
    └── Gap               events of a subscription were missed that cannot be had any more

``ServerFault`` is not among them: it ends a connection, and the client comes back by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BufferFull",
    "ClientFailure",
    "Closed",
    "Disconnected",
    "Gap",
    "Nacked",
    "Refused",
    "ServerFault",
    "TimedOut",
    "Wrong",
]


class ClientFailure(Exception):
    """Base of all that a client raises on purpose."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one event of a publish: which one, from 0, and which attribute of it."""

    index: int
    attribute: str
    message: str

    def __str__(self) -> str:
        return f"{self.attribute}: {self.message}" if self.attribute else self.message


class Nacked(ClientFailure):
    """None of the events of a publish was taken; ``errors`` says why."""

    def __init__(self, errors: Sequence[Wrong]) -> None:
        super().__init__("; ".join(map(str, errors)) or "refused without a reason")
        self.errors = tuple(errors)


class Refused(ClientFailure):
    """The daemon refused a request or ended a subscription: ``code`` is a short word, ``message`` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message


class BufferFull(ClientFailure):
    """There is no room for these events."""


class TimedOut(ClientFailure):
    """The answer did not come in time; what was sent may still be stored."""


class Disconnected(TimedOut):
    """There was no connection in time; the message says why."""


class Closed(ClientFailure):
    """The client or the subscription was closed."""


class Gap(ClientFailure):
    """Events from offset ``start`` to before ``end`` were missed, each ``None`` where it is not known.

    ``end`` is where the subscription goes on, in the sequence that ``epoch`` names.
    """

    def __init__(self, start: int | None, end: int | None, epoch: str | int | None) -> None:
        super().__init__(f"events from {'?' if start is None else start} to {'?' if end is None else end} are gone")
        self.start = start
        self.end = end
        self.epoch = epoch


class ServerFault(Exception):
    """The server broke the protocol."""
