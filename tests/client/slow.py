"""A server behind a slow network: it takes what it gets bit by bit, and says nothing meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from tests.client.peer import Peer

__all__ = ["SlowServer"]


class SlowServer:
    """Takes ``size`` bytes of one client in about a second and a half; ``done`` is when it has them."""

    size = 20_000_000

    def __init__(self) -> None:
        self.done = threading.Event()
        self._closing = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.getsockname()[1]}"

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._server.accept()
            with connection:
                connection.sendall(Peer().take(connection.recv(10_000)))
                self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        taken = 0
        while not self._closing.wait(0.005) and taken < self.size:
            taken += len(connection.recv(64 * 1024))
        self.done.set()
        while connection.recv(64 * 1024):
            pass

    def __enter__(self) -> SlowServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()
