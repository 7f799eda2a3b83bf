"""Where to listen, as an operator writes it. It opens nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Address", "parse_address"]

_TCP = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\[\]:/\s]*)):(?P<port>\d{1,5})")
_HINT = "write host:port, [v6]:port, unix:/path or fd:NAME"

#: Linux takes 108 bytes, with the one that ends it.
LONGEST_PATH = 107


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address, the path of a unix socket, or the name of an inherited socket."""

    kind: Literal["tcp", "unix", "fd"]
    host: str = ""
    port: int = 0
    #: The path of a unix socket, the name of an inherited one.
    name: str = ""

    def __str__(self) -> str:
        if self.kind != "tcp":
            return f"{self.kind}:{self.name}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read ``host:port``, ``[v6]:port``, ``unix:/path`` or ``fd:NAME``. An empty host is every interface.

    :raises ValueError: saying what is wrong and how it is written.
    """
    text = text.strip()
    kind, _, rest = text.partition(":")
    if kind == "unix":
        return _unix(text, rest)
    if kind == "fd":
        return _inherited(text, rest)
    match = _TCP.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no address: {_HINT}")
    port = int(match["port"])
    if port > 65_535:
        raise ValueError(f"{text!r}: a port is at most 65535")
    return Address("tcp", host=match["v6"] or match["host"] or "0.0.0.0", port=port)


def _unix(text: str, path: str) -> Address:
    if not path.startswith("/"):
        raise ValueError(f"{text!r}: the path of a unix socket must begin with /")
    if len(path.encode()) > LONGEST_PATH:
        raise ValueError(f"{text!r}: the path of a unix socket is at most {LONGEST_PATH} bytes long")
    return Address("unix", name=path)


def _inherited(text: str, name: str) -> Address:
    if not name or ":" in name or not name.isascii() or not name.isprintable():
        raise ValueError(f"{text!r}: after fd: comes the FileDescriptorName of a socket unit")
    return Address("fd", name=name)
