"""WebSocket connections: every publish has its answer, in order, and goodbyes come last."""

from __future__ import annotations

import gc
import json
import time

import msgpack
import pytest
from websockets.frames import Opcode
from websockets.server import ServerProtocol

from eventd import green
from eventd.errors import JournalUnavailable, TooSlow
from eventd.listen import connection as module
from eventd.listen.http import HTTPConnection
from eventd.listen.rates import Rates
from eventd.listen.websocket import HOLDS_FOR, WebSocketConnection
from eventd.protocol.framing import Parser
from eventd.protocol.limits import Limits
from eventd.protocol.native import CODECS
from eventd.protocol.websocket import WebSocketSession
from eventd.volatile import Volatile
from tests.listen.world import EVENT, MANY, WebSocketPeer, World, on_hub, others_ran, wait
from tests.support.publishers import UPGRADE, frame

NATIVE = "eventd.v1.json"


def websocket(
    world: World, subprotocol: str | None = NATIVE, **options: int
) -> tuple[WebSocketConnection, WebSocketPeer]:
    stream, peer = world.pair(WebSocketPeer, **options)
    connection = WebSocketConnection(world.door, stream, WebSocketSession(subprotocol, 0, world.door.limits))
    world.serve(connection)
    return connection, peer


@on_hub
def test_publishes_are_acknowledged_in_order_once_they_are_durable() -> None:
    with World() as world:
        world.holding = True
        _, peer = websocket(world)
        peer.publish("one", 2)
        wait(lambda: world.held == 2)
        peer.publish("three")
        wait(lambda: world.ingest.pending == 3)
        assert world.count == 0
        world.release()
        assert [peer.message() for _ in range(3)] == [
            {"op": "ack", "id": "one", "offsets": [1, 1], "durability": "disk"},
            {"op": "ack", "id": 2, "offsets": [2, 2], "durability": "disk"},
            {"op": "ack", "id": "three", "offsets": [3, 3], "durability": "disk"},
        ]


@on_hub
def test_offsets_name_all_events_of_a_publish() -> None:
    with World(durability="memory") as world:
        _, peer = websocket(world)
        peer.tell({"op": "publish", "id": 1, "events": [EVENT] * 3})
        peer.tell({"op": "publish", "id": 2, "events": [EVENT] * 2})
        answers = [peer.message(), peer.message()]
        assert [answer["offsets"] for answer in answers] == [[1, 3], [4, 5]]
        assert answers[0]["durability"] == "memory"


@on_hub
def test_an_invalid_event_is_nacked_and_its_neighbours_are_not() -> None:
    with World() as world:
        _, peer = websocket(world)
        peer.publish(1)
        peer.tell({"op": "publish", "id": 2, "events": [EVENT, EVENT | {"source": ""}]})
        peer.publish(3)
        answers = {answer["id"]: answer for answer in (peer.message() for _ in range(3))}
        assert [answers[n]["op"] for n in (1, 2, 3)] == ["ack", "nack", "ack"]
        assert answers[2]["errors"][0]["index"] == 1
        assert world.books.received == {"test": 4}
        assert world.books.rejected == {"invalid_event": 2}


@on_hub
def test_what_the_journal_refuses_is_nacked_and_the_connection_goes_on() -> None:
    with World() as world:
        world.refusal = JournalUnavailable("no space left")
        _, peer = websocket(world)
        peer.publish(1, 2)
        for number in (1, 2):
            nack = peer.message()
            assert (nack["op"], nack["id"], nack["retry_after"]) == ("nack", number, 5.0)
        world.refusal = None
        peer.publish(3)
        assert peer.message()["op"] == "ack"


@on_hub
def test_a_message_that_is_none_ends_the_connection_behind_the_acks() -> None:
    with World() as world:
        world.holding = True
        _, peer = websocket(world)
        peer.publish(1)
        peer.tell({"op": "shout"})
        peer.publish(2)
        assert peer.message()["op"] == "error"
        wait(lambda: world.held == 1)
        world.release()
        assert peer.message() == {"op": "ack", "id": 1, "offsets": [1, 1], "durability": "disk"}
        assert peer.closing() == 1007
        assert world.count == 1


