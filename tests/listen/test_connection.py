"""What every connection does, whatever it speaks: read, wait for acks, be late, be cut."""

from __future__ import annotations

import gc
import socket
import struct
import time
import weakref

import pytest

from eventd import green
from eventd.errors import EventdError, MalformedInput, Stopping, TooSlow
from eventd.event import Draft, Encoding
from eventd.listen import connection as module
from eventd.listen.connection import Connection
from eventd.listen.door import Door
from tests.listen.world import Peer, World, on_hub, wait


class Echo(Connection):
    """Hands on what it reads as one event, and sends it back when it is durable."""

    def __init__(self, door: Door, stream: green.Stream) -> None:
        super().__init__(door, stream)
        self.read: list[bytes] = []

    def receive(self, data: bytes) -> None:
        self.read.append(data)
        if data == b"bad":
            raise MalformedInput("it says bad")
        self.unacknowledged += 1
        self.door.submit(Draft(Encoding.JSON, 1, ("a.b",), data), lambda first, error: self.answer(data, error))

    def answer(self, data: bytes, error: EventdError | None) -> None:
        self.stream.write(data)
        self.settle()

    def last_words(self, error: EventdError) -> bytes:
        return f"<{error.reason}>".encode()


def echo(world: World, **options: int) -> tuple[Echo, Peer]:
    stream, peer = world.pair(Peer, **options)
    connection = Echo(world.door, stream)
    world.serve(connection)
    return connection, peer


@on_hub
def test_what_is_read_is_answered_when_it_is_durable() -> None:
    with World() as world:
        world.holding = True
        _, peer = echo(world)
        peer.send(b"one")
        wait(lambda: world.held == 1)
        assert not peer.stream.waiting
        world.release()
        assert peer.read(3) == b"one"
        assert world.count == 1


@on_hub
def test_a_peer_that_stopped_sending_still_gets_its_acks() -> None:
    with World() as world:
        world.holding = True
        _, peer = echo(world)
        peer.send(b"one")
        peer.end_output()
        wait(lambda: world.held == 1)
        world.release()
        assert peer.read_all() == b"one"


@on_hub
def test_a_refusal_leaves_behind_the_acks_of_what_came_before() -> None:
    with World() as world:
        world.holding = True
        _, peer = echo(world)
        peer.send(b"one")
        wait(lambda: world.held == 1)
        peer.send(b"bad")
        wait(lambda: world.books.faults)
        world.release()
        assert peer.read_all() == b"one<malformed>"
        assert world.books.faults == {"malformed": 1}


@on_hub
def test_a_refused_peer_that_goes_on_sending_reads_why_and_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.02)
    with World() as world:
        connection, peer = echo(world)
        peer.send(b"bad")
        assert peer.read(11) == b"<malformed>"
        peer.send(b"more")
        wait(lambda: connection.stream.fileno() < 0, "the peer that does not close to be cut")
        assert connection.read == [b"bad"]


@on_hub
def test_acks_that_never_come_hold_a_closing_connection_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAREWELL", 0.01)
    with World() as world:
        world.holding = True
        _, peer = echo(world)
        peer.send(b"one")
        peer.end_output()
        assert peer.read_all() == b""


@on_hub
def test_pressure_stops_reading_and_its_time_is_not_held_against_the_peer() -> None:
    with World(idle_timeout=10.0) as world:
        connection, peer = echo(world)
        world.door.pressure(True)
        peer.send(b"one")
        wait(lambda: connection.read == [b"one"])
        peer.send(b"two")
        assert peer.read(3) == b"one"
        assert connection.read == [b"one"]

        connection.started = connection.stream.last_read = time.monotonic() - 100
        assert connection.late(time.monotonic()) is None
        world.door.pressure(False)
        wait(lambda: connection.read == [b"one", b"two"])
        assert connection.late(time.monotonic()) is None


@on_hub
def test_a_peer_that_never_reads_its_acks_is_cut_off_and_counted() -> None:
    with World() as world:
        connection, peer = echo(world, write_limit=100_000)
        peer.send(b"x" * 4_000_000)
        wait(lambda: connection.stream.fileno() < 0, "the peer that does not read to be cut")
        assert world.books.faults == {"slow_reader": 1}
        assert connection.stream.buffered == 0


@on_hub
def test_a_reset_ends_the_connection_and_nothing_else() -> None:
    with World() as world:
        listener = world.listen("forward")
        for _ in range(5):
            peer = world.connect(listener)
            peer.send(b"\x93")
            wait(lambda: listener.connections)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            wait(lambda: not listener.connections)
        assert world.books.faults == {}


@on_hub
def test_deadlines_count_from_the_first_byte_and_from_the_last() -> None:
    with World(idle_timeout=10.0) as world:
        stream, _ = world.pair(Peer)
        connection = Connection(world.door, stream)
        now = stream.last_read
        assert connection.late(now + 9) is None
        late = connection.late(now + 11)
        assert isinstance(late, TooSlow)
        assert late.reason == "idle"

        connection.begin(True)
        began = connection.started
        connection.begin(True)
        assert connection.started == began
        late = connection.late(began + 11)
        assert late is not None
        assert late.reason == "slow_message"

        connection.begin(False)
        connection.unacknowledged = 1
        assert connection.late(now + 100) is None
        stream.close()


@on_hub
def test_without_limits_nobody_is_late() -> None:
    with World() as world:
        stream, _ = world.pair(Peer)
        connection = Connection(world.door, stream)
        connection.begin(True)
        assert connection.late(time.monotonic() + 1e6) is None
        stream.close()


@on_hub
def test_whoever_ends_a_connection_from_outside_says_why() -> None:
    with World() as world:
        connection, peer = echo(world)
        peer.send(b"one")
        assert peer.read(3) == b"one"
        connection.end(Stopping("enough"))
        assert peer.read_all() == b"<stopping>"
        assert world.books.faults == {}


@on_hub
def test_what_was_read_ahead_is_taken_first() -> None:
    with World() as world:
        stream, peer = world.pair(Peer)
        connection = Echo(world.door, stream)
        peer.send(b"two")
        peer.end_output()
        connection.serve(b"one")
        stream.close()
        assert connection.read == [b"one", b"two"]


@on_hub
def test_a_connection_that_ended_is_gone_without_the_collector() -> None:
    with World() as world:
        gc.disable()
        try:
            connection, peer = echo(world)
            gone = weakref.ref(connection)
            peer.close()
            wait(lambda: not len(world.group))
            del connection
            assert gone() is None
        finally:
            gc.enable()
