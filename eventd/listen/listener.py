"""A listening socket, and the green threads of its connections."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable

from eventd.errors import ClientError, EventdError
from eventd.green import (
    Acceptor,
    Address,
    Datagram,
    Group,
    Signal,
    Stream,
    TLSStream,
    hub,
    listen,
    listen_datagram,
    parse_address,
    sleep,
)
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from eventd.listen.forward import ForwardConnection
from eventd.listen.gate import Gate, TooManyConnections
from eventd.listen.handshakes import Handshake, Handshakes
from eventd.listen.http import HTTPConnection
from eventd.listen.rates import Allowance
from eventd.listen.routes import Routes
from eventd.listen.usher import Usher
from eventd.listen.websocket import WebSocketConnection

__all__ = ["Listener"]

log = logging.getLogger(__name__)

#: Seconds between two looks at the connections' deadlines.
SWEEP_PERIOD = 1.0
#: Connections looked at before the others have their turn again.
SWEEP_STEP = 500


class Listener:
    """Accepts connections at ``address`` and serves each in a green thread of its own.

    :param protocol: ``http`` (with WebSocket on the same port) or ``forward``.
    :param tls: makes every connection TLS; the handshake is made in the connection's green thread.
    :param handshakes: TLS handshakes at once, above which it accepts nobody; 0 is no limit.
    :param inherited: a listening socket that somebody else opened (socket activation).
    """

    def __init__(
        self,
        door: Door,
        address: Address,
        protocol: str,
        group: Group,
        routes: Routes,
        gate: Gate,
        *,
        tls: ssl.SSLContext | None = None,
        handshakes: int = 0,
        inherited: socket.socket | None = None,
    ) -> None:
        self.door = door
        self.address = address
        self.protocol = protocol
        self.connections: set[Connection] = set()
        self._group = group
        self._routes = routes
        self._gate = gate
        self._label = f"{protocol} connection"
        self._stopped = Signal()
        #: The address as it was bound, with the port that the system chose for port 0.
        self.bound = str(address)
        self._tls = tls
        self._socket = inherited
        self._acceptor: Acceptor | None = None
        self._handshakes = Handshakes(handshakes, self._pause, self._resume)
        self._usher = Usher()
        self._heartbeat: Datagram | None = None
        self._serve: Callable[[Stream, Allowance | None], None]
        self._serve = {"http": self._serve_http, "forward": self._serve_forward}[protocol]

    def start(self) -> None:
        """Bind, listen and accept.

        :raises OSError: when the address cannot be had.
        """
        if self._socket is None:
            self._socket = listen(self.address)
        self.bound = _address_of(self._socket)
        self._acceptor = Acceptor(self._socket, self._accept, self._group)
        if self.protocol == "forward":
            self._start_heartbeat()
        self._group.spawn(f"sweep {self.door.name}", self._sweep)
        log.info("listener %s: %s at %s", self.door.name, self.protocol, self.bound)

    def close(self) -> None:
        """Accept no more; those who are in go on."""
        if self._acceptor is not None:
            self._acceptor.stop()
        self._usher.stop()
        if self._heartbeat is not None:
            self._heartbeat.close()

    def stop(self) -> None:
        """Accept no more, and let each connection finish what it has read."""
        self.close()
        self.door.stopping = True
        self._stopped.set()
        for connection in list(self.connections):
            connection.dismiss()
        # Those that hold wake up to find that it is over.
        self.door.open.set()

    def _accept(self, accepted: socket.socket, peer: object) -> None:
        address = str(peer[0]) if isinstance(peer, tuple) else "unix"
        try:
            self._gate.enter(address)
        except TooManyConnections as error:
            self.door.refuse(error, address)
            self._turn_away(accepted)
            return
        handshake = self._handshakes.begin() if self._tls is not None else None
        self._group.spawn(self._label, self._run, accepted, address, handshake)
        if delay := self._gate.delay(time.monotonic()):
            self._pause()
            hub().call_later(delay, self._resume)

    def _turn_away(self, accepted: socket.socket) -> None:
        if self.protocol == "http" and self._tls is None:
            self._usher.answer(accepted)
        else:
            accepted.close()

    def _pause(self) -> None:
        assert self._acceptor is not None
        self._acceptor.pause()

    def _resume(self) -> None:
        assert self._acceptor is not None
        self._acceptor.resume()

    def _run(self, accepted: socket.socket, address: str, handshake: Handshake | None) -> None:
        stream: Stream = Stream(accepted)
        # There are no users yet: a sender is its address.
        allowance = self.door.rates.enter(address)
        try:
            if self._tls is not None:
                stream = TLSStream(stream, self._tls)
                stream.handshake(self.door.handshake_timeout)
            if handshake is not None:
                handshake.end()
            self._serve(stream, allowance)
        except EventdError as error:
            self.door.refuse(error, stream.peer)
        finally:
            stream.close()
            if handshake is not None:
                handshake.end()
            self._gate.leave(address)
            if allowance is not None:
                self.door.rates.leave(allowance, time.monotonic())

    def _serve_forward(self, stream: Stream, allowance: Allowance | None) -> None:
        self._keep(ForwardConnection(self.door, stream), allowance)

    def _serve_http(self, stream: Stream, allowance: Allowance | None) -> None:
        upgraded, trailing = self._until_upgrade(stream, allowance)
        if upgraded is not None:
            self._keep(upgraded, allowance, trailing)

    def _until_upgrade(
        self, stream: Stream, allowance: Allowance | None
    ) -> tuple[WebSocketConnection | None, bytes]:
        # A function of its own, so that the HTTP session is gone while the WebSocket idles.
        connection = HTTPConnection(self.door, stream, self._routes)
        self._keep(connection, allowance)
        if connection.upgrade is None:
            return None, b""
        try:
            upgraded = WebSocketConnection.open(self.door, stream, connection.upgrade)
        except ClientError as error:
            connection.refuse(error)
            return None, b""
        return upgraded, connection.trailing()

    def _keep(self, connection: Connection, allowance: Allowance | None, data: bytes = b"") -> None:
        connection.allowance = allowance
        if self.door.stopping:
            # It came too late to be told by ``stop``.
            connection.dismiss()
        self.connections.add(connection)
        try:
            connection.serve(data)
        finally:
            self.connections.discard(connection)

    def _sweep(self) -> None:
        while not self._stopped.wait(SWEEP_PERIOD):
            # What came while the hub was busy is read before anyone is called late.
            sleep(0)
            now = time.monotonic()
            for looked, connection in enumerate(list(self.connections), 1):
                error = connection.late(now)
                if error is not None:
                    connection.end(error)
                if looked % SWEEP_STEP == 0:
                    sleep(0)

    def _start_heartbeat(self) -> None:
        # The same port as TCP's, also where the system chose it.
        assert self._socket is not None
        if self._socket.family != socket.AF_UNIX:
            self._heartbeat = Datagram(listen_datagram(parse_address(self.bound)), self._echo)

    def _echo(self, datagram: bytes, peer: object) -> bytes | None:
        # Forward protocol v1.5, "Heartbeat Message": one zero byte, echoed; nothing else is answered.
        # Nor is a sender at our own port: it would be another daemon, or we, called by a forged
        # address, and the two would answer each other for ever.
        ours = self.bound.rpartition(":")[2]
        if datagram != b"\0" or (isinstance(peer, tuple) and str(peer[1]) == ours):
            return None
        return b"\0"


def _address_of(bound: socket.socket) -> str:
    name = bound.getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