@on_hub
def test_the_clients_close_is_echoed_behind_the_last_acks() -> None:
    with World() as world:
        world.holding = True
        _, peer = websocket(world)
        peer.publish(1, 2)
        peer.protocol.send_close(1000, "done")
        peer.flush()
        wait(lambda: world.held == 2)
        assert not peer.stream.waiting
        world.release()
        assert [peer.message()["id"], peer.message()["id"]] == [1, 2]
        assert peer.closing() == 1000
        assert peer.read_all() == b""


@on_hub
def test_a_stopping_daemon_says_goodbye_behind_the_last_acks() -> None:
    with World() as world:
        world.holding = True
        connection, peer = websocket(world)
        peer.publish(1)
        wait(lambda: world.held == 1)
        world.door.stopping = True
        connection.stream.end_input()
        world.release()
        assert peer.message()["op"] == "ack"
        bye = peer.message()
        assert (bye["op"], bye["reason"]) == ("bye", "shutdown")
        assert 0.5 <= bye["retry_after"] <= 1.5
        assert peer.closing() == 1001


@on_hub
def test_a_stopping_daemon_only_closes_where_no_subprotocol_has_a_goodbye() -> None:
    with World() as world:
        connection, peer = websocket(world, None)
        peer.tell({"type": "a.b"})
        wait(lambda: world.count == 1)
        world.door.stopping = True
        connection.stream.end_input()
        assert peer.closing() == 1001


@on_hub
def test_a_silent_client_is_asked_once_before_it_is_late() -> None:
    with World(idle_timeout=10.0) as world:
        connection, peer = websocket(world)
        last = connection.stream.last_read
        assert connection.late(last + 4) is None
        assert connection.late(last + 6) is None
        assert connection.late(last + 7) is None
        frame = peer.frame()
        assert frame is not None
        assert frame.opcode is Opcode.PING
        wait(lambda: connection.stream.last_read > last, "the pong")
        assert connection.late(last + 6) is None

        last = connection.stream.last_read
        late = connection.late(last + 11)
        assert late is not None
        connection.end(late)
        frame = peer.frame()
        assert frame is not None
        assert frame.opcode is Opcode.PING
        assert peer.closing() == 1008
        assert world.books.faults == {"idle": 1}


class Held:
    """Requests of which one is durable."""

    durable = True

    def close(self) -> None:
        """They end with the connection."""


@on_hub
@pytest.mark.parametrize(("idle", "limit"), [(3600.0, HOLDS_FOR), (0.0, HOLDS_FOR), (10.0, 10.0)])
def test_who_holds_events_that_others_could_have_is_asked_sooner(idle: float, limit: float) -> None:
    with World(idle_timeout=idle) as world:
        connection, peer = websocket(world)
        connection._requests = Held()  # type: ignore[assignment]
        last = connection.stream.last_read
        assert connection.late(last + limit / 2 + 1) is None
        frame = peer.frame()
        assert frame is not None
        assert frame.opcode is Opcode.PING
        wait(lambda: connection.stream.last_read > last, "the pong")
        late = connection.late(connection.stream.last_read + limit + 1)
        assert late is not None
        assert late.reason == "idle"


@on_hub
def test_a_message_that_never_ends_is_closed_with_1008() -> None:
    with World(idle_timeout=10.0) as world:
        connection, peer = websocket(world)
        peer.protocol.send_text(b"{", fin=False)
        peer.flush()
        wait(lambda: connection.started)
        late = connection.late(connection.started + 11)
        assert isinstance(late, TooSlow)
        connection.end(late)
        while (frame := peer.frame()) is not None and frame.opcode is Opcode.PING:
            pass
        assert frame is not None
        assert int.from_bytes(frame.data[:2], "big") == 1008
        assert world.books.faults == {"slow_message": 1}


