"""Listeners accept, pace, upgrade, sweep, echo heartbeats, and stop."""

from __future__ import annotations

import socket

import msgpack
import pytest
import websockets
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from eventd import green
from eventd.errors import MalformedInput
from eventd.listen import handshakes
from eventd.listen import listener as module
from eventd.listen.gate import Gate
from eventd.listen.listener import Listener
from tests.listen.world import Peer, WebSocketPeer, World, on_hub, request, wait

#: A masked frame that is no JSON, and one that closes.
GARBAGE, CLOSE = b"\x81\x80\0\0\0\0", b"\x88\x82\0\0\0\0\x03\xe8"


def upgrade(*subprotocols: str) -> bytes:
    client = ClientProtocol(parse_uri("ws://localhost/"), subprotocols=[*map(websockets.Subprotocol, subprotocols)])
    client.send_request(client.connect())
    return b"".join(client.data_to_send())


def open_websocket(world: World, listener: Listener, trailing: bytes = b"") -> WebSocketPeer:
    host, _, port = listener.bound.rpartition(":")
    peer = world.keep(WebSocketPeer(socket.create_connection((host, int(port)))))
    peer.send(upgrade("eventd.v1.json") + trailing)
    status, headers, _ = peer.response()
    assert (status, headers["sec-websocket-protocol"]) == (101, "eventd.v1.json")
    return peer


@on_hub
def test_a_connection_becomes_a_websocket_and_publishes() -> None:
    with World() as world:
        listener = world.listen()
        peer = open_websocket(world, listener)
        peer.publish(1)
        assert peer.message()["offsets"] == [1, 1]
        assert len(listener.connections) == 1


@on_hub
def test_what_comes_with_the_upgrade_is_read() -> None:
    with World() as world:
        client = WebSocketPeer.frame_of({"op": "publish", "id": 1, "events": []})
        peer = open_websocket(world, world.listen(), client)
        assert peer.message()["op"] == "nack"


@on_hub
def test_a_close_that_comes_with_the_upgrade_is_echoed() -> None:
    with World() as world:
        peer = open_websocket(world, world.listen(), CLOSE)
        assert peer.closing() == 1000
        assert peer.read_all() == b""


@on_hub
def test_garbage_that_comes_with_the_upgrade_gets_its_close_frame() -> None:
    with World() as world:
        peer = open_websocket(world, world.listen(), GARBAGE)
        assert peer.message()["op"] == "error"
        assert peer.closing() == 1007
        assert world.books.faults == {"malformed": 1}


@on_hub
def test_an_upgrade_to_what_is_not_spoken_is_refused_as_http() -> None:
    with World() as world:
        peer = world.connect(world.listen())
        peer.send(upgrade("mqtt"))
        status, _, body = peer.response()
        assert status == 415
        assert b"eventd.v1.json" in body
        assert peer.read_all() == b""


@on_hub
def test_too_many_connections_are_turned_away_and_room_comes_back() -> None:
    with World() as world:
        listener = world.listen(gate=Gate(connections=2))
        first, second = world.connect(listener), world.connect(listener)
        wait(lambda: len(listener.connections) == 2)
        assert world.connect(listener).response()[0] == 503
        assert world.books.faults == {"too_many_connections": 1}

        first.close()
        wait(lambda: len(listener.connections) == 1)
        third = world.connect(listener)
        third.send(request("GET", "/healthz"))
        assert third.response()[0] == 200
        second.send(request("GET", "/healthz"))
        assert second.response()[0] == 200


@on_hub
def test_over_the_rate_connections_wait_and_are_not_refused() -> None:
    with World() as world:
        listener = world.listen(gate=Gate(rate=50))
        began = green.hub().clock()
        peers = [world.connect(listener) for _ in range(55)]
        for peer in peers:
            peer.send(request("GET", "/healthz"))
            assert peer.response()[0] == 200
        assert green.hub().clock() - began > 0.05
        assert world.books.faults == {}


def udp(listener: Listener) -> Peer:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host, _, port = listener.bound.rpartition(":")
    sock.connect((host, int(port)))
    return Peer(sock)


@on_hub
def test_a_heartbeat_is_echoed_and_nothing_else() -> None:
    with World() as world:
        peer = world.keep(udp(world.listen("forward")))
        for datagram in (b"", b"\0\0", b"\x01", b"x" * 1000, b"\0"):
            peer.socket.send(datagram)
        assert peer.read(1) == b"\0"
        with pytest.raises(BlockingIOError):
            peer.socket.recv(10)


@on_hub
def test_two_daemons_never_answer_each_others_heartbeats() -> None:
    with World() as world:
        listener = world.listen("forward")
        _, _, port = listener.bound.rpartition(":")
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(("127.0.0.2", int(port)))
        peer = world.keep(Peer(other))
        other.sendto(b"\0", ("127.0.0.1", int(port)))
        probe = world.keep(udp(listener))
        probe.socket.send(b"\0")
        assert probe.read(1) == b"\0"
        with pytest.raises(BlockingIOError):
            peer.socket.recv(10)


