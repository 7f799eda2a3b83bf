"""TLS over a stream.

The handshake runs in the connection's own green thread, with a time limit, so that a
silent or hostile peer holds nobody else. Records are made in memory; the socket is the
plain stream's. Certificates are read once, into a context: a reload makes a new context.
"""

from __future__ import annotations

import logging
import ssl

from eventd.errors import MalformedInput, TooSlow
from eventd.green.hub import hub
from eventd.green.stream import Stream
from eventd.green.writer import WRITE_LIMIT

__all__ = ["TLSStream", "server_context"]

log = logging.getLogger(__name__)

#: Plain bytes taken at once: one full TLS record.
RECORD = 16_384
#: Records after which ``recv`` returns what it has.
MOST_RECORDS = 16


class TLSStream(Stream):
    """A stream whose bytes are enciphered. It takes the plain stream over; that one is not used again.

    Call ``handshake`` before ``recv``. What is written before the handshake is done waits for it.
    """

    __slots__ = ("_agreed", "_incoming", "_outgoing", "_plain", "_plain_size", "_tls")

    def __init__(
        self,
        stream: Stream,
        context: ssl.SSLContext,
        server_side: bool = True,
        *,
        server_hostname: str | None = None,
        write_limit: int = WRITE_LIMIT,
    ) -> None:
        super().__init__(stream._release(), write_limit=write_limit)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._agreed = False
        self._plain: list[bytes] | None = None
        self._plain_size = 0

    @property
    def version(self) -> str | None:
        """The protocol agreed on, such as ``TLSv1.3``."""
        return self._tls.version()

    @property
    def certificate(self) -> dict[str, object] | None:
        """The peer's certificate, checked; none where it was not asked for one."""
        return self._tls.getpeercert()  # type: ignore[return-value]  # typeshed splits the same dict in two shapes

    @property
    def buffered(self) -> int:
        """Bytes written and not yet sent, plain and enciphered."""
        return super().buffered + self._plain_size

    def handshake(self, timeout: float) -> None:
        """Agree on keys with the peer.

        :raises TooSlow: when it takes longer than ``timeout`` seconds.
        :raises MalformedInput: when the peer goes, speaks no TLS or has no certificate that we trust.
        """
        late: list[bool] = []

        def give_up() -> None:
            late.append(True)
            self.end_input()

        timer = hub().call_later(timeout, give_up)
        try:
            while not self._step():
                if not self._feed():
                    raise self._unfinished(bool(late), timeout)
        finally:
            timer.cancel()
        self._agreed = True
        self._seal()

    def recv(self) -> bytes:
        """Wait for bytes and return them; ``b""`` at the end, and after bytes that are no TLS."""
        while not (self._ended and self.broken):
            data = self._decipher()
            if data is not None:
                return data
            if not self._feed():
                break
        return b""

    def write(self, data: bytes) -> None:
        """Encipher and send ``data`` at the end of this pass, with all else that was written by then."""
        if self.broken or not data:
            return
        if self._plain is None:
            self._plain = [data]
            self._hub.call_soon(self._seal)
        else:
            self._plain.append(data)
        self._plain_size += len(data)
        if self.buffered > self._limit:
            self._tell_over()

    def close(self) -> None:
        """Send what can be sent, say that this is the end (close_notify), and close."""
        if not self.broken and self._agreed:
            self._seal()
            try:
                self._tls.unwrap()
            except (ssl.SSLError, ValueError):
                # The peer has not answered with its own: we do not wait for that.
                log.debug("closed before the peer's close_notify")
            self._push()
        super().close()

    def _step(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._push()
            return False
        except (ssl.SSLError, ValueError) as error:
            # The alert that tells the peer why is in the outgoing bytes.
            self._push()
            self._flush()
            raise MalformedInput(f"TLS handshake failed: {_reason(error)}", reason="tls_handshake") from error
        self._push()
        return True

    @staticmethod
    def _unfinished(late: bool, timeout: float) -> TooSlow | MalformedInput:
        if late:
            return TooSlow(f"TLS handshake not done after {timeout:g} s", reason="tls_handshake")
        return MalformedInput("the peer closed during the TLS handshake", reason="tls_handshake")

    def _feed(self) -> bool:
        raw = self._take()
        if raw:
            self._incoming.write(raw)
        return bool(raw)

    def _decipher(self) -> bytes | None:
        """What has come in whole records; none when more bytes are needed."""
        parts: list[bytes] = []
        try:
            while len(parts) < MOST_RECORDS and (part := self._tls.read(RECORD)):
                parts.append(part)
        except ssl.SSLWantReadError:
            # Answers of TLS itself, such as to a key update.
            self._push()
            return b"".join(parts) or None
        except (ssl.SSLError, ValueError):
            # The peer's close_notify, or bytes that are no TLS: either way the end.
            self._ended = True
        return b"".join(parts)

    def _seal(self) -> None:
        if self.broken or not self._agreed or not self._plain:
            return
        data, self._plain, self._plain_size = b"".join(self._plain), None, 0
        try:
            self._tls.write(data)
        except (ssl.SSLError, ValueError) as error:
            log.info("%s: TLS cannot be written: %s", self.peer, _reason(error))
            self._lose()
            return
        self._push()

    def _push(self) -> None:
        if self._outgoing.pending:
            super().write(self._outgoing.read())

    def _lose_output(self) -> None:
        self._plain, self._plain_size = None, 0
        super()._lose_output()


def server_context(cert: str, key: str, client_ca: str | None = None) -> ssl.SSLContext:
    """A context for listeners: TLS 1.2 and newer, no renegotiation.

    :param client_ca: a file of authorities; clients must then have a certificate of one of them.
    :raises OSError: when a file cannot be read or used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # One is enough to come back with; each takes a twentieth of a handshake's time.
    context.num_tickets = 1
    context.load_cert_chain(cert, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).replace("_", " ").lower()
