"""The listeners that the configuration names, and the unix socket for the commands.

The administration's socket is always there, in the run directory: who may open it is
decided by the directory's permissions. It is the last one to close: who stops a daemon wants to
know what it still does.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eventd import systemd
from eventd.config.options import Configuration, LimitOptions, ListenerOptions
from eventd.errors import ConfigurationError, Fault
from eventd.event import Draft
from eventd.formats import Schemas
from eventd.green import WRITE_LIMIT, Group, Signal, parse_address, server_context
from eventd.listen.connection import Connection
from eventd.listen.door import Book, Door, Submit
from eventd.listen.gate import Gate, Room
from eventd.listen.leave import dismiss
from eventd.listen.listener import Listener
from eventd.listen.rates import Rates
from eventd.listen.requests import Subscriptions
from eventd.listen.routes import Routes
from eventd.protocol.limits import Limits

__all__ = ["CONTROL", "Doors"]

log = logging.getLogger(__name__)

#: What helps against the usual reasons for which an address cannot be had.
HINTS = {
    errno.EADDRINUSE: " (another eventd? ss -ltnp tells who listens there)",
    errno.EACCES: " (ports below 1024 need systemd's sockets: bind = fd:NAME)",
}

#: The name of the administration's listener, and of its socket in the run directory.
CONTROL, CONTROL_SOCKET = "control", "eventd.sock"


class Doors:
    """All listeners, opened and closed together."""

    def __init__(
        self,
        configuration: Configuration,
        submit: Submit,
        book: Book,
        schemas: Schemas,
        routes: Routes,
        group: Group,
        volatile: Callable[[Draft], int] | None = None,
        subscriptions: Subscriptions | None = None,
    ) -> None:
        self._configuration = configuration
        self._submit = submit
        self._book = book
        self._schemas = schemas
        self._routes = routes
        self._group = group
        self._volatile = volatile
        self._subscriptions = subscriptions
        self._limits = _limits(configuration.limits)
        self._gate = Gate(
            configuration.limits.connections,
            configuration.limits.connections_per_address,
            configuration.limits.connection_rate,
        )
        self._window = configuration.limits.subscription_window
        self._room = Room(configuration.limits.unfinished_size)
        self._rates = Rates(
            connection_events=configuration.limits.connection_events,
            connection_bytes=configuration.limits.connection_bytes,
            user_events=configuration.limits.user_rate,
            user_bytes=configuration.limits.user_bytes,
        )
        self.listeners: list[Listener] = []
        self._administrators = Group(CONTROL)

    def open(self) -> None:
        """Bind and accept.

        :raises ConfigurationError: with every address and certificate that cannot be had.
        """
        inherited = systemd.listen_fds()
        faults: list[Fault] = []
        for name, options in self._configuration.listeners.items():
            with _faults(faults, f"[listener:{name}] {options.bind}"):
                self.listeners.append(self._listener(name, options, inherited))
        with _faults(faults, "[eventd] run_dir"):
            self.listeners.append(self._control())
        for name, sock in inherited.items():
            log.warning("no listener has bind = fd:%s, the socket of this name is closed", name)
            sock.close()
        if not faults:
            self._start(faults)
        if faults:
            raise ConfigurationError(faults)

    def leave(self, within: float, hurried: Signal) -> None:
        """Let no client in, and tell those who are in to go, few at once; those not told yet go on as before.

        :param within: seconds in which all are told. :param hurried: when it is set, all are told at once.
        """
        listeners = self._for_clients()
        for listener in listeners:
            listener.close()
        dismiss(_connections(listeners), within, hurried)

    def stop(self) -> None:
        """Let no client in; the connections that are open finish what they have read."""
        for listener in self._for_clients():
            listener.stop()

    def close(self, timeout: float) -> bool:
        """Let nobody in; whether the administration's connections ended in time."""
        for listener in self.listeners:
            if listener.door.name == CONTROL:
                listener.stop()
        return self._administrators.stop(timeout)

    def pressure(self, pressed: bool) -> None:
        """Stop reading at every door but the administration's, or go on: who asks why must have an answer."""
        for listener in self._for_clients():
            listener.door.pressure(pressed)

    def queues(self) -> list[tuple[str, int, int]]:
        """What is held of unfinished messages, and what waits to be sent: names, bytes, and how many there may be."""
        unsent = Counter[str]()
        most = Counter[str]()
        for connection in _connections(self.listeners):
            name, window = ("subscriptions", self._window) if connection.subscribed else ("answers", WRITE_LIMIT)
            unsent[name] += connection.stream.buffered
            most[name] += window
        rows = [(name, unsent[name], most[name]) for name in ("answers", "subscriptions")]
        return [("unfinished", self._room.used, self._room.most), *rows]

    @property
    def addresses(self) -> list[str]:
        """Where the listeners listen, those for everybody only."""
        return [listener.bound for listener in self._for_clients()]

    def _for_clients(self) -> list[Listener]:
        return [listener for listener in self.listeners if listener.door.name != CONTROL]

    def _start(self, faults: list[Fault]) -> None:
        for listener in self.listeners:
            with _faults(faults, f"[listener:{listener.door.name}] {listener.address}"):
                listener.start()

    def _listener(self, name: str, options: ListenerOptions, inherited: dict[str, socket.socket]) -> Listener:
        address = parse_address(options.bind)
        given = None
        if options.bind.startswith("fd:"):
            given = inherited.pop(options.bind.removeprefix("fd:"), None)
            if given is None:
                raise ValueError("no socket of this name was handed over")
            if not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise ValueError("the socket that was handed over does not listen")
        tls = None
        if options.tls_cert:
            tls = server_context(options.tls_cert, options.tls_key or options.tls_cert, options.tls_client_ca)
        return Listener(
            self._door(name, web_origins={origin.lower() for origin in options.origins}),
            address,
            options.protocol,
            self._group,
            self._routes,
            self._gate,
            tls=tls,
            handshakes=self._configuration.limits.handshakes,
            inherited=given,
        )

    def _control(self) -> Listener:
        path = Path(self._configuration.eventd.run_dir).absolute() / CONTROL_SOCKET
        # Whoever may open the socket may do anything: only the daemon's own user and group.
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        door = self._door(CONTROL, admin=True)
        return Listener(door, parse_address(f"unix:{path}"), "http", self._administrators, self._routes, Gate())

    def _door(self, name: str, *, admin: bool = False, web_origins: Collection[str] = ()) -> Door:
        limits = self._configuration.limits
        return Door(
            name,
            self._submit,
            self._book,
            self._limits,
            self._schemas,
            origin=f"//{self._configuration.eventd.node}/{name}",
            idle_timeout=limits.idle_timeout,
            handshake_timeout=limits.handshake_timeout,
            in_a_row=not self._configuration.journal.dedupe_window and self._volatile is None,
            volatile=self._volatile,
            durability="disk" if self._configuration.journal.fsync else "memory",
            admin=admin,
            web_origins=web_origins,
            room=self._room,
            rates=None if admin else self._rates,
            subscriptions=self._subscriptions,
            most_subscriptions=limits.subscriptions,
        )


def _connections(listeners: Iterable[Listener]) -> list[Connection]:
    return [connection for listener in listeners for connection in listener.connections]


@contextmanager
def _faults(faults: list[Fault], where: str) -> Iterator[None]:
    """Note what cannot be had and go on, so that the operator hears everything at once."""
    try:
        yield
    except (OSError, ValueError) as error:
        # ssl.SSLError is an OSError.
        told = f"{where}: {error.strerror or error}" if isinstance(error, OSError) else f"{where}: {error}"
        faults.append(Fault(told + HINTS.get(getattr(error, "errno", 0) or 0, "")))


def _limits(options: LimitOptions) -> Limits:
    return Limits(
        message_size=options.message_size,
        decompressed_size=options.decompressed_size,
        batch_events=options.batch_events,
        header_size=options.header_size,
    )
