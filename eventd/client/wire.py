"""The thread that does a client's input and output: it connects, moves bytes, and comes back.

It holds the client's lock while it is in the session, and never while it waits.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterator

from eventd.client.address import Address
from eventd.client.channel import Channel, TlsChannel
from eventd.client.conversation import ENOUGH_UNSENT
from eventd.client.ends import CLOSING, End, end_of
from eventd.client.options import Options
from eventd.client.session import Session
from eventd.client.teller import Teller

__all__ = ["Wire"]

#: Seconds that a farewell may take.
FAREWELL = 1.0

log = logging.getLogger("eventd.client")


class Wire:
    """One thread, and whichever connection it has.

    :param lock: held by whoever is in the session.
    """

    def __init__(self, session: Session, lock: threading.Lock, address: Address, options: Options) -> None:
        self._session = session
        self._lock = lock
        self._address = address
        self._options = options
        self._context = options.tls
        self._teller: Teller | None = None
        self._stopping = False
        self._woken = False
        self._doorbell, self._bell = socket.socketpair()
        self._doorbell.setblocking(False)
        self._bell.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._doorbell, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="eventd-client", daemon=True)

    def start(self) -> None:
        """Connect, in the background."""
        if self._options.on_state is not None:
            self._teller = Teller(self._options.on_state)
        self._thread.start()

    def wake(self) -> None:
        """There is something to send, or to do at another time than before."""
        if not self._woken:
            self._woken = True
            try:
                self._bell.send(b"!")
            except OSError:  # it is closed, or there are rings enough
                pass

    def stop(self, timeout: float) -> bool:
        """Send what is left, and end; false when that takes longer than ``timeout`` seconds."""
        self._stopping = True
        self._woken = False
        self.wake()
        deadline = time.monotonic() + timeout
        self._thread.join(timeout)
        if self._teller is not None:
            self._teller.close(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping:
                pause = self._lost(self._connection())
                self._tell()
                if not self._stopping:
                    self._rest(time.monotonic() + pause)
        finally:
            self._selector.close()
            self._doorbell.close()
            self._bell.close()

    def _connection(self) -> End:
        """Hold one connection to its end."""
        channel: Channel | None = None
        try:
            channel = self._connect()
            if channel is None:
                return CLOSING
            return self._serve(channel)
        except OSError as error:
            return self._session.end or end_of(error)
        except Exception as error:
            # Whatever it is, a client whose thread has ended would wait for ever.
            log.exception("a fault in the client")
            return End(f"a fault in the client: {error!r}", lasting=True)
        finally:
            if channel is not None:
                self._close(channel)

    def _lost(self, end: End) -> float:
        with self._lock:
            return self._session.lost(CLOSING if self._stopping else end, time.monotonic())

    def _rest(self, until: float) -> None:
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self._wait(left)

    def _connect(self) -> Channel | None:
        """A connection to the first address that answers; none when the client is closing.

        :raises OSError: when no address answers.
        """
        failure: OSError = OSError("the host has no address")
        for family, target in self._targets():
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                if not self._reach(sock, target):
                    sock.close()
                    return None
                return self._channel(sock, family)
            except OSError as error:
                sock.close()
                failure = error
        raise failure

    def _targets(self) -> Iterator[tuple[int, object]]:
        if self._address.unix is not None:
            yield socket.AF_UNIX, self._address.unix
            return
        for host in self._address.hosts:
            for family, _, _, _, target in socket.getaddrinfo(host, self._address.port, type=socket.SOCK_STREAM):
                yield family, target

    def _reach(self, sock: socket.socket, target: object) -> bool:
        """Connect; false when the client is closing.

        :raises OSError: when it cannot be reached.
        """
        try:
            sock.connect(target)  # type: ignore[arg-type]  # what getaddrinfo gave
            return True
        except BlockingIOError:
            pass
        deadline = time.monotonic() + self._options.open_timeout
        self._selector.register(sock, selectors.EVENT_WRITE)
        try:
            while not self._stopping:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no connection within {self._options.open_timeout:g} s")
                if sock in self._wait(left):
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code:
                        raise OSError(code, os.strerror(code))
                    return True
        finally:
            self._selector.unregister(sock)
        return False

    def _channel(self, sock: socket.socket, family: int) -> Channel:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._address.tls:
            return Channel(sock)
        if self._context is None:
            self._context = ssl.create_default_context()
        return TlsChannel(sock, self._context, self._options.server_hostname or self._address.hostname)

    def _serve(self, channel: Channel) -> End:
        """Move bytes until one side has had enough."""
        session = self._session
        with self._lock:
            session.begin(time.monotonic())
        self._selector.register(channel.socket, selectors.EVENT_READ)
        interest = selectors.EVENT_READ
        while True:
            try:
                wait = self._send(channel)
            except OSError:
                self._hear_out(channel)
                raise
            if session.end is not None:
                return session.end
            if self._stopping:
                return self._leave(channel)
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if channel.unsent else 0)
            if wanted != interest:
                self._selector.modify(channel.socket, wanted)
                interest = wanted
            if channel.socket in self._wait(wait):
                self._receive(channel)

    def _send(self, channel: Channel) -> float | None:
        """Send what is there to be sent; return in how many seconds something is due."""
        while True:
            now = time.monotonic()
            with self._lock:
                self._session.tick(now)
                data = self._session.outgoing(now) if channel.unsent < ENOUGH_UNSENT else b""
                deadline = self._session.deadline
            before = channel.unsent
            channel.send(data)
            if before and channel.unsent < before + len(data):
                self._session.moved(now)
            if not data:
                return None if deadline is None else max(0.0, deadline - time.monotonic())

    def _receive(self, channel: Channel) -> None:
        data = channel.receive()
        if data is not None:
            with self._lock:
                self._session.receive(data, time.monotonic())
            self._tell()

    def _hear_out(self, channel: Channel) -> None:
        """The server reads no more: it may have said why."""
        try:
            while data := channel.receive():
                with self._lock:
                    self._session.receive(data, time.monotonic())
        except OSError:
            pass

    def _leave(self, channel: Channel) -> End:
        """Say farewell, and wait a moment for the answer: what a closed socket was sent is lost to its owner."""
        with self._lock:
            channel.send(self._session.farewell())
        deadline = time.monotonic() + FAREWELL
        while self._session.connected and self._session.end is None and (left := deadline - time.monotonic()) > 0:
            write = selectors.EVENT_WRITE if channel.unsent else 0
            self._selector.modify(channel.socket, selectors.EVENT_READ | write)
            if channel.socket in self._wait(left):
                channel.send()
                self._receive(channel)
        return CLOSING

    def _close(self, channel: Channel) -> None:
        if channel.socket in {key.fileobj for key in self._selector.get_map().values()}:
            self._selector.unregister(channel.socket)
        channel.close()

    def _wait(self, seconds: float | None) -> set[object]:
        """Wait for a socket, for ``wake``, or so many seconds; return the sockets that can go on."""
        ready: set[object] = {key.fileobj for key, _ in self._selector.select(seconds)}
        if self._doorbell in ready:
            try:
                while self._doorbell.recv(4096):
                    pass
            except BlockingIOError:
                pass
            # Only now: a ring that was taken with the others would never be heard, and no other one would come.
            self._woken = False
        return ready

    def _tell(self) -> None:
        with self._lock:
            states = self._session.states()
        if self._teller is not None:
            self._teller.tell(states)
