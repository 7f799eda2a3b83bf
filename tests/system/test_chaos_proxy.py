"""The network of the chaos test really fails: each fault, seen from both ends of a connection."""

from __future__ import annotations

import errno
import random
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.support.chaos import KINDS, ChaosProxy
from tests.support.chaos_link import Frames, close, cut, lag, stall, trickle
from tests.support.wait import SCALE, until

#: Seconds that are long beside what loopback takes.
LONG = 0.3
PATIENCE = 5.0 * SCALE

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


class Ends:
    """The two ends of one connection through the proxy."""

    def __init__(self, proxy: ChaosProxy, server: socket.socket) -> None:
        self.proxy = proxy
        self.client = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
        self.server, _ = server.accept()
        for end in (self.client, self.server):
            end.settimeout(PATIENCE)

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.settimeout(PATIENCE)
        yield sock


@pytest.fixture
def proxy(server: socket.socket) -> Iterator[ChaosProxy]:
    """A proxy before it."""
    with ChaosProxy(server.getsockname()[1]) as running:
        yield running


@pytest.fixture
def ends(proxy: ChaosProxy, server: socket.socket) -> Iterator[Ends]:
    """A connection through it."""
    both = Ends(proxy, server)
    yield both
    both.close()


def frame(payload: bytes, masked: bool = False) -> bytes:
    size = len(payload)
    first = size if size < 126 else 126 if size < 65536 else 127
    wide = b"" if size < 126 else size.to_bytes(2 if size < 65536 else 8, "big")
    return bytes((0x81, first | (0x80 if masked else 0))) + wide + (b"mask" if masked else b"") + payload


def receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := sock.recv(size - len(data))):
        data += more
    return data


def everything(sock: socket.socket) -> tuple[bytes, str]:
    """What comes until the end, and which end that is."""
    data = b""
    try:
        while more := sock.recv(65536):
            data += more
    except ConnectionResetError:
        return data, "reset"
    return data, "closed"


def silent(sock: socket.socket, seconds: float) -> bool:
    """Whether nothing comes for so long, an end neither."""
    sock.settimeout(seconds)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(PATIENCE)
    return False


def test_bytes_pass_unchanged_and_in_order_in_both_directions(ends: Ends) -> None:
    data = HEAD + frame(random.Random(1).randbytes(3_000_000))
    answers: list[bytes] = []
    reader = threading.Thread(target=lambda: answers.append(receive(ends.server, len(data))))
    reader.start()
    ends.client.sendall(data)
    reader.join(PATIENCE)
    ends.server.sendall(b"seen")

    assert answers == [data]
    assert receive(ends.client, 4) == b"seen"


def test_the_end_of_one_side_reaches_the_other_behind_the_last_byte(ends: Ends) -> None:
    ends.client.sendall(b"last")
    ends.client.shutdown(socket.SHUT_WR)

    assert everything(ends.server) == (b"last", "closed")
    ends.server.sendall(b"answer")
    ends.server.close()
    assert everything(ends.client) == (b"answer", "closed")
    until(lambda: ends.proxy.links == 0)


@pytest.mark.parametrize("size", [5, 200, 70_000])
@pytest.mark.parametrize("masked", [False, True])
def test_frames_are_followed_wherever_they_are_torn_apart(size: int, masked: bool) -> None:
    stream = HEAD + frame(bytes(size), masked) * 2
    borders = {len(HEAD), len(HEAD) + len(frame(bytes(size), masked)), len(stream)}
    chance = random.Random(size)
    for _ in range(20):
        frames, at = Frames(), 0
        while at < len(stream):
            step = chance.randint(1, len(stream))
            frames.feed(stream[at : at + step])
            at = min(at + step, len(stream))
            assert frames.inside == (at not in borders)


def test_lag_makes_bytes_late_and_keeps_their_order(ends: Ends) -> None:
    ends.proxy.inflict(partial(lag, seconds=LONG / 3))
    late = []
    for number in range(10):
        began = time.monotonic()
        ends.client.sendall(bytes([number]))
        assert receive(ends.server, 1) == bytes([number])
        late.append(time.monotonic() - began)

    assert max(late) > LONG / 6
    ends.client.sendall(bytes(range(100)))
    ends.client.sendall(bytes(range(100, 200)))
    assert receive(ends.server, 200) == bytes(range(200))


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_delivers_part_of_a_frame_and_ends_both_sides(ends: Ends, way: str, reset: bool) -> None:
    source, sink = (ends.client, ends.server) if way == "up" else (ends.server, ends.client)
    source.sendall(HEAD + frame(b"whole"))
    assert receive(sink, len(HEAD) + 7) == HEAD + frame(b"whole")
    happened = threading.Event()
    ends.proxy.inflict(partial(cut, way=way, done=happened.set, reset=reset))
    assert silent(sink, LONG / 10)
    source.sendall(frame(b"torn") * 3)

    got, end = everything(sink)
    assert happened.is_set()
    assert got == (frame(b"torn") * 3)[: len(got)]
    assert len(got) % len(frame(b"torn"))
    assert end == ("reset" if reset else "closed")
    assert everything(source)[0] == b""


