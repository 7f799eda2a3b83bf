"""What a service tells systemd, and what systemd hands to it. Standard library only.

The protocol is a datagram of ``NAME=value`` lines (sd_notify(3)) and a few environment
variables (sd_listen_fds(3), sd_watchdog_enabled(3)). Outside of systemd nothing happens and
nothing is inherited. It decides nothing: when to tell what is the daemon's business.
"""

from __future__ import annotations

import logging
import os
import socket
import time

__all__ = ["listen_fds", "notify", "reloading", "watchdog_interval"]

log = logging.getLogger(__name__)

#: The first inherited descriptor; those before are standard input, output and error.
FIRST_FD = 3


def notify(**fields: object) -> bool:
    """Tell systemd ``fields``, such as ``notify(READY=1, STATUS="12 listeners")``.

    Names are written as given; a line end in a value would begin a new field and becomes a space.
    False when nobody asked to be told, or the message could not be delivered.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    lines = [f"{name}={' '.join(str(value).splitlines())}" for name, value in fields.items()]
    try:
        _send("\n".join(lines).encode(), address)
    except OSError as error:
        log.warning("systemd could not be told %s: %s", ", ".join(fields), error)
        return False
    return True


def reloading(**fields: object) -> bool:
    """Tell systemd that a reload begins; ``notify(READY=1)`` tells when it is done.

    ``Type=notify-reload`` waits for the pair, and only takes it with the time in the same message.
    """
    return notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, **fields)


def watchdog_interval() -> float | None:
    """Seconds within which ``notify(WATCHDOG=1)`` is expected; none when nobody watches this process.

    Tell twice as often.
    """
    usec = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / 1_000_000 or None


def listen_fds() -> dict[str, socket.socket]:
    """The sockets that were opened for this process, by the name of their socket unit.

    Take them once: the environment is cleaned, so that no child believes they are its own.
    Two without a name of their own are told apart by ``#2``, ``#3`` and so on.
    """
    variables = {name: os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    if variables["LISTEN_PID"] != str(os.getpid()) or not variables["LISTEN_FDS"].isdecimal():
        return {}
    names = variables["LISTEN_FDNAMES"].split(":")
    found: dict[str, socket.socket] = {}
    for index in range(int(variables["LISTEN_FDS"])):
        sock = _adopt(FIRST_FD + index)
        if sock is not None:
            found[_unique(names[index] if index < len(names) else "", found)] = sock
    return found


def _send(message: bytes, address: str) -> None:
    # "@name" is how the environment writes an abstract address, which begins with a zero byte.
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        # The loop must not wait for a busy service manager.
        sock.setblocking(False)
        sock.connect(target)
        sock.send(message)


def _adopt(fd: int) -> socket.socket | None:
    try:
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
    except OSError as error:
        log.warning("the inherited descriptor %d is no socket: %s", fd, error)
        return None
    # The flag is shared with the service manager's copy, which does not mind.
    sock.setblocking(False)
    return sock


def _unique(name: str, taken: dict[str, socket.socket]) -> str:
    name = name or "unknown"
    count, unique = 1, name
    while unique in taken:
        count += 1
        unique = f"{name}#{count}"
    return unique
