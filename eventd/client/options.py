"""How a client behaves: what both clients take beside the URL."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

__all__ = ["Choices", "Options", "StateCall", "WhenFull"]

WhenFull = Literal["wait", "raise", "drop_oldest"]

#: Called with ``"connected"`` and ``"disconnected"``.
StateCall = Callable[[str], object]


class Choices(TypedDict, total=False):
    """The fields of ``Options``, as keyword arguments."""

    format: Literal["json", "msgpack"]
    source: str | None
    window: int
    buffer: int
    when_full: WhenFull
    token: str | None
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    server_hostname: str | None
    open_timeout: float
    ping_interval: float
    ping_timeout: float
    on_state: StateCall | None


@dataclass(frozen=True, kw_only=True)
class Options:
    """Times are in seconds."""

    #: How messages are written: ``json`` or ``msgpack``.
    format: str = "json"
    #: The ``source`` of events that have none; this host and process by default.
    source: str | None = None
    #: Events that may be under way without an answer.
    window: int = 10_000
    #: Bytes of events that are kept until they are answered.
    buffer: int = 64 * 1024 * 1024
    #: What happens to a publish that finds the buffer full, while there is no connection.
    when_full: WhenFull = "wait"
    #: Sent as ``Authorization: Bearer``.
    token: str | None = None
    #: Sent with the opening handshake.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: For ``wss``; the default one checks the server's certificate.
    tls: ssl.SSLContext | None = None
    #: The name that the certificate is held against, where it is not the URL's.
    server_hostname: str | None = None
    #: For each address: until the connection is there, and the handshakes are done.
    open_timeout: float = 10.0
    #: Silence after which the server is asked whether it lives, and silence that it may then keep.
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    on_state: StateCall | None = None

    def __post_init__(self) -> None:
        if self.format not in ("json", "msgpack"):
            raise ValueError(f"format is 'json' or 'msgpack', not {self.format!r}")
        if self.when_full not in ("wait", "raise", "drop_oldest"):
            raise ValueError(f"when_full is 'wait', 'raise' or 'drop_oldest', not {self.when_full!r}")
        for name in ("window", "buffer", "open_timeout", "ping_interval", "ping_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0")
        for name, value in self.request_headers().items():
            if not (name + value).isascii() or not (name + value).isprintable():
                raise ValueError(f"header {name!r} has characters that no header may have")

    def request_headers(self) -> dict[str, str]:
        """What is sent with the opening handshake."""
        bearer = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return {**self.headers, **bearer}