@on_hub
def test_the_clock_of_an_unfinished_message_starts_again_with_each_message() -> None:
    with World(idle_timeout=10.0) as world:
        connection, peer = websocket(world)
        peer.protocol.send_text(json.dumps({"op": "publish", "id": 1, "events": [EVENT]}).encode())
        frame = b"".join(peer.protocol.data_to_send())
        peer.send(frame[:20])
        wait(lambda: connection.started)
        connection.started -= 100
        # The rest, and the start of the next one: a busy client's reads always end within a message.
        peer.send(frame[20:] + frame[:20])
        assert peer.message()["op"] == "ack"
        assert connection.started
        assert connection.late(time.monotonic()) is None


@on_hub
def test_a_client_that_never_reads_its_acks_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAREWELL", 0.1)
    with World() as world:
        connection, peer = websocket(world, write_limit=10_000)
        peer.publish(*range(2000))
        wait(lambda: connection.stream.fileno() < 0, "the client that does not read to be cut")
        assert world.books.faults == {"slow_reader": 1}
        assert connection.stream.buffered == 0


@on_hub
def test_a_too_large_message_is_closed_with_1009() -> None:
    with World(limits=Limits(message_size=1000)) as world:
        _, peer = websocket(world)
        peer.publish(1)
        peer.tell("x" * 2000)
        assert peer.message()["op"] == "ack"
        assert peer.closing() == 1009
        assert world.books.faults == {"too_large": 1}


@on_hub
def test_without_a_subprotocol_anything_is_an_event_and_nothing_is_answered() -> None:
    with World() as world:
        _, peer = websocket(world, None)
        peer.tell({"type": "a.b", "data": 1})
        peer.tell([1, 2])
        wait(lambda: world.count == 2)
        assert [draft.types for draft in world.kept] == [("a.b",), ("eventd.message",)]
        peer.protocol.send_close(1000)
        peer.flush()
        assert peer.closing() == 1000


@on_hub
def test_without_answers_a_refusal_costs_the_connection() -> None:
    with World() as world:
        world.refusal = JournalUnavailable("no space left")
        _, peer = websocket(world, None)
        peer.tell({"type": "a.b"})
        assert peer.closing() == 1013

        world.refusal = None
        _, peer = websocket(world, "cloudevents.json")
        peer.tell(EVENT)
        peer.tell(EVENT | {"id": ""})
        assert peer.closing() == 1008
        assert world.count == 1
        assert world.books.rejected == {"invalid_event": 1}


@on_hub
def test_a_client_that_goes_without_a_word_costs_nothing() -> None:
    with World() as world:
        world.holding = True
        _, peer = websocket(world)
        peer.publish(1)
        wait(lambda: world.held == 1)
        peer.close()
        world.release()
        wait(lambda: not len(world.group))
        assert world.count == 1
        assert world.books.faults == {}


@on_hub
def test_an_ack_has_the_offsets_of_what_is_durable_and_says_memory_where_nothing_is() -> None:
    with World() as world:
        types = frozenset({"v"})
        volatile = Volatile(types, lambda drafts: None, green.hub().call_soon, world.books)
        world.door._submit = volatile.before(world.door._submit)
        world.door.volatile, world.door.in_a_row = volatile.count, False
        _, peer = websocket(world)
        for number, names in enumerate((["v"], ["a", "v", "a"], ["v", "v"], ["a"])):
            peer.tell({"op": "publish", "id": number, "events": [EVENT | {"type": name} for name in names]})
        answers = {answer["id"]: answer for answer in (peer.message() for _ in range(4))}
        told = [(answers[n]["offsets"], answers[n]["durability"]) for n in range(4)]
        assert told == [(None, "memory"), ([1, 2], "disk"), (None, "memory"), ([3, 3], "disk")]
        assert world.books.volatile == 4


