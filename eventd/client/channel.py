"""A connected socket that never makes its thread wait, with or without TLS.

TLS is a filter between memory and the socket, as it is in the daemon: so there is one
way to read and write, and no half-written record when the socket is full.
"""

from __future__ import annotations

import socket
import ssl

__all__ = ["Channel", "TlsChannel"]

#: Bytes taken from the socket at once: several thousand events.
AT_ONCE = 1 << 18


class Channel:
    """Bytes to and from a non-blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._unsent = bytearray()

    @property
    def unsent(self) -> int:
        """Bytes that wait for the socket."""
        return len(self._unsent)

    @property
    def ready(self) -> bool:
        """Whether what is written reaches the other side as it is."""
        return True

    def receive(self) -> bytes | None:
        """What came; empty at the end of the stream, ``None`` where nothing is there.

        :raises OSError: when the connection is broken.
        """
        try:
            return self.socket.recv(AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return None

    def send(self, data: bytes = b"") -> None:
        """Send what the socket takes, and keep the rest.

        :raises OSError: when the connection is broken.
        """
        if not self._unsent:
            data = data[self._push(data) :]
        self._unsent += data
        if self._unsent:
            del self._unsent[: self._push(self._unsent)]

    def close(self) -> None:
        """Close the socket; what was not sent is dropped."""
        self.socket.close()

    def _push(self, data: bytes | bytearray) -> int:
        try:
            return self.socket.send(data) if data else 0
        except (BlockingIOError, InterruptedError):
            return 0


class TlsChannel(Channel):
    """The same, enciphered. The handshake goes on with each ``receive``.

    All methods that move bytes raise ``ssl.SSLError``, an ``OSError``, when the other side breaks TLS.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, hostname: str) -> None:
        super().__init__(sock)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self._agreed = False
        self._early = b""
        self._shake_hands()

    @property
    def ready(self) -> bool:
        """Whether the handshake is done."""
        return self._agreed

    def receive(self) -> bytes | None:
        """What came, deciphered; ``None`` where there is nothing yet."""
        data = super().receive()
        if data is None:
            return None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        if not self._agreed:
            self._shake_hands()
        plain = self._decipher() if self._agreed else b""
        try:
            self._flush()
        except OSError:
            # The other side is gone, and the farewell that TLS wants has no reader; what it said before counts.
            return plain
        return plain or (None if data else b"")

    def send(self, data: bytes = b"") -> None:
        """Encipher and send; before the handshake is done, keep."""
        if self._agreed:
            if data:
                self._tls.write(data)
        else:
            self._early += data
        self._flush()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        else:
            self._agreed = True
            early, self._early = self._early, b""
            if early:
                self._tls.write(early)
        self._flush()

    def _decipher(self) -> bytes:
        plain = []
        try:
            while piece := self._tls.read(AT_ONCE):
                plain.append(piece)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        return b"".join(plain)

    def _flush(self) -> None:
        super().send(self._outgoing.read())
