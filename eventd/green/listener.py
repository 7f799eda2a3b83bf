"""Opens the sockets that wait for peers. Accepting is ``Acceptor``'s work."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Mapping

from eventd.green.address import Address

__all__ = ["listen", "listen_datagram"]

#: Connections that wait to be accepted: a whole fleet that reconnects in the same second. Linux takes no more by
#: default (net.core.somaxconn). Who finds it full tries again after 1, 2, 4, … s: late by half a minute in a storm.
BACKLOG = 4096
#: Takes the rights of others away, so that a unix socket is made with mode 0660.
UNIX_UMASK = 0o117

Inherited = Mapping[str, socket.socket]


def listen(address: Address, backlog: int = BACKLOG, inherited: Inherited | None = None) -> socket.socket:
    """A listening, non-blocking socket. Two listeners never share an address (no SO_REUSEPORT).

    :param inherited: sockets handed over by who started us, by name, for addresses ``fd:NAME``.
    :raises OSError: when the address cannot be had.
    """
    if address.kind == "fd":
        return _inherited(address, inherited or {})
    if address.kind == "unix":
        return _listen_unix(address.name, backlog)
    sock = _bound(address, socket.SOCK_STREAM)
    sock.listen(backlog)
    return sock


def listen_datagram(address: Address) -> socket.socket:
    """A bound, non-blocking UDP socket.

    :raises OSError: when the address cannot be had.
    """
    return _bound(address, socket.SOCK_DGRAM)


def _bound(address: Address, kind: socket.SocketKind) -> socket.socket:
    family, _, proto, _, name = socket.getaddrinfo(
        address.host, address.port, type=kind, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, proto)
    try:
        if kind == socket.SOCK_STREAM:
            # A restart must not wait for the old connections' last minute. It lets nobody share the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] and 0.0.0.0 are two listeners, on every system.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(name)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"{address}: {os.strerror(error.errno or 0)}") from error
    sock.setblocking(False)
    return sock


def _inherited(address: Address, inherited: Inherited) -> socket.socket:
    sock = inherited.get(address.name)
    if sock is None:
        names = ", ".join(sorted(inherited)) or "none"
        raise OSError(errno.ENOENT, f"{address}: no such inherited socket (there are: {names})")
    sock.setblocking(False)
    return sock


def _listen_unix(path: str, backlog: int) -> socket.socket:
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(UNIX_UMASK)
    try:
        sock.bind(path)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"unix:{path}: {os.strerror(error.errno or 0)}") from error
    finally:
        os.umask(before)
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    """Take away the socket file of a process that is gone; one that answers stays, and bind will say so."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            # Full, or not ours to ask: somebody is there.
            return
