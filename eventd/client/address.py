"""Where a client connects to, as a URL says it. It opens nothing."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from websockets.uri import WebSocketURI

__all__ = ["Address", "parse"]

#: What every machine calls itself (RFC 6761, 6.3): no resolver is asked.
LOOPBACK = ("127.0.0.1", "::1")

_HINT = "write ws://host:port/path, wss://host:port/path or unix:/path"


class Address(NamedTuple):
    """Where to connect: a TCP port on the first of ``hosts`` that answers, or a unix socket."""

    uri: WebSocketURI
    hosts: tuple[str, ...] = ()
    #: The path of a unix socket.
    unix: str | None = None

    @property
    def port(self) -> int:
        """The TCP port."""
        return self.uri.port

    @property
    def tls(self) -> bool:
        """Whether the connection is enciphered."""
        return self.uri.secure

    @property
    def hostname(self) -> str:
        """The name that the server's certificate is held against."""
        return self.uri.host

    def __str__(self) -> str:
        if self.unix is not None:
            return f"unix:{self.unix}"
        host = f"[{self.uri.host}]" if ":" in self.uri.host else self.uri.host
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}{self.uri.resource_name}"


def parse(url: str) -> Address:
    """Read the URL of a daemon.

    :raises ValueError: saying what is wrong and how it is written.
    """
    if url.startswith("unix:"):
        return _unix(url, url.removeprefix("unix:"))
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss"):
        raise ValueError(f"{url!r} is no address of eventd: {_HINT}")
    if not parts.hostname or parts.fragment:
        raise ValueError(f"{url!r} has {'a fragment' if parts.fragment else 'no host'}: {_HINT}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL is no place for a password: use token or headers")
    secure = parts.scheme == "wss"
    port = _port(url, parts)
    uri = WebSocketURI(secure, _ascii(url, parts.hostname), port or (443 if secure else 80), parts.path, parts.query)
    return Address(uri, hosts=LOOPBACK if _is_loopback(uri.host) else (uri.host,))


def _unix(url: str, path: str) -> Address:
    if not path.startswith("/"):
        raise ValueError(f"{url!r}: the path of a unix socket must begin with /")
    return Address(WebSocketURI(False, "localhost", 80, "/", ""), unix=path)


def _port(url: str, parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError(f"{url!r}: a port is a number up to 65535") from None


def _ascii(url: str, host: str) -> str:
    """A host name as the resolver and the headers take it."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise ValueError(f"{url!r}: {host!r} is no host name") from None


def _is_loopback(host: str) -> bool:
    name = host.removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")
