"""A lasting interest in one file descriptor.

A watch stays registered with epoll between two events, so that a busy connection costs no
``epoll_ctl`` at all. It does not read or write, and does not own its descriptor: whoever
closes the descriptor closes the watch first.
"""

from __future__ import annotations

import select
from collections.abc import Callable

__all__ = ["READABLE", "WRITABLE", "Ready", "Watch"]

#: What epoll may report when a read will not block: data, urgent data, the end, an error.
READABLE = select.EPOLLIN | select.EPOLLPRI | select.EPOLLHUP | select.EPOLLERR
#: What epoll may report when a write will not block.
WRITABLE = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR

#: Called with the events of epoll. It may be called when nothing is ready, and must not wait.
Ready = Callable[[int], None]


class Watch:
    """Calls ``on_ready`` while its descriptor is ready; made by ``Hub.watch``."""

    __slots__ = ("_epoll", "_mask", "_watches", "fd", "label", "on_ready")

    def __init__(
        self, epoll: select.epoll, watches: dict[int, Watch], fd: int, on_ready: Ready, label: str | None
    ) -> None:
        self._epoll = epoll
        self._watches = watches
        self._mask = 0
        self.fd = fd
        self.on_ready = on_ready
        #: Whom the stall clock names when a call takes too long.
        self.label = label

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self.fd < 0

    @property
    def readable(self) -> bool:
        """Whether it is called for input."""
        return bool(self._mask & select.EPOLLIN)

    def want(self, readable: bool, writable: bool = False) -> None:
        """Say what to be called for. With neither, the descriptor leaves epoll: a hang-up is not told either.

        A closed watch wants nothing.
        """
        mask = (select.EPOLLIN if readable else 0) | (select.EPOLLOUT if writable else 0)
        if mask != self._mask and self.fd >= 0:
            self._register(mask)
            self._mask = mask

    def close(self) -> None:
        """Call nobody any more. May be called twice, and before or after the descriptor is closed."""
        if self.fd < 0:
            return
        if self._watches.get(self.fd) is self:
            del self._watches[self.fd]
            self._unregister()
        self.fd = -1
        self._mask = 0

    def _register(self, mask: int) -> None:
        if not self._mask:
            self._add(mask)
        elif mask:
            self._epoll.modify(self.fd, mask)
        else:
            self._unregister()

    def _add(self, mask: int) -> None:
        try:
            self._epoll.register(self.fd, mask)
        except FileExistsError:
            # The number was closed behind our back, and the kernel still has its twin (a dup).
            self._epoll.modify(self.fd, mask)

    def _unregister(self) -> None:
        if not self._mask:
            return
        try:
            self._epoll.unregister(self.fd)
        except OSError:
            # Closed already: the kernel has forgotten it by itself.
            return