@on_hub
def test_the_sweeper_tells_those_who_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_PERIOD", 0.005)
    monkeypatch.setattr(module, "SWEEP_STEP", 1)
    with World(handshake_timeout=0.05, idle_timeout=0.05) as world:
        listener, forward = world.listen(), world.listen("forward")
        half, silent = world.connect(listener), world.connect(forward)
        half.send(b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        socket_ = open_websocket(world, listener, b"\x01\x83\0\0\0\0abc")
        assert half.response()[0] == 408
        assert silent.read_all() == b""
        while (frame := socket_.frame()) is not None and frame.opcode != 8:
            pass
        assert frame is not None
        assert int.from_bytes(frame.data[:2], "big") == 1008
        assert world.books.faults == {"slow_message": 2, "idle": 1}


@on_hub
def test_a_listener_that_stops_says_goodbye_and_accepts_nobody() -> None:
    with World() as world:
        listener = world.listen()
        peer, idle = open_websocket(world, listener), world.connect(listener)
        wait(lambda: len(listener.connections) == 2)
        listener.stop()
        assert peer.message()["op"] == "bye"
        assert peer.closing() == 1001
        assert idle.read_all() == b""
        with pytest.raises(ConnectionRefusedError):
            world.connect(listener)


@on_hub
def test_a_listener_that_closes_lets_those_go_on_who_are_in_until_they_are_told() -> None:
    with World() as world:
        listener = world.listen()
        one, other = open_websocket(world, listener), open_websocket(world, listener)
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            world.connect(listener)
        one.publish(1)
        assert one.message()["op"] == "ack"
        next(iter(listener.connections)).dismiss()
        green.sleep(0)
        for peer in (one, other):
            peer.publish(2)
        assert {peer.message()["op"] for peer in (one, other)} == {"ack", "bye"}


@on_hub
def test_a_listener_that_stops_lets_requests_finish() -> None:
    with World() as world:
        world.holding = True
        listener = world.listen("forward")
        peer = world.connect(listener)
        peer.send(msgpack.packb(["a.b", [[1, {"a": 1}]], {"chunk": "one"}]))
        wait(lambda: world.held == 1)
        listener.stop()
        world.release()
        assert peer.read_all() == msgpack.packb({"ack": "one"})


@on_hub
def test_a_listener_that_stops_frees_those_who_hold() -> None:
    with World() as world:
        world.holding = True
        listener = world.listen("forward")
        peer = world.connect(listener)
        world.door.pressure(True)
        peer.send(msgpack.packb(["a.b", [[1, {"a": 1}]], {"chunk": "one"}]))
        wait(lambda: world.held == 1)
        listener.stop()
        world.release()
        assert peer.read_all() == msgpack.packb({"ack": "one"})


@on_hub
def test_a_connection_that_is_accepted_while_the_listener_stops_does_not_stay() -> None:
    with World() as world:
        listener = world.listen()
        peer = world.connect(listener)
        wait(lambda: len(world.group) == 2, "the connection beside the sweeper")
        world.door.stopping = True
        late = world.connect(listener)
        assert late.read_all() == b""
        peer.close()


@on_hub
def test_a_listener_can_be_handed_its_socket() -> None:
    with World() as world:
        inherited = green.listen(green.parse_address("127.0.0.1:0"))
        host, port = inherited.getsockname()
        listener = world.listen("forward", inherited=inherited)
        assert listener.bound == f"{host}:{port}"
        peer = world.connect(listener)
        peer.send(msgpack.packb(["a.b", [[1, {"a": 1}]], {"chunk": "one"}]))
        assert peer.read(9) == msgpack.packb({"ack": "one"})


@on_hub
def test_an_address_that_is_taken_is_told() -> None:
    with World() as world:
        listener = world.listen()
        second = Listener(
            world.door, green.parse_address(listener.bound), "http", world.group, world.routes, Gate()
        )
        with pytest.raises(OSError, match="in use"):
            second.start()
        second.stop()


@on_hub
def test_where_tls_or_forward_is_spoken_who_is_turned_away_hears_nothing() -> None:
    gate = Gate(connections=1)
    gate.enter("somebody")
    with World() as world:
        for listener in (world.listen(gate=gate, tls=object()), world.listen("forward", gate)):
            assert world.connect(listener).read_all() == b""


@on_hub
def test_while_too_many_handshakes_are_under_way_others_wait_to_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(green.Stream):
        def __init__(self, stream: green.Stream, context: object) -> None:
            super().__init__(stream._release())

        def handshake(self, timeout: float) -> None:
            done.wait()

    done = green.Signal()
    monkeypatch.setattr(module, "TLSStream", Slow)
    monkeypatch.setattr(handshakes, "SILENT", 1000.0)
    with World() as world:
        listener = world.listen(tls=object(), handshakes=2)
        peers = [world.connect(listener) for _ in range(5)]
        wait(lambda: len(world.group) == 3)
        green.sleep(0.01)
        assert len(world.group) == 3, "the sweep, and two handshakes"
        done.set()
        for peer in peers:
            peer.send(request("GET", "/healthz"))
            assert peer.response()[0] == 200


@on_hub
def test_a_failed_handshake_is_counted_and_leaves_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(green.Stream):
        def __init__(self, stream: green.Stream, context: object) -> None:
            super().__init__(stream._release())

        def handshake(self, timeout: float) -> None:
            raise MalformedInput("no TLS", reason="tls_handshake")

    monkeypatch.setattr(module, "TLSStream", Failing)
    with World() as world:
        listener = world.listen(gate=Gate(connections=1), tls=object())
        for _ in range(3):
            assert world.connect(listener).read_all() == b""
        assert world.books.faults == {"tls_handshake": 3}
