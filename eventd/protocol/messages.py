"""An HTTP request and its response, as listeners and plugins see them.

They know nothing of the connection: ``eventd.protocol.http`` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["Request", "Response"]


class Request(msgspec.Struct, kw_only=True):
    """One complete HTTP request.

    ``path`` is decoded, ``target`` is what was sent. Header names are in lower case.
    ``body`` is inflated where it came compressed. ``client`` is the peer's address,
    as far as the listener knows it.
    """

    method: str
    path: str
    target: str
    query: dict[str, list[str]] = {}
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    #: It asks for a WebSocket.
    upgrade: bool = False
    keep_alive: bool = True
    client: str | None = None

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first header called ``name``, in any case."""
        name = name.lower()
        return next((value for key, value in self.headers if key == name), default)

    def argument(self, name: str, default: str | None = None) -> str | None:
        """The last value of ``name`` in the query."""
        values = self.query.get(name)
        return values[-1] if values else default


class Response(msgspec.Struct):
    """An answer. A ``str`` body is sent as UTF-8 text unless ``headers`` say what it is."""

    status: int = 200
    body: bytes | str = b""
    headers: Sequence[tuple[str, str]] = ()
