"""The life of connections: opened, silent, refused, lost, and come back to."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from eventd.client import session as module
from eventd.client.address import parse
from eventd.client.backoff import FIRST, LONGEST
from eventd.client.ends import CLOSING, End
from eventd.client.failures import Disconnected, Nacked, TimedOut
from eventd.client.options import Options
from eventd.client.outbox import Publication
from eventd.client.packing import Packer
from eventd.client.session import GOOD, Session
from tests.client.peer import Peer

HTTP = "HTTP/1.1 {} x\r\n{}Content-Length: 0\r\n\r\n"


class World:
    """A session whose clock, socket and server are played by hand."""

    def __init__(self, **options: Any) -> None:
        self.now = 1000.0
        self.changes = 0
        self.options = Options(ping_interval=20.0, ping_timeout=10.0, open_timeout=5.0, **options)
        self.session = Session(parse("ws://hub.example.com"), self.options, self._changed)
        self.peer = Peer()

    def _changed(self) -> None:
        self.changes += 1

    def connect(self) -> None:
        self.peer = Peer()
        self.session.begin(self.now)
        self.exchange()

    def exchange(self) -> None:
        """Move bytes both ways until there are none."""
        while data := self.session.outgoing(self.now):
            answer = self.peer.take(data)
            if answer:
                self.session.receive(answer, self.now)

    def receive(self, data: bytes) -> End | None:
        self.session.receive(data, self.now)
        return self.session.end

    def lose(self, reason: str = "cut", code: int | None = None) -> float:
        return self.session.lost(End(reason, code), self.now)

    def answer(self, status: str, headers: str = "") -> float:
        """Have the handshake refused; the pause before the next one."""
        self.session.begin(self.now)
        self.session.outgoing(self.now)
        end = self.receive(HTTP.format(status, headers).encode())
        assert end is not None
        return self.session.lost(end, self.now)

    def publish(self, data: Any = None) -> Publication:
        publication = Publication(Packer(json=True).pack({"type": "a", "data": data}))
        self.session.talk.outbox.add(publication)
        return publication


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("eventd.client.backoff.random.random", lambda: 1.0)
    world = World()
    world.session._backoff._chance = lambda: 1.0
    return world


def test_a_connection_is_there_when_its_handshake_is_done(world):
    world.session.begin(world.now)
    assert not world.session.connected

    world.exchange()

    assert world.session.connected
    assert world.session.problem is None
    assert world.session.states() == ["connected"]
    assert world.session.states() == []
    assert world.changes == 1


def test_nothing_is_sent_without_a_connection(world):
    world.publish()

    assert world.session.outgoing(world.now) == b""
    assert world.session.deadline is None
    assert world.session.farewell() == b""
    world.session.receive(b"x", world.now)


def test_a_lost_connection_is_told_and_why(world, caplog):
    world.connect()
    with caplog.at_level(logging.WARNING, "eventd.client"):
        world.lose("the cable")

    assert not world.session.connected
    assert world.session.problem == "the cable"
    assert world.session.states() == ["connected", "disconnected"]
    assert "ws://hub.example.com:80/: the cable" in caplog.text


def test_the_same_problem_is_told_once(world, caplog):
    with caplog.at_level(logging.WARNING, "eventd.client"):
        for _ in range(3):
            world.lose("connection refused")
        world.lose("no route")
        world.connect()
        world.lose("no route")

    assert [record.args[1] for record in caplog.records] == ["connection refused", "no route", "no route"]


def test_the_end_of_the_client_is_no_problem_to_tell(world, caplog):
    world.connect()
    with caplog.at_level(logging.WARNING, "eventd.client"):
        world.session.lost(CLOSING, world.now)

    assert not caplog.records


def test_pauses_grow_until_a_connection_was_a_good_one(world):
    assert [world.lose(), world.lose()] == [FIRST, 2 * FIRST]
    world.connect()
    assert world.lose() == 4 * FIRST
    world.connect()
    world.now += GOOD
    assert world.lose() == FIRST


def test_silence_is_asked_about_and_then_the_end(world):
    world.connect()
    assert world.session.deadline == world.now + 20
    world.now += 19.9
    world.session.tick(world.now)
    assert world.session.outgoing(world.now) == b""

    world.now += 0.1
    world.session.tick(world.now)
    assert world.session.outgoing(world.now) != b""
    assert world.session.deadline == world.now + 10
    world.now += 10
    world.session.tick(world.now)

    assert world.session.end is not None and "silent" in world.session.end.reason
    world.session.tick(world.now)


def test_whatever_comes_shows_that_the_server_lives(world):
    world.connect()
    world.now += 20
    world.session.tick(world.now)
    answer = world.peer.take(world.session.outgoing(world.now))
    assert answer

    world.now += 9
    assert world.receive(answer) is None

    assert world.session.deadline == world.now + 20


def test_a_server_that_takes_what_is_sent_lives(world):
    world.connect()
    world.now += 20
    world.session.tick(world.now)
    world.now += 9

    world.session.moved(world.now)

    assert world.session.deadline == world.now + 20


def test_a_handshake_without_an_answer_ends(world):
    world.session.begin(world.now)
    assert world.session.deadline == world.now + 5

    world.now += 5
    world.session.tick(world.now)

    assert world.session.end is not None and "handshake" in world.session.end.reason


@pytest.mark.parametrize(
    "status", ["401 Unauthorized", "403 Forbidden", "404 Not Found", "415 Unsupported", "301 Moved"]
)
def test_a_refusal_that_will_last_is_waited_for_long(world, status):
    assert world.answer(status) == LONGEST
    assert status[:3] in (world.session.problem or "")


@pytest.mark.parametrize("status", ["408 Timeout", "425 Early", "429 Many", "500 Error", "503 Unavailable"])
def test_a_refusal_that_may_pass_is_tried_again_soon(world, status):
    assert world.answer(status) == FIRST


def test_a_server_may_say_when_to_come_back(world):
    assert world.answer("503 Unavailable", "Retry-After: 7\r\n") == 7.0 * 1.25

    world.connect()
    world.receive(world.peer.say("bye", reason="stopping", retry_after=2.5))
    assert not world.session.connected
    end = world.receive(world.peer.close(1001))
    assert end is not None
    assert world.session.lost(end, world.now) == 2.5
    assert world.lose() != 2.5


def test_a_fault_of_the_server_ends_the_connection(world):
    world.connect()

    end = world.receive(world.peer.say("ack", id=99, offsets=None, durability="disk"))

    assert end is not None and "broke the protocol" in end.reason
    assert world.receive(world.peer.say("bye")) is end


def test_a_complaint_is_told_as_the_problem(world):
    world.connect()
    world.receive(world.peer.say("error", code="malformed", message="no message"))
    end = world.receive(world.peer.close(1007, "no message"))
    assert end is not None

    world.session.lost(end, world.now)

    assert world.session.problem == "malformed: no message"


def test_a_publish_that_no_server_can_bear_does_not_hold_up_the_others(world):
    bad = world.publish("much")
    good = world.publish("little")
    for _ in range(2):
        world.connect()
        world.receive(world.peer.say("error", code="too_large", message="16 MiB at most"))
        end = world.receive(world.peer.close(1009))
        assert end is not None
        world.session.lost(end, world.now)
    world.connect()

    with pytest.raises(Nacked, match="16 MiB at most"):
        bad.value()
    assert [told["id"] for told in world.peer.ops("publish")] == [good.id]


def test_a_farewell_has_what_was_settled_and_a_close(world):
    world.connect()
    world.session.talk.following.settle_at = world.now + 1

    answer = world.peer.take(world.session.farewell())

    assert world.session.talk.following.settle_at is None
    assert world.receive(answer) is not None


def test_a_call_whose_time_is_up_tells_why(world):
    assert "none yet" in str(world.session.late("answer"))
    world.lose("connection refused")
    failure = world.session.late("answer")
    assert isinstance(failure, Disconnected) and "connection refused" in str(failure)
    world.connect()
    assert type(world.session.late("answer")) is TimedOut


def test_what_is_known_to_pass_by_itself_is_below_500():
    assert all(400 <= status < 500 for status in module.PASSING)


class Connections(RuleBasedStateMachine):
    """No publish is lost, and none overtakes another, however connections end."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(window=3)
        self.published: list[Publication] = []
        self.stored: list[int] = []
        self.seen: set[str] = set()
        self.reconnect()

    def reconnect(self) -> None:
        self.world.connect()
        self.taken = self.answered = 0

    def take(self) -> None:
        """The server makes durable what it has got, once."""
        self.world.exchange()
        for told in self.world.peer.ops("publish")[self.taken :]:
            self.taken += 1
            for event in told["events"]:
                if event["id"] not in self.seen:
                    self.seen.add(event["id"])
                    self.stored.append(event["data"])

    def answer(self, op: str, **fields: Any) -> None:
        for told in self.world.peer.ops("publish")[self.answered : self.taken]:
            self.world.receive(self.world.peer.say(op, id=told["id"], **fields))
        self.answered = self.taken

    @rule()
    def publish(self) -> None:
        self.published.append(self.world.publish(len(self.published)))

    @rule()
    def store(self) -> None:
        self.take()

    @rule()
    def acknowledge(self) -> None:
        self.take()
        self.answer("ack", offsets=[0, 0], durability="disk")

    @precondition(lambda self: self.world.session.connected)
    @rule()
    def have_no_room(self) -> None:
        """What comes behind one that had no room has none either, as it is with a full disk."""
        self.world.exchange()
        self.answer("ack", offsets=[0, 0], durability="disk")
        self.taken = len(self.world.peer.ops("publish"))
        self.answer("nack", errors=[], retry_after=1)

    @rule()
    def cut(self) -> None:
        self.world.lose()
        self.reconnect()

    @precondition(lambda self: self.world.session.connected)
    @rule()
    def go(self) -> None:
        self.world.receive(self.world.peer.say("bye", reason="stopping"))

    @rule()
    def wait(self) -> None:
        self.world.now += 1
        self.world.session.tick(self.world.now)

    def teardown(self) -> None:
        self.cut()
        while len(self.world.session.talk.outbox):
            self.acknowledge()
        assert self.stored == list(range(len(self.published)))
        assert all(publication.value() for publication in self.published)


TestConnections = Connections.TestCase
TestConnections.settings = settings(max_examples=60, stateful_step_count=40)
