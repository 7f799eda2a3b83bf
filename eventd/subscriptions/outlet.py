"""What a subscription needs of the connection that it is for."""

from __future__ import annotations

from typing import Protocol

from eventd.protocol.native import Codec

__all__ = ["Outlet", "Writable"]


class Writable(Protocol):
    """The stream of the connection."""

    @property
    def buffered(self) -> int:
        """Bytes written and not yet sent."""

    @property
    def closed(self) -> bool:
        """Whether what is written is thrown away."""

    def write(self, data: bytes) -> None:
        """Send bytes; nobody waits."""

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all is sent; false where it cannot be, or was not in time."""


class Outlet(Protocol):
    """The connection, as far as a subscription knows it.

    ``deflate`` is the window of its compression in bits, 0 for none; ``number`` is unique
    while the daemon runs; ``client`` is the peer's address.
    """

    @property
    def stream(self) -> Writable: ...
    @property
    def codec(self) -> Codec: ...
    @property
    def deflate(self) -> int: ...
    @property
    def number(self) -> int: ...
    @property
    def client(self) -> str: ...

    def send(self, message: bytes) -> None:
        """Send one message of the native protocol."""