@pytest.mark.parametrize("ways", ["up", "down", "up down"])
def test_a_half_open_connection_is_silent_and_tells_nobody(ends: Ends, ways: str) -> None:
    ends.proxy.inflict(partial(stall, ways=ways, reset_after=None))
    ends.client.sendall(b"ping")
    ends.server.sendall(b"pong")

    if "up" in ways:
        assert silent(ends.server, LONG)
    else:
        assert receive(ends.server, 4) == b"ping"
    if "down" in ways:
        assert silent(ends.client, LONG)
    else:
        assert receive(ends.client, 4) == b"pong"
    if ways == "up down":
        ends.client.close()
        assert silent(ends.server, LONG)


def test_a_half_open_connection_may_be_reset_later(ends: Ends) -> None:
    began = time.monotonic()
    ends.proxy.inflict(partial(stall, ways="up down", reset_after=LONG))
    ends.client.sendall(b"lost")

    assert everything(ends.server) == (b"", "reset")
    assert everything(ends.client) == (b"", "reset")
    assert time.monotonic() - began >= LONG


def test_of_a_late_end_one_side_hears_at_once_and_the_other_after_all_that_still_came(ends: Ends) -> None:
    ends.proxy.inflict(partial(close, way="down", late=LONG, hold=False))
    began = time.monotonic()

    assert everything(ends.client) == (b"", "closed")
    ends.client.sendall(b"still ")
    assert receive(ends.server, 6) == b"still "
    ends.client.sendall(b"here")
    assert everything(ends.server) == (b"here", "closed")
    assert time.monotonic() - began >= LONG * 0.9


def test_an_early_end_overtakes_what_was_sent_before_it(ends: Ends) -> None:
    ends.proxy.inflict(partial(close, way="up", late=LONG, hold=True))
    ends.server.sendall(b"under way")

    assert everything(ends.server) == (b"", "closed")
    assert silent(ends.client, LONG / 10)
    assert everything(ends.client) == (b"under way", "closed")


def test_a_trickle_lets_few_bytes_through_and_then_all(ends: Ends) -> None:
    ends.proxy.inflict(partial(trickle, seconds=LONG))
    ends.client.sendall(bytes(100_000))
    pieces = [len(ends.server.recv(65536)) for _ in range(10)]

    assert max(pieces) <= 16 * 10
    assert sum(pieces) + len(receive(ends.server, 100_000 - sum(pieces))) == 100_000


def test_connects_are_refused_for_a_while_and_the_port_is_kept(ends: Ends) -> None:
    ends.proxy.refuse(LONG)
    began = time.monotonic()

    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", ends.proxy.port)) == errno.ECONNREFUSED

    def connected() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", ends.proxy.port)) == 0

    until(connected)
    assert time.monotonic() - began >= LONG * 0.9
    ends.client.sendall(b"not touched")
    assert receive(ends.server, 11) == b"not touched"


def test_where_the_server_is_down_its_clients_hear_that_at_once(proxy: ChaosProxy, server: socket.socket) -> None:
    server.close()
    with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as client:
        assert everything(client)[0] == b""


class Talkers:
    """Clients that talk without pause, each on a new connection where one fails, and a server that repeats."""

    def __init__(self, proxy: ChaosProxy, server: socket.socket, many: int) -> None:
        self._proxy = proxy
        self._server = server
        self._over = threading.Event()
        threads = [threading.Thread(target=self._talk_on, daemon=True) for _ in range(many)]
        self._threads = [*threads, threading.Thread(target=self._serve, daemon=True)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _serve(self) -> None:
        self._server.settimeout(0.1)
        while not self._over.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._repeat, args=(connection,), daemon=True).start()

    def _repeat(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                return

    def _talk_on(self) -> None:
        while not self._over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._proxy.port), LONG) as client:
                    self._talk(client)
            except OSError:
                self._over.wait(0.01)

    def _talk(self, client: socket.socket) -> None:
        client.sendall(HEAD)
        said = frame(b"x" * 20)
        heard = len(receive(client, len(HEAD)))
        while heard and not self._over.wait(0.005):
            client.sendall(said)
            heard = len(receive(client, len(said))) == len(said)


@pytest.mark.timeout(60)
def test_a_storm_has_all_faults_and_a_calm_none(proxy: ChaosProxy, server: socket.socket) -> None:
    talkers = Talkers(proxy, server, 8)
    try:
        proxy.storm()
        until(lambda: set(KINDS) <= set(proxy.done), timeout=30, what="each fault to happen")
        proxy.calm()
        # What was armed before the calm is disarmed by it; what was begun ends by itself.
        before = proxy.done.copy()
        with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as client:
            for number in range(200):
                client.sendall(bytes([number]))
                assert receive(client, 1) == bytes([number])
        assert {kind: proxy.done[kind] for kind in KINDS} == {kind: before[kind] for kind in KINDS}
    finally:
        talkers.stop()
