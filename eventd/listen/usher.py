"""Turns peers away for whom there is no room, with a word where HTTP has one, and without a green thread for any."""

from __future__ import annotations

import random
import socket
from collections import deque

from eventd.green import hub

__all__ = ["LINGER", "MOST_LINGERING", "Usher"]

#: Seconds to come back after: whole ones by HTTP, and not the same for all.
SOONEST, LATEST = 2, 10
#: Seconds for which an answer may be read before its connection is closed: a close behind unread input is a
#: reset, and may take the answer with it.
LINGER = 1.0
#: Connections that are kept for that.
MOST_LINGERING = 256

_BODY = b'{"errors":[{"message":"too many connections"}],"hint":"come back after Retry-After seconds"}'
_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Usher:
    """Of one listener."""

    def __init__(self) -> None:
        self._lingering: deque[socket.socket] = deque()

    def answer(self, sock: socket.socket) -> None:
        """Tell a client of HTTP to come back later, before it has asked."""
        try:
            sock.send(_ANSWER % (random.randint(SOONEST, LATEST), len(_BODY), _BODY))
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            sock.close()
            return
        self._lingering.append(sock)
        if len(self._lingering) > MOST_LINGERING:
            self._lingering.popleft().close()
        hub().call_later(LINGER, sock.close)

    def stop(self) -> None:
        """Close those that are left."""
        while self._lingering:
            self._lingering.popleft().close()
