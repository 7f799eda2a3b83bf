"""HTTP connections: requests are answered in order, and what goes wrong with one costs only that one."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator

import pytest

from eventd import green
from eventd.errors import InvalidEvent, JournalUnavailable, TooSlow
from eventd.green.writer import WRITE_LIMIT
from eventd.listen import http as module
from eventd.listen.door import Door
from eventd.listen.gate import Room
from eventd.listen.http import HTTPConnection
from eventd.listen.rates import Rates
from eventd.listen.routes import Streamed
from eventd.protocol.limits import Limits
from eventd.protocol.messages import Request, Response
from tests.listen.world import EVENT, STRUCTURED, Peer, World, on_hub, others_ran, request, wait

#: Inflates to 64 MiB.
BOMB = gzip.compress(bytes(64 << 20))
POST = request("POST", "/events", json.dumps(EVENT).encode(), **STRUCTURED)


def http(world: World) -> tuple[HTTPConnection, Peer]:
    stream, peer = world.pair(Peer)
    connection = HTTPConnection(world.door, stream, world.routes)
    world.serve(connection)
    return connection, peer


@on_hub
def test_a_post_is_answered_when_its_event_is_durable() -> None:
    with World() as world:
        world.holding = True
        _, peer = http(world)
        peer.send(POST)
        wait(lambda: world.held == 1)
        world.release()
        assert peer.response()[0] == 204
        assert world.count == 1


@on_hub
def test_a_connection_takes_one_request_after_the_other() -> None:
    with World() as world:
        connection, peer = http(world)
        for count in range(1, 4):
            peer.send(POST)
            assert peer.response()[0] == 204
            assert world.count == count
        assert connection.late(time.monotonic() + 1e6) is None


@on_hub
def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    with World() as world:
        _, peer = http(world)
        peer.send(POST + request("GET", "/nothing") + POST + request("GET", "/healthz"))
        assert [peer.response()[0] for _ in range(4)] == [204, 404, 204, 200]


@on_hub
def test_head_gets_the_head_of_the_answer_only() -> None:
    with World() as world:
        _, peer = http(world)
        peer.send(request("HEAD", "/healthz") + request("GET", "/healthz"))
        _, headers, _ = peer.response(bare=True)
        assert peer.response() == (200, headers, b'{"alive":true}')


@on_hub
def test_head_of_a_stream_ends_at_once() -> None:
    def forever(types: list[str], start: str, follow: bool) -> Iterator[bytes]:
        while True:
            yield b""
            green.sleep(0)

    with World(admin=True) as world:
        world.lines = forever
        _, peer = http(world)
        peer.send(request("HEAD", "/api/v1/events") + request("GET", "/healthz"))
        assert peer.response(bare=True)[0] == 200
        assert peer.response()[0] == 200


@on_hub
def test_a_wrong_method_is_told_which_are_right() -> None:
    with World() as world:
        _, peer = http(world)
        peer.send(request("DELETE", "/events") + request("DELETE", "/healthz"))
        status, headers, body = peer.response()
        assert (status, headers["allow"]) == (405, "OPTIONS, POST")
        assert json.loads(body)["hint"] == "it takes OPTIONS, POST"
        assert peer.response()[1]["allow"] == "GET, HEAD"


@on_hub
def test_while_the_journal_refuses_the_sender_is_told_to_come_back() -> None:
    with World() as world:
        world.refusal = JournalUnavailable("no space left")
        _, peer = http(world)
        peer.send(POST)
        status, headers, body = peer.response()
        assert (status, headers["retry-after"]) == (503, "5")
        assert json.loads(body)["errors"][0]["message"] == "no space left"
        world.refusal = None
        peer.send(POST)
        assert peer.response()[0] == 204


@on_hub
def test_an_invalid_event_costs_the_request_and_not_the_connection() -> None:
    with World() as world:
        _, peer = http(world)
        peer.send(request("POST", "/events", b'{"specversion":"1.0"}', **STRUCTURED) + POST)
        status, _, body = peer.response()
        assert status == 400
        assert json.loads(body)["errors"][0]["index"] == 0
        assert peer.response()[0] == 204
        assert world.books.rejected == {InvalidEvent.reason: 1}


@on_hub
def test_what_is_no_request_is_answered_and_the_connection_closed() -> None:
    with World(limits=Limits(message_size=1000)) as world:
        _, peer = http(world)
        peer.send(b"GARBAGE\r\n\r\n")
        status, headers, _ = peer.response()
        assert (status, headers["connection"]) == (400, "close")
        assert peer.read_all() == b""

        _, peer = http(world)
        peer.send(request("POST", "/events", b"x" * 2000))
        assert peer.response()[0] == 413
        assert peer.read_all() == b""
        assert world.books.faults == {"malformed_http": 1, "too_large": 1}


@on_hub
def test_a_client_that_waits_for_the_go_ahead_gets_it() -> None:
    with World() as world:
        _, peer = http(world)
        head, _, body = POST.partition(b"\r\n\r\n")
        peer.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert peer.response()[0] == 100
        peer.send(body)
        assert peer.response()[0] == 204


@on_hub
def test_a_client_that_wants_to_close_is_let_go() -> None:
    with World() as world:
        _, peer = http(world)
        peer.send(request("GET", "/healthz", Connection="close"))
        assert peer.response()[1]["connection"] == "close"
        assert peer.read_all() == b""


@on_hub
def test_a_route_that_raises_gives_500_and_keeps_its_traceback_for_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: Request, door: Door) -> Response:
        raise RuntimeError("secret")

    with World() as world:
        world.routes.add("GET", "/fail", fail)
        _, peer = http(world)
        peer.send(request("GET", "/fail") + request("GET", "/healthz"))
        status, _, body = peer.response()
        assert status == 500
        assert b"secret" not in body
        assert b"Traceback" not in body
        assert peer.response()[0] == 200
        assert "RuntimeError: secret" in caplog.text


@pytest.mark.parametrize(
    "bad",
    [
        Response(99),
        Response(1000),
        Response("200"),  # type: ignore[arg-type]
        Response(200, None),  # type: ignore[arg-type]
        Response(200, {"a": 1}),  # type: ignore[arg-type]
        Response(200, "\ud800"),
        Response(200, b"", [("X-Name", "one\r\nX-Two: two")]),
        Response(200, b"", [("X Name", "one")]),
        Response(200, b"", [("X-Name", 1)]),  # type: ignore[list-item]
        Response(200, b"", [("X-Name",)]),  # type: ignore[list-item]
        Response(200, b"", None),  # type: ignore[arg-type]
    ],
)
@on_hub
def test_a_response_that_cannot_be_sent_becomes_a_500(bad: Response, caplog: pytest.LogCaptureFixture) -> None:
    with World() as world:
        world.routes.add("GET", "/bad", lambda request, door: bad)
        _, peer = http(world)
        peer.send(request("GET", "/bad") + request("GET", "/healthz"))
        assert peer.response()[0] == 500
        assert peer.response()[0] == 200
        assert "GET /bad: the answer cannot be sent" in caplog.text


@on_hub
def test_a_streamed_answer_is_sent_as_it_is_made_and_ends() -> None:
    more = green.Signal()

    def lines(types: list[str], start: str, follow: bool) -> Iterator[bytes]:
        yield b"one\n"
        more.wait()
        yield b"two\n"

    with World(admin=True) as world:
        world.lines = lines
        connection, peer = http(world)
        peer.send(request("GET", "/api/v1/events"))
        head = peer.read_until(lambda data: data.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else 0)
        assert b"application/x-ndjson" in head
        assert peer.chunk() == b"one\n"
        assert connection.late(time.monotonic() + 1e6) is None
        more.set()
        assert list(peer.chunks()) == [b"two\n"]
        peer.send(request("GET", "/healthz"))
        assert peer.response()[0] == 200


@on_hub
def test_a_stream_ends_when_the_daemon_stops_or_its_reader_goes() -> None:
    ended: list[str] = []

    def lines(types: list[str], start: str, follow: bool) -> Iterator[bytes]:
        try:
            while True:
                yield b""
                green.sleep(0.001)
        finally:
            ended.append(start)

    with World(admin=True) as world:
        world.lines = lines
        _, gone = http(world)
        gone.send(request("GET", "/api/v1/events?from=1"))
        gone.read(10)
        gone.close()
        wait(lambda: ended == ["1"])
        assert world.books.faults == {}

        _, peer = http(world)
        peer.send(request("GET", "/api/v1/events?from=2"))
        peer.read(10)
        world.door.stopping = True
        assert peer.read_all().endswith(b"0\r\n\r\n")
        wait(lambda: ended == ["1", "2"])


@on_hub
def test_who_is_told_to_go_has_its_answer_which_says_that_it_is_the_last() -> None:
    with World() as world:
        world.holding = True
        connection, peer = http(world)
        peer.send(POST)
        wait(lambda: world.held == 1)
        connection.dismiss()
        world.release()
        status, headers, _ = peer.response()
        assert (status, headers["connection"]) == (204, "close")
        assert peer.read_all() == b""


@on_hub
def test_an_answer_of_any_size_waits_for_its_reader() -> None:
    with World() as world:
        body = bytes(WRITE_LIMIT + 1)
        world.routes.add("GET", "/large", lambda request, door: Response(200, body))
        peer = world.connect(world.listen())
        peer.send(request("GET", "/large"))
        assert peer.response()[2] == body


@on_hub
def test_answers_that_nobody_reads_stop_the_next_ones_and_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_UNREAD", 10_000)
    monkeypatch.setattr("eventd.listen.connection.LINGER", 0.01)
    answered: list[int] = []

    def large(request: Request, door: Door) -> Response:
        answered.append(1)
        return Response(200, bytes(100_000))

    with World(idle_timeout=0.02) as world:
        world.routes.add("GET", "/large", large)
        connection, peer = http(world)
        peer.send(request("GET", "/large") * 100)
        wait(lambda: connection.stream.fileno() < 0, "the client that does not read to be cut")
        assert len(answered) < 5
        assert world.books.faults == {"slow_reader": 1}


@on_hub
def test_a_stream_that_breaks_is_not_ended_as_if_it_were_whole() -> None:
    def lines() -> Iterator[bytes]:
        yield b"one"
        raise JournalUnavailable("the disk is gone")

    with World() as world:
        world.routes.add("GET", "/stream", lambda request, door: Streamed(200, [], lines()))
        _, peer = http(world)
        peer.send(request("GET", "/stream"))
        assert peer.read_all().endswith(b"3\r\none\r\n")


@on_hub
def test_the_first_request_has_less_time_than_the_next_ones() -> None:
    with World(handshake_timeout=5.0, idle_timeout=100.0) as world:
        connection, peer = http(world)
        late = connection.late(time.monotonic() + 6)
        assert late is not None
        assert late.reason == "slow_message"
        peer.send(request("GET", "/healthz"))
        assert peer.response()[0] == 200
        assert connection.late(time.monotonic() + 6) is None


@on_hub
def test_who_is_late_with_a_request_is_told_408_and_who_only_idles_nothing() -> None:
    with World() as world:
        connection, peer = http(world)
        peer.send(b"POST /events HTTP/1.1\r\nHost:")
        wait(lambda: not connection._session.idle)
        connection.end(TooSlow("not complete", reason="slow_message"))
        assert peer.response()[0] == 408
        assert peer.read_all() == b""

        connection, peer = http(world)
        peer.send(request("GET", "/healthz"))
        assert peer.response()[0] == 200
        connection.end(TooSlow("nothing came", reason="idle"))
        assert peer.read_all() == b""


@on_hub
def test_whoever_waits_for_an_answer_is_not_idle() -> None:
    with World(idle_timeout=10.0) as world:
        world.holding = True
        connection, peer = http(world)
        peer.send(POST)
        wait(lambda: world.held == 1)
        assert connection.late(time.monotonic() + 1000) is None
        world.release()
        assert peer.response()[0] == 204


@on_hub
def test_a_request_knows_who_sent_it() -> None:
    seen: list[str | None] = []

    def look(request: Request, door: Door) -> Response:
        seen.append(request.client)
        return Response(204)

    with World() as world:
        world.routes.add("GET", "/look", look)
        peer = world.connect(world.listen())
        peer.send(request("GET", "/look"))
        assert peer.response()[0] == 204
        host, port = peer.socket.getsockname()
        assert seen == [f"{host}:{port}"]


@on_hub
def test_over_the_rate_a_request_is_told_when_to_come_back_and_nothing_of_it_is_taken() -> None:
    with World() as world:
        connection, peer = http(world)
        connection.allowance = Rates(connection_events=1).enter("a")
        peer.send(POST + POST)
        assert peer.response()[0] == 204
        status, headers, _ = peer.response()
        assert status == 429
        assert headers["retry-after"] == "2"
        assert world.count == 1
        assert world.books.received == {"test": 2}
        assert world.books.rejected == {"rate_limited": 1}


@on_hub
def test_all_events_of_a_batch_are_counted_that_one_of_them_spoils(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with World() as world:
        _, peer = http(world)
        batch = json.dumps([EVENT, {**EVENT, "time": "yesterday"}, EVENT]).encode()
        peer.send(request("POST", "/events", batch, Content_Type="application/cloudevents-batch+json"))
        assert peer.response()[0] == 400
        assert (world.books.received, world.books.rejected) == ({"test": 3}, {"invalid_event": 3})
    assert "invalid_event: event 1 of 3: time: " in caplog.text


@on_hub
def test_others_have_their_turn_while_a_body_is_inflated() -> None:
    with World() as world:
        connection, _ = http(world)
        posted = request("POST", "/", BOMB, Content_Encoding="gzip")
        assert others_ran(lambda: next(iter(connection._session.receive(posted, connection.grown))))


@on_hub
def test_bodies_that_are_inflated_count_among_what_all_connections_hold() -> None:
    with World(room=Room(40 << 20)) as world:
        _, peer = http(world)
        peer.send(request("POST", "/nothing", BOMB, Content_Encoding="gzip"))
        status, headers, _ = peer.response()
        assert (status, headers["connection"]) == (429, "close")
        assert world.books.faults == {"no_room": 1}
        wait(lambda: world.door.room.used == 0)


@on_hub
def test_over_the_rate_a_metered_route_is_not_asked() -> None:
    with World() as world:
        asked: list[Request] = []
        for path in ("/metered", "/free"):
            metered = path == "/metered"
            world.routes.add("POST", path, lambda request, _: asked.append(request) or Response(), metered=metered)
        connection, peer = http(world)
        connection.allowance = Rates(connection_events=1).enter("a")
        posts = [request("POST", path, b"{}") for path in ("/metered", "/metered", "/free")]
        peer.send(b"".join(posts))
        assert [peer.response()[0] for _ in posts] == [200, 429, 200]
        assert [one.path for one in asked] == ["/metered", "/free"]
        assert world.books.faults == {"rate_limited": 1}
