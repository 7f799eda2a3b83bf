"""``python -m tests.support.storm PORT CERT STAYERS CHURNERS RATE SECONDS``: thousands that publish, come and go.

Each publishes now and then and awaits its ack. Churners are cut or closed, ``RATE`` a second, and
connect anew; stayers stay. At the end all are there again and have their acks. It writes ``up`` when all
are connected for the first time, and in the end what it saw, in JSON. Without a certificate (``-``)
connections are plain, else TLS.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import random
import resource
import selectors
import socket
import ssl
import statistics
import sys
import time
from collections import Counter

from tests.support.publishers import UPGRADE, frame

__all__ = ["Storm", "main"]

#: Seconds between two events of one connection, on average.
EVERY = 5.0
#: Connections under way at once when all come for the first time.
AT_ONCE = 200
#: Seconds for the last ones to come back and to have their acks.
CALM = 60.0
HELLO = UPGRADE % b"Sec-WebSocket-Protocol: eventd.v1.json\r\n"
ORDERLY = frame((1000).to_bytes(2, "big"), 8)
_RESET = b"\1\0\0\0\0\0\0\0"


class Client:
    """One connection after the other: ``connecting``, ``greeting`` (TLS and the upgrade), ``open``."""

    def __init__(self, number: int, *, stays: bool) -> None:
        self.number = number
        self.stays = stays
        self.state = "away"
        self.began = 0.0
        self.sent_at = 0.0
        self.events = 0
        #: Whether it has a time for its next event.
        self.planned = False
        self.socket: socket.socket
        self.held = b""


class Storm:
    """All of them, in one loop."""

    def __init__(self, port: int, context: ssl.SSLContext | None, stayers: int, churners: int) -> None:
        self._port = port
        self._context = context
        self._selector = selectors.EpollSelector()
        self.clients = [Client(number, stays=number < stayers) for number in range(stayers + churners)]
        self._churners = self.clients[stayers:]
        self._due: list[tuple[float, int]] = []
        #: How many are not there yet.
        self.under_way = 0
        self.counts: Counter[str] = Counter()
        #: Ids of events that were acknowledged.
        self.acked: list[str] = []
        self.took: list[float] = []
        self.connects: list[float] = []

    def gather(self) -> None:
        """All connect for the first time, some at once."""
        absent = list(reversed(self.clients))
        while absent or self.under_way:
            while absent and self.under_way < AT_ONCE:
                self._connect(absent.pop())
            self._turn(0.05)

    def rage(self, rate: float, seconds: float) -> None:
        """Publish, and have ``rate`` churners a second go and come."""
        began, gone = time.perf_counter(), 0
        while (now := time.perf_counter()) < began + seconds:
            while gone < (now - began) * rate:
                gone += 1
                self._churn(self._churners[gone % len(self._churners)], orderly=gone % 2 == 0)
            self._publish(now)
            self._turn(0.002)

    def calm(self) -> None:
        """Wait until all are there again and nobody waits for an ack."""
        end = time.perf_counter() + CALM
        while time.perf_counter() < end and (self.under_way or any(client.sent_at for client in self.clients)):
            self._turn(0.05)

    def told(self) -> dict[str, object]:
        """What was seen, and in ``acked`` which events; times in seconds."""
        parts = statistics.quantiles(self.took, n=100)
        comes = statistics.quantiles(self.connects, n=100)
        return {
            **self.counts, "acked": self.acked,
            "missing": self.under_way, "unanswered": sum(client.sent_at > 0 for client in self.clients),
            "ack_p50": parts[49], "ack_p99": parts[98], "connect_p50": comes[49], "connect_p99": comes[98],
        }  # fmt: skip

    def _connect(self, client: Client) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        client.socket, client.state, client.began, client.held = sock, "connecting", time.perf_counter(), b""
        self.under_way += 1
        with contextlib.suppress(BlockingIOError):
            sock.connect(("127.0.0.1", self._port))
        self._selector.register(sock, selectors.EVENT_WRITE, client)

    def _churn(self, client: Client, *, orderly: bool) -> None:
        if client.state != "open":
            self.counts["late"] += 1
            return
        self.counts["abandoned"] += client.sent_at > 0
        with contextlib.suppress(OSError):
            if orderly:
                client.socket.send(ORDERLY)
            else:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._leave(client)
        self._connect(client)

    def _leave(self, client: Client) -> None:
        self._selector.unregister(client.socket)
        client.socket.close()
        self.under_way -= client.state != "open"
        client.state, client.sent_at = "away", 0.0

    def _publish(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            client = self.clients[heapq.heappop(self._due)[1]]
            client.planned = False
            if client.state != "open" or client.sent_at:
                continue
            client.events += 1
            event = {"specversion": "1.0", "id": self._name(client), "source": "/", "type": "storm"}
            message = {"op": "publish", "id": client.events, "events": [event]}
            client.sent_at = now
            self.counts["published"] += 1
            with contextlib.suppress(OSError):
                client.socket.send(frame(json.dumps(message).encode()))

    def _name(self, client: Client) -> str:
        return f"{self._port}-{client.number}-{client.events}"

    def _plan(self, client: Client, at: float) -> None:
        """Have it publish then; one that came back may have a time already."""
        if not client.planned:
            client.planned = True
            heapq.heappush(self._due, (at, client.number))

    def _turn(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            client = key.data
            if key.fileobj is client.socket:
                try:
                    self._go_on(client)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                    continue
                except OSError as error:
                    self._lost(client, error)

    def _go_on(self, client: Client) -> None:
        if client.state == "connecting":
            self._connected(client)
        if client.state == "greeting" and isinstance(client.socket, ssl.SSLSocket):
            client.socket.do_handshake()
        if client.state == "greeting" and not client.held:
            client.socket.sendall(HELLO)
            client.held = b" "
        data = client.socket.recv(4096)
        if not data:
            raise ConnectionResetError("closed by the daemon")
        if client.state == "greeting":
            self._greeted(client, data)
        else:
            self._answered(client, data)

    def _connected(self, client: Client) -> None:
        if error := client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "connect")
        self._selector.unregister(client.socket)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            client.socket = self._context.wrap_socket(client.socket, do_handshake_on_connect=False)
        client.state = "greeting"
        self._selector.register(client.socket, selectors.EVENT_READ, client)

    def _greeted(self, client: Client, data: bytes) -> None:
        client.held += data
        if b"\r\n\r\n" not in client.held:
            return
        if not client.held.startswith(b" HTTP/1.1 101"):
            raise ConnectionRefusedError(client.held[:60].decode())
        now = time.perf_counter()
        client.state, client.held = "open", b""
        self.under_way -= 1
        self.counts["connected"] += 1
        self.connects.append(now - client.began)
        self._plan(client, now + random.uniform(0.0, 2 * EVERY))

    def _answered(self, client: Client, data: bytes) -> None:
        client.held += data
        if len(client.held) < 2 or len(client.held) < 2 + client.held[1]:
            return
        message = json.loads(client.held[2:])
        client.held = b""
        if (message["op"], message["id"]) != ("ack", client.events):
            raise AssertionError(message)
        now = time.perf_counter()
        self.acked.append(self._name(client))
        if client.stays:
            self.took.append(now - client.sent_at)
        client.sent_at = 0.0
        self._plan(client, now + random.uniform(0.5, 1.5) * EVERY)

    def _lost(self, client: Client, error: OSError) -> None:
        """The daemon, or the kernel, ended it: one that was open should not have been."""
        self.counts["dropped" if client.state == "open" else "turned_away"] += 1
        self.counts[f"because {error}"[:80]] += 1
        self._leave(client)
        self._connect(client)


def say(line: str) -> None:
    """Tell who started it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(port: str, cert: str, stayers: str, churners: str, rate: str, seconds: str) -> None:
    """Have it rage."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = None if cert == "-" else ssl.create_default_context(cafile=cert)
    if context is not None:
        context.check_hostname = False
    storm = Storm(int(port), context, int(stayers), int(churners))
    storm.gather()
    say("up")
    sys.stdin.readline()
    storm.rage(float(rate), float(seconds))
    storm.calm()
    say(json.dumps(storm.told()))


if __name__ == "__main__":
    main(*sys.argv[1:])
