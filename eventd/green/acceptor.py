"""Accepts connections and outlives whatever comes with them.

A peer that resets before it is accepted costs nothing. When the process has no descriptor
left, one peer is turned away with the spare one, and accepting pauses; it goes on by itself.
What a connection then does is not its business.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import socket
from collections.abc import Callable
from typing import Any

from eventd.green.group import Group
from eventd.green.hub import hub
from eventd.green.timer import Timer

__all__ = ["Acceptor", "Datagram"]

log = logging.getLogger(__name__)

#: Accepts in one callback: a flood of connections leaves room for those that are there.
MOST_ACCEPTS = 64
#: Datagrams answered in one callback.
MOST_DATAGRAMS = 64
#: What the process or the system has too little of; waiting helps.
_SHORTAGE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
#: What ends accepting for good: the socket is not one that listens.
_FATAL = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK, errno.EOPNOTSUPP}


class Acceptor:
    """Calls ``on_accept(socket, address)``, on the hub, for each connection; it must not wait.

    The socket is non-blocking and belongs to ``on_accept``, which spawns its green thread.
    When ``on_accept`` raises, the socket is closed.

    :param group: names who accepts in the log.
    """

    def __init__(
        self, sock: socket.socket, on_accept: Callable[[socket.socket, object], None], group: Group
    ) -> None:
        self.accepted = 0
        #: Connections turned away for want of descriptors.
        self.shed = 0
        self._socket = sock
        self._on_accept = on_accept
        self._group = group
        self._spare = _open_spare()
        self._short = False
        self._pauses = 0
        self._timer: Timer | None = None
        sock.setblocking(False)
        self._watch = hub().watch(sock.fileno(), self._ready, label=f"accept {group.name}")

    def pause(self) -> None:
        """Accept no more until ``resume`` was called as often as this; peers wait in the backlog."""
        self._pauses += 1
        self._watch.want(False)

    def resume(self) -> None:
        """Take one pause back; without any, accept again, unless stopped."""
        self._pauses -= 1
        if not self._pauses and self._timer is None:
            self._watch.want(True)

    def stop(self) -> None:
        """Accept no more and close the listening socket."""
        if self._timer is not None:
            self._timer.cancel()
        self._watch.close()
        self._socket.close()
        self._close_spare()

    def _ready(self, _events: int) -> None:
        for _ in range(MOST_ACCEPTS):
            if self._pauses or self._watch.closed:
                return
            try:
                accepted, address = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if not self._go_on_after(error):
                    return
                continue
            self._short = False
            self._hand_over(accepted, address)

    def _hand_over(self, accepted: socket.socket, address: object) -> None:
        self.accepted += 1
        try:
            accepted.setblocking(False)
            if accepted.family != socket.AF_UNIX:
                # An ack is small and must not wait for the one before to be confirmed.
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._on_accept(accepted, address)
        except OSError:
            # Reset between accept and the first look at it.
            accepted.close()
        except BaseException:
            log.exception("%s: a connection could not be started", self._group.name)
            accepted.close()

    def _go_on_after(self, error: OSError) -> bool:
        if error.errno in _SHORTAGE:
            self._shortage(error)
            return False
        if error.errno in _FATAL:
            log.error("%s: accepting has ended: %s", self._group.name, error)
            self._watch.close()
            return False
        # ECONNABORTED and the network's errors belong to a connection that is gone already.
        return True

    def _shortage(self, error: OSError) -> None:
        if not self._short:
            self._short = True
            log.error("%s: cannot accept: %s; raise the limit of open files", self._group.name, error.strerror)
        self._shed_one()
        self._watch.want(False)
        # Jitter: several listeners short of descriptors should not all come back at once.
        self._timer = hub().call_later(random.uniform(0.1, 1.0), self._after_shortage)

    def _shed_one(self) -> None:
        """Take one connection with the spare descriptor and close it, so that its peer knows at once."""
        self._close_spare()
        try:
            turned_away, _ = self._socket.accept()
        except OSError:
            return
        finally:
            self._spare = _open_spare()
        self.shed += 1
        turned_away.close()
        if self._spare < 0:
            self._spare = _open_spare()

    def _after_shortage(self) -> None:
        self._timer = None
        if self._spare < 0:
            self._spare = _open_spare()
        if not self._pauses:
            self._watch.want(True)

    def _close_spare(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


class Datagram:
    """Calls ``on_datagram(data, address)``, on the hub; what it returns is sent back."""

    def __init__(self, sock: socket.socket, on_datagram: Callable[[bytes, object], bytes | None]) -> None:
        self._socket = sock
        self._on_datagram = on_datagram
        sock.setblocking(False)
        self._watch = hub().watch(sock.fileno(), self._ready, label="datagrams")

    def close(self) -> None:
        """Answer no more and close the socket."""
        self._watch.close()
        self._socket.close()

    def _ready(self, _events: int) -> None:
        for _ in range(MOST_DATAGRAMS):
            try:
                data, address = self._socket.recvfrom(65_535)
            except BlockingIOError:
                return
            except OSError:
                # The answer to an earlier datagram found nobody (ICMP); it says nothing about this socket.
                continue
            self._answer(data, address)

    def _answer(self, data: bytes, address: Any) -> None:
        try:
            answer = self._on_datagram(data, address)
            if answer is not None:
                self._socket.sendto(answer, address)
        except OSError:
            # A datagram may be lost; that is what datagrams are.
            return
        except Exception:
            log.exception("a datagram could not be answered")


def _open_spare() -> int:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1
