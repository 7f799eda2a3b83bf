"""Forward connections acknowledge what is durable, and only that."""

from __future__ import annotations

import gzip
import time
from typing import Any

import msgpack

from eventd.errors import JournalUnavailable
from eventd.listen.forward import ForwardConnection
from eventd.listen.gate import Room
from eventd.listen.rates import Rates
from tests.listen.world import Peer, World, on_hub, others_ran, wait


def forward(world: World, **options: int) -> tuple[ForwardConnection, Peer]:
    stream, peer = world.pair(Peer, **options)
    connection = ForwardConnection(world.door, stream)
    world.serve(connection)
    return connection, peer


def chunk(name: str | None, *records: Any) -> bytes:
    options = {} if name is None else {"chunk": name}
    packed: bytes = msgpack.packb(["a.b", [[1, record] for record in records], options])
    return packed


def ack(name: str) -> bytes:
    packed: bytes = msgpack.packb({"ack": name})
    return packed


def bomb(name: str) -> bytes:
    """A chunk that inflates to 60 MiB."""
    entries = gzip.compress(msgpack.packb([1, {"zeros": bytes(60 << 20)}]))
    packed: bytes = msgpack.packb(["a.b", entries, {"chunk": name, "compressed": "gzip"}])
    return packed


@on_hub
def test_chunks_are_acknowledged_in_their_order_once_they_are_durable() -> None:
    with World() as world:
        world.holding = True
        _, peer = forward(world)
        peer.send(chunk("one", {"n": 1}) + chunk("two", {"n": 2}, {"n": 3}))
        wait(lambda: world.held == 3)
        assert world.count == 0
        world.release()
        expected = ack("one") + ack("two")
        assert peer.read(len(expected)) == expected
        assert [draft.count for draft in world.kept] == [1, 2]


@on_hub
def test_a_chunk_that_asks_for_no_ack_gets_none() -> None:
    with World() as world:
        _, peer = forward(world)
        peer.send(chunk(None, {"n": 1}))
        wait(lambda: world.count == 1)
        peer.end_output()
        assert peer.read_all() == b""


@on_hub
def test_a_client_that_closed_its_half_still_gets_its_acks() -> None:
    with World() as world:
        world.holding = True
        _, peer = forward(world)
        peer.send(chunk("one", {"n": 1}))
        peer.end_output()
        wait(lambda: world.held == 1)
        world.release()
        assert peer.read_all() == ack("one")


@on_hub
def test_what_the_journal_refuses_is_not_acknowledged_and_the_connection_is_closed() -> None:
    with World() as world:
        _, peer = forward(world)
        peer.send(chunk("one", {"n": 1}))
        assert peer.read(len(ack("one"))) == ack("one")
        world.refusal = JournalUnavailable("no space left")
        peer.send(chunk("two", {"n": 2}))
        assert peer.read_all() == b""
        assert world.ingest.refused == {"journal_unavailable": 1}
        assert world.books.faults == {}


@on_hub
def test_bad_events_of_a_good_chunk_are_counted_and_the_rest_is_acknowledged() -> None:
    with World() as world:
        _, peer = forward(world)
        peer.send(chunk("one", {"n": 1}, "no map"))
        assert peer.read(len(ack("one"))) == ack("one")
        peer.send(chunk("none", "no map"))
        assert peer.read(len(ack("none"))) == ack("none")
        assert world.count == 1
        assert sum(world.books.rejected.values()) == 2


@on_hub
def test_good_chunks_before_garbage_are_acknowledged_before_the_connection_ends() -> None:
    with World() as world:
        _, peer = forward(world)
        peer.send(chunk("one", {"n": 1}) + b"\xc1")
        assert peer.read_all() == ack("one")
        assert world.books.faults == {"malformed": 1}


@on_hub
def test_the_clock_of_an_unfinished_chunk_starts_again_with_each_chunk() -> None:
    with World(idle_timeout=10.0) as world:
        connection, peer = forward(world)
        peer.send(chunk("one", {"n": 1})[:-1])
        wait(lambda: connection.started)
        connection.started -= 100
        assert connection.late(time.monotonic()) is not None

        # The rest of it, and the start of the next one: a busy sender is never between two.
        peer.send(chunk("one", {"n": 1})[-1:] + b"\x93")
        assert peer.read(len(ack("one"))) == ack("one")
        assert connection.started
        assert connection.late(time.monotonic()) is None


@on_hub
def test_a_client_that_never_reads_its_acks_is_cut_off() -> None:
    with World() as world:
        connection, peer = forward(world, write_limit=10_000)
        peer.send(b"".join(chunk("x" * 200, {"n": n}) for n in range(500)))
        wait(lambda: connection.stream.fileno() < 0, "the client that does not read to be cut")
        assert world.books.faults == {"slow_reader": 1}


@on_hub
def test_over_the_rate_chunks_are_acknowledged_and_what_follows_is_read_later() -> None:
    with World() as world:
        connection, peer = forward(world)
        connection.allowance = Rates(connection_events=10).enter("a")
        began = time.monotonic()
        peer.send(chunk("one", *[{"n": n} for n in range(12)]))
        assert peer.read(len(ack("one"))) == ack("one")
        peer.send(chunk("two", {"n": 12}))
        assert peer.read(len(ack("two"))) == ack("two")
        assert time.monotonic() - began >= 0.2
        assert world.books.rejected == {}


@on_hub
def test_others_have_their_turn_while_a_chunk_is_inflated() -> None:
    with World() as world:
        connection, peer = forward(world)
        assert others_ran(lambda: connection.receive(bomb("one")))
        assert peer.read(len(ack("one"))) == ack("one")


@on_hub
def test_others_have_their_turn_while_entries_are_looked_at_one_by_one() -> None:
    with World() as world:
        connection, peer = forward(world)
        large = chunk("one", *[{"n": number} for number in range(20_000)], "no record")
        assert others_ran(lambda: connection.receive(large))
        assert peer.read(len(ack("one"))) == ack("one")
        assert world.books.rejected == {"invalid_event": 1}


@on_hub
def test_chunks_that_are_inflated_count_among_what_all_connections_hold() -> None:
    with World(room=Room(40 << 20)) as world:
        _, peer = forward(world)
        peer.send(chunk("before", {"n": 1}) + bomb("one"))
        # What came before it is taken; its own sender has it still, and sends it again.
        assert peer.read_all() == ack("before")
        assert world.books.faults == {"no_room": 1}
        wait(lambda: world.door.room.used == 0)


@on_hub
def test_others_have_their_turn_while_single_messages_are_read() -> None:
    with World() as world:
        connection, _ = forward(world)
        assert others_ran(lambda: connection.receive(msgpack.packb(["a.b", 1, {"n": 1}]) * 20_000))