@on_hub
def test_over_the_rate_publishes_are_nacked_and_come_in_later() -> None:
    with World() as world:
        connection, peer = websocket(world)
        connection.allowance = Rates(connection_events=2).enter("a")
        peer.publish(1, 2, 3, 4)
        answers = {answer["id"]: answer for answer in (peer.message() for _ in range(4))}
        assert [answers[n]["op"] for n in (1, 2, 3, 4)] == ["ack", "ack", "nack", "nack"]
        assert world.books.rejected == {"rate_limited": 2}
        green.sleep(answers[4]["retry_after"])
        peer.publish(3)
        assert peer.message()["op"] == "ack"
        assert world.count == 3


@on_hub
def test_over_the_rate_a_form_without_answers_is_read_later() -> None:
    with World(idle_timeout=0.001) as world:
        connection, peer = websocket(world, None)
        connection.allowance = Rates(connection_events=20).enter("a")
        began = time.monotonic()
        for _ in range(3):
            peer.tell({"type": "a.b"})
            for _ in range(10):
                peer.protocol.send_text(b"{}")
            peer.flush()
            peer.stream.drain()
            green.sleep(0.01)
        wait(lambda: connection.late(time.monotonic() + 1e6) is None, "it to rest")
        wait(lambda: world.count == 33)
        assert time.monotonic() - began > 0.1
        assert world.books.rejected == {}


@on_hub
def test_who_rests_is_told_at_once_when_it_is_over() -> None:
    with World() as world:
        connection, peer = websocket(world, None)
        connection.allowance = Rates(connection_bytes=1).enter("a")
        peer.tell({"type": "a.b"})
        wait(lambda: world.count == 1)
        connection.end(TooSlow("it is over"))
        assert peer.closing() == 1008


def living() -> int:
    """How many of what belongs to one WebSocket the collector still knows of."""
    kinds = (HTTPConnection, WebSocketConnection, Parser, ServerProtocol)
    return sum(issubclass(type(each), kinds) for each in gc.get_objects())


@pytest.mark.parametrize(
    "last", [frame((1000).to_bytes(2, "big"), 8), b"", frame(b"x" * 100)[:50]], ids=["closed", "cut", "cut in a frame"]
)
def test_one_that_is_gone_leaves_nothing_to_the_collector(last: bytes) -> None:
    @on_hub
    def come_and_go() -> None:
        with World() as world:
            listener = world.listen()
            for _ in range(20):
                peer = world.connect(listener)
                peer.send(UPGRADE % b"" + last)
                assert peer.response()[0] == 101
                peer.close()
            wait(lambda: not listener.connections)

    come_and_go()
    gc.collect()
    gc.disable()
    try:
        before = living()
        come_and_go()
        assert living() <= before
    finally:
        gc.enable()


@on_hub
def test_nobody_is_late_while_what_came_is_read() -> None:
    with World(idle_timeout=5.0) as world:
        connection, peer = websocket(world)
        peer.send(frame(json.dumps({"op": "publish", "id": 1, "events": MANY}).encode()))
        wait(lambda: connection._taking)
        assert connection.late(time.monotonic() + 1000.0) is None
        wait(lambda: world.count == len(MANY))
        wait(lambda: not connection._taking)
        assert connection.late(time.monotonic() + 1000.0) is not None


@pytest.mark.parametrize("name", CODECS)
@on_hub
def test_others_have_their_turn_while_a_large_publish_is_read(name: str) -> None:
    with World() as world:
        connection, peer = websocket(world, name)
        encode = json.dumps if name == "eventd.v1.json" else msgpack.packb
        data = encode({"op": "publish", "id": 1, "events": MANY})
        opcode = 1 if isinstance(data, str) else 2
        assert others_ran(lambda: connection.receive(frame(data.encode() if isinstance(data, str) else data, opcode)))
        wait(lambda: world.count == len(MANY))
        assert peer.frame() is not None
