"""The task that holds an asyncio client's connections, one after the other."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from eventd.client.address import Address
from eventd.client.ends import CLOSING, End, end_of
from eventd.client.options import Options
from eventd.client.session import Session

__all__ = ["AioWire"]

#: Seconds that a farewell may take.
FAREWELL = 1.0

log = logging.getLogger("eventd.client")


class _Pipe(asyncio.Protocol):
    """Hands on what the event loop tells of one connection."""

    def __init__(self, received: Callable[[bytes], None], writable: Callable[[], None]) -> None:
        self._received = received
        self._writable = writable
        self.transport: asyncio.Transport | None = None
        self.full = False
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received(data)

    def eof_received(self) -> None:
        self._received(b"")

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._writable()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)


class AioWire:
    """Whichever connection there is. ``run`` is to be a task; all else is called in the same event loop."""

    def __init__(self, session: Session, address: Address, options: Options) -> None:
        self._session = session
        self._address = address
        self._options = options
        self._context = options.tls
        self._loop = asyncio.get_running_loop()
        self._pipe: _Pipe | None = None
        self._leaving = False
        #: Bytes that waited for the socket, the last time that this was looked at.
        self._waiting = 0
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Connect, and come back, until this is cancelled."""
        while True:
            end = CLOSING
            try:
                end = await self._connection()
            finally:
                pause = self._session.lost(CLOSING if self._leaving else end, self._loop.time())
                self._tell()
            await asyncio.sleep(pause)

    def wake(self) -> None:
        """There is something to send, or to do at another time than before."""
        if self._soon is None:
            self._soon = self._loop.call_soon(self._pump)

    async def farewell(self) -> None:
        """Send what is left, and wait a moment for the answer."""
        pipe = self._pipe
        if pipe is None or pipe.transport is None or not self._session.connected:
            return
        self._leaving = True
        pipe.transport.write(self._session.farewell())
        await asyncio.wait({pipe.lost}, timeout=FAREWELL)

    async def _connection(self) -> End:
        """Hold one connection to its end."""
        pipe: _Pipe | None = None
        try:
            pipe = await self._connect()
            self._pipe = pipe
            self._session.begin(self._loop.time())
            self._pump()
            error = await pipe.lost
        except OSError as failure:
            return end_of(failure)
        except Exception as failure:
            # Whatever it is, a client whose task has ended would wait for ever.
            log.exception("a fault in the client")
            return End(f"a fault in the client: {failure!r}", lasting=True)
        finally:
            self._drop(pipe)
        if isinstance(error, OSError):
            return self._session.end or end_of(error)
        return self._session.end or End(f"the connection was lost: {error}" if error else "the connection was lost")

    async def _connect(self) -> _Pipe:
        """A connection to the first address that answers.

        :raises OSError: when none does.
        """
        failure: OSError = OSError("the host has no address")
        for connect in self._attempts():
            try:
                async with asyncio.timeout(self._options.open_timeout):
                    return await connect()
            except ssl.SSLError:
                raise
            except TimeoutError:
                failure = TimeoutError(f"no connection within {self._options.open_timeout:g} s")
            except OSError as error:
                failure = error
        raise failure

    def _attempts(self) -> Iterator[Callable[[], Awaitable[_Pipe]]]:
        if self._address.unix is not None:
            yield partial(self._reach_unix, self._address.unix)
        for host in self._address.hosts:
            yield partial(self._reach, host)

    async def _reach(self, host: str) -> _Pipe:
        options: dict[str, Any] = {}
        if self._address.tls:
            self._context = self._context or ssl.create_default_context()
            name = self._options.server_hostname or self._address.hostname
            options = {"ssl": self._context, "server_hostname": name}
        _, pipe = await self._loop.create_connection(self._new_pipe, host, self._address.port, **options)
        return pipe

    async def _reach_unix(self, path: str) -> _Pipe:
        _, pipe = await self._loop.create_unix_connection(self._new_pipe, path)
        return pipe

    def _new_pipe(self) -> _Pipe:
        return _Pipe(self._received, self.wake)

    def _received(self, data: bytes) -> None:
        self._session.receive(data, self._loop.time())
        self._tell()
        self.wake()

    def _pump(self) -> None:
        """Do what is due, send what there is, and come back when the next thing is due."""
        self._soon = None
        pipe = self._pipe
        if pipe is None or pipe.transport is None:
            return
        try:
            self._send(pipe, pipe.transport)
        except Exception as failure:  # noqa: BLE001 - whoever waits for the connection gets and tells it
            pipe.connection_lost(failure)

    def _send(self, pipe: _Pipe, transport: asyncio.Transport) -> None:
        session, waiting = self._session, transport.get_write_buffer_size()
        if waiting < self._waiting:
            session.moved(self._loop.time())
        session.tick(self._loop.time())
        if session.end is not None:
            transport.abort()
            return
        while not pipe.full and (data := session.outgoing(self._loop.time())):
            transport.write(data)
        self._waiting = transport.get_write_buffer_size()
        if self._later is not None:
            self._later.cancel()
        deadline = session.deadline
        self._later = None if deadline is None else self._loop.call_at(deadline, self.wake)

    def _drop(self, pipe: _Pipe | None) -> None:
        self._pipe = None
        for handle in (self._soon, self._later):
            if handle is not None:
                handle.cancel()
        self._soon = self._later = None
        if pipe is not None and pipe.transport is not None:
            pipe.transport.abort()

    def _tell(self) -> None:
        """Call ``on_state``."""
        call = self._options.on_state
        for state in self._session.states():
            try:
                if call is not None:
                    call(state)
            except Exception:
                log.exception("on_state")
