"""What is said and heard, on one connection after another."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventd.client.conversation import ENOUGH_UNSENT, MOST_RETRY_AFTER, Conversation
from eventd.client.failures import BufferFull, ClientFailure, Closed, Nacked, Refused, ServerFault
from eventd.client.messages import CODECS
from eventd.client.outbox import Ack, Publication
from eventd.client.packing import Packer
from eventd.client.questions import Question
from eventd.client.tracking import Track, Wanted
from eventd.protocol.ops import OPS
from tests.client.peer import Peer, joined

PACKERS = {name: Packer(json=name == "json", source="/here") for name in CODECS}


class World:
    """A conversation, and a server of its connections that is played by hand."""

    def __init__(self, name: str = "json", window: int = 10, buffer: int = 10_000) -> None:
        self.name = name
        self.changes = 0
        self.talk = Conversation(CODECS[name], window, buffer, self._changed)
        self.now = 0.0
        self.peer: Peer
        self.connect()

    def _changed(self) -> None:
        self.changes += 1

    def connect(self) -> None:
        self.link, self.peer = joined(self.name)
        self.talk.begin(self.link)

    def publish(self, *data: Any) -> Publication:
        publication = Publication(PACKERS[self.name].pack([{"type": "a", "data": one} for one in data]))
        self.talk.outbox.add(publication)
        return publication

    def heard(self) -> list[dict[str, Any]]:
        """What the server gets now."""
        self.talk.tick(self.now)
        self.talk.publish_waiting(self.now)
        before = len(self.peer.heard)
        self.peer.take(self.link.outgoing())
        return self.peer.heard[before:]

    def say(self, op: str, **fields: Any) -> None:
        for message in self.link.receive(self.peer.say(op, **fields)):
            self.talk.hear(message, self.now)


@pytest.fixture(params=["json", "msgpack"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def test_a_publish_is_sent_and_acknowledged(world):
    publication = world.publish(1, 2)

    [told] = world.heard()
    assert (told["op"], [event["data"] for event in told["events"]]) == ("publish", [1, 2])
    world.say("ack", id=told["id"], offsets=[4, 5], durability="disk")

    assert publication.value() == Ack(4, 5, "disk")
    assert world.changes == 1


def test_a_nack_tells_what_is_wrong(world):
    publication = world.publish(1)
    [told] = world.heard()

    world.say("nack", id=told["id"], errors=[{"index": 0, "attribute": "data.n", "message": "is missing"}])

    with pytest.raises(Nacked, match="data.n: is missing"):
        publication.value()


def test_what_is_refused_and_not_waited_for_is_told_in_the_log(world, caplog):
    watched, alone = world.publish(1), world.publish(2)
    watched.watched = True
    world.heard()

    with caplog.at_level(logging.WARNING, "eventd.client"):
        for publication in (watched, alone):
            world.say("nack", id=publication.id, errors=[{"message": "no"}])

    assert [record.getMessage() for record in caplog.records] == ["1 events were refused: no"]


@pytest.mark.parametrize(("asked", "waited"), [(5, 5), (0, 0), (1e9, MOST_RETRY_AFTER)])
def test_a_nack_with_a_time_is_tried_again_then(world, asked, waited):
    publication = world.publish(1)
    [told] = world.heard()
    world.say("nack", id=told["id"], errors=[], retry_after=asked)

    assert world.talk.deadline == waited
    assert waited == 0 or world.heard() == []
    world.now = waited
    assert world.heard() == [told]
    assert publication.outcome is None
    assert world.talk.deadline is None


def test_a_nack_with_a_time_that_is_none_is_a_refusal():
    world = World("msgpack")
    publication = world.publish(1)
    [told] = world.heard()

    world.say("nack", id=told["id"], errors=[], retry_after=float("nan"))

    assert isinstance(publication.outcome, Nacked)


def test_what_has_no_answer_is_sent_again_as_the_same_events(world):
    world.publish(1)
    world.publish(2)
    before = world.heard()

    world.talk.lost()
    world.connect()

    assert world.heard() == before


def test_subscriptions_come_before_publications_on_a_new_connection(world):
    world.publish(1)
    world.talk.following.add(Track(Wanted((">",)), lambda: None))
    world.talk.questions.ask(Question([">"]))
    world.talk.lost()
    world.connect()

    assert [told["op"] for told in world.heard()] == ["subscribe", "presence", "publish"]


def test_no_more_is_written_than_the_socket_takes(world):
    world.talk.outbox._window = 1_000_000
    for _ in range(10):
        world.publish("x" * (ENOUGH_UNSENT // 2))

    world.talk.publish_waiting(0.0)

    assert world.link.unsent < 2 * ENOUGH_UNSENT
    assert [len(world.heard()) for _ in range(4)] == [2, 2, 2, 2]


def test_presence_is_asked_and_answered(world):
    question = Question(["a.>"])
    world.talk.questions.ask(question)
    [told] = world.heard()

    world.say("present", id=told["id"], subscriptions=[{"types": ["a.b"], "name": None, "client": "::1"}])

    assert [present.types for present in question.value()] == [["a.b"]]


def test_events_are_read_and_settled(world):
    track = Track(Wanted((">",), name="n"), lambda: None)
    world.talk.following.add(track)
    [told] = world.heard()
    world.say("subscribed", id=told["id"], sid=3, epoch="one", offset=0, end=9, recovered=True)
    world.say("events", sid=3, offset=9, events=[{"id": "1", "data": 5, "eventdoffset": 8}])
    assert world.talk.following.advance(track)
    track.settling.put([8], "done", None)
    world.talk.following.settle_later(0.0)
    assert not world.talk.unsent

    world.now = world.talk.deadline or 0.0

    assert world.heard() == [{"op": "settle", "sid": 3, "offsets": [8], "outcome": "done"}]


def test_a_refused_request_is_told_to_who_asked(world):
    question, track = Question(["a..b"]), Track(Wanted(("a..b",)), lambda: None)
    world.talk.questions.ask(question)
    world.talk.following.add(track)

    for told in world.heard():
        world.say("error", id=told["id"], code="invalid_subscription", message="no pattern")

    assert isinstance(question.outcome, Refused)
    assert isinstance(track.failure, Refused) and track.failure.code == "invalid_subscription"
    assert world.talk.open


def test_a_complaint_about_the_connection_ends_what_is_said_on_it(world):
    world.say("error", code="malformed", message="no message")
    world.publish(1)

    assert not world.talk.open
    assert world.talk.complaint == "malformed: no message"
    assert world.heard() == []


def test_a_server_that_goes_still_answers_and_is_not_asked_more(world):
    one = world.publish(1)
    world.heard()
    world.say("bye", reason="stopping", retry_after=2.5)
    world.publish(2)

    assert (world.talk.come_back, world.heard()) == (2.5, [])
    world.say("ack", id=one.id, offsets=None, durability="memory")
    assert one.value() == Ack(None, None, "memory")
    with pytest.raises(ServerFault, match="out of turn"):
        world.say("present", id=1, subscriptions=[])


def test_there_is_room_as_the_window_and_the_buffer_say():
    world = World(window=2, buffer=1000)
    world.publish(1)
    world.publish(2)
    more = PACKERS["json"].pack({"type": "a"})
    much = PACKERS["json"].pack({"type": "a", "data": "x" * 700})

    assert not world.talk.has_room(more, "raise")
    world.talk.lost()
    assert world.talk.has_room(more, "raise")
    assert not world.talk.has_room(much, "wait")
    with pytest.raises(BufferFull):
        world.talk.has_room(much, "raise")
    assert world.talk.has_room(much, "drop_oldest")


def test_the_end_of_the_client_ends_all(world):
    publication, question, track = world.publish(1), Question([">"]), Track(Wanted((">",)), lambda: None)
    world.talk.questions.ask(question)
    world.talk.following.add(track)

    world.talk.end(lambda: Closed("closed"))

    assert isinstance(publication.outcome, Closed) and isinstance(question.outcome, Closed)
    assert track.ended


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("ack", {"id": 99, "offsets": [1, 1], "durability": "disk"}),
        ("nack", {"id": 99, "errors": []}),
        ("subscribed", {"id": 99, "sid": 1, "epoch": "e", "offset": 0, "end": 0, "recovered": True}),
        ("events", {"sid": 99, "events": [], "offset": 1}),
        ("unsubscribed", {"id": 99, "sid": 99}),
        ("present", {"id": 99, "subscriptions": []}),
        ("error", {"id": 99, "code": "a", "message": "b"}),
        ("error", {"sid": 99, "code": "a", "message": "b"}),
    ],
)
def test_an_answer_to_nothing_is_the_servers_fault(world, op, fields):
    with pytest.raises(ServerFault):
        world.say(op, **fields)


def test_an_answer_that_comes_twice_is_the_servers_fault(world):
    publication = world.publish(1)
    world.heard()
    world.say("ack", id=publication.id, offsets=[1, 1], durability="disk")

    with pytest.raises(ServerFault):
        world.say("ack", id=publication.id, offsets=[1, 1], durability="disk")


ids = st.integers(0, 6) | st.none()
server_messages = st.fixed_dictionaries(
    {"op": st.sampled_from(sorted(OPS))},
    optional={
        "id": ids,
        "sid": ids,
        "offset": st.integers(-1, 9),
        "end": st.integers(0, 9),
        "epoch": st.sampled_from(["one", "two"]),
        "recovered": st.booleans(),
        "offsets": st.none() | st.lists(st.integers(0, 9), max_size=3),
        "durability": st.just("disk"),
        "errors": st.lists(st.fixed_dictionaries({}, optional={"message": st.text(max_size=3)}), max_size=2),
        "retry_after": st.none() | st.integers(-1, 3),
        "events": st.lists(
            st.fixed_dictionaries(
                {}, optional={"eventdoffset": st.integers(-1, 9), "data_base64": st.text(max_size=3)}
            ),
            max_size=3,
        ),
        "subscriptions": st.just([]),
    },
)


@given(st.lists(server_messages, max_size=30), st.sampled_from(["json", "msgpack"]))
def test_whatever_a_server_says_is_taken_or_its_fault(messages, name):
    world = World(name)
    tracks = [Track(Wanted((">",), name=durable), lambda: None) for durable in (None, "n")]
    for track in tracks:
        world.talk.following.add(track)
    world.talk.questions.ask(Question([">"]))
    publications = [world.publish(number) for number in range(3)]
    world.heard()
    for message in messages:
        try:
            world.say(**message)
            for track in tracks:
                world.talk.following.advance(track)
        except ServerFault:
            world.talk.lost()
            world.connect()
        except ClientFailure:
            pass
        world.now += 1
        world.heard()

    waiting = [publication for publication in publications if publication.outcome is None]
    assert len(world.talk.outbox) == len(waiting)
