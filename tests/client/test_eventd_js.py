"""The client for browsers, run by node: what it says to a scripted server, and what it gives to its page."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventd.protocol import ops

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: make needs")

DRIVER = Path(__file__).parent / "js" / "driver.mjs"
EPOCH = "e1"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

Message = dict[str, Any]


class Page:
    """A page with the module, whose network, clock and server are the test's."""

    def __init__(self, node: subprocess.Popen[str]) -> None:
        self._node = node
        self._said: list[list[Any]] = []
        self.do("reset")

    def do(self, command: str, *given: Any) -> None:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps([command, *given]) + "\n")
        self._node.stdin.flush()
        line = self._node.stdout.readline()
        assert line, f"node ended with {self._node.wait(10)}"
        self._said += json.loads(line)

    def take(self, kind: str) -> list[Any]:
        """What was said of this kind since the last time."""
        found = [what for said, *what in self._said if said == kind]
        self._said = [each for each in self._said if each[0] != kind]
        return found

    def sent(self, op: str) -> list[Message]:
        """The messages with this ``op`` that were sent since the last time."""
        found = [each[1] for each in self._said if each[0] == "sent" and each[1]["op"] == op]
        self._said = [each for each in self._said if each[0] != "sent" or each[1]["op"] != op]
        return found

    def texts(self) -> list[str]:
        return [text for _, text in self.take("sent")]

    def client(self, url: str | None = "ws://hub.test/", **options: Any) -> None:
        self.do("client", url, options)

    def connect(self, **options: Any) -> None:
        """Make a client, and let its connection be opened."""
        self.client(**options)
        self.do("open")

    def hear(self, op: str, **fields: Any) -> None:
        self.do("hear", json.dumps({"op": op, **fields}))

    def reconnect(self, code: int = 1006, reason: str = "") -> None:
        """Lose the connection, and get another one."""
        self.do("drop", code, reason)
        self.do("fire")
        self.do("open")

    def publish(self, name: str, *numbers: int) -> None:
        self.do("publish", name, [event(number) for number in numbers or (1,)])

    def subscribed(self, *, id: int = 1, sid: int = 7, offset: int = 10, **fields: Any) -> None:
        told = {"epoch": EPOCH, "end": offset, "recovered": True, **fields}
        self.hear("subscribed", id=id, sid=sid, offset=offset, **told)

    def events(self, *offsets: int, sid: int = 7, offset: int | None = None) -> None:
        told = [event(each, eventdoffset=each) for each in offsets]
        self.hear("events", sid=sid, events=told, offset=offsets[-1] + 1 if offset is None else offset)

    def subscribe(self, **options: Any) -> None:
        self.do("subscribe", "s", ["com.>"], options)

    def place(self, name: str = "s") -> Message:
        self.do("place", name)
        return self.take("place")[0][0]

    def pauses(self) -> list[float]:
        self.do("timers")
        return self.take("timers")[0][0]


def event(number: int, **members: Any) -> Message:
    attributes = {"source": "/s", "type": "com.t", "time": "2024-01-01T00:00:00Z"}
    return {"specversion": "1.0", "id": str(number), **attributes, **members}


def ids(yielded: list[Any]) -> list[int]:
    return [int(id) for _, id in yielded]


@pytest.fixture(scope="module")
def node() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(["node", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running
        # Not by the end of its input: it may be in a loop.
        running.kill()


@pytest.fixture
def page(node: subprocess.Popen[str]) -> Iterator[Page]:
    page = Page(node)
    yield page
    assert page.take("unhandled") == []
    assert page.take("thrown") == []


@pytest.fixture
def live(page: Page) -> Page:
    """A page whose subscription ``s`` runs from offset 10."""
    page.connect()
    page.subscribe()
    page.subscribed()
    page.sent("subscribe")
    return page


def test_it_goes_by_the_tables_of_the_protocol(page: Page) -> None:
    page.do("states")
    states = page.take("states")[0][0]

    assert states["publish"] == ops.PUBLISH
    assert states["subscription"] == ops.SUBSCRIPTION
    assert states["connection"] == {
        state: {op: then for op, then in row.items() if ops.OPS[op].sender == "server"}
        for state, row in ops.CONNECTION.items()
    }


# Where it connects to.


@pytest.mark.parametrize(
    "url, at, socket",
    [
        ("ws://hub.test:8080/x", None, "ws://hub.test:8080/x"),
        ("https://hub.test", None, "wss://hub.test/"),
        (None, "http://hub.test:8080/app/page.html?q#f", "ws://hub.test:8080/"),
        (None, "https://hub.test/", "wss://hub.test/"),
        ("/events", "https://hub.test/app/", "wss://hub.test/events"),
    ],
)
def test_it_connects_to_the_url_or_to_the_host_of_the_page(
    page: Page, url: str | None, at: str | None, socket: str
) -> None:
    if at:
        page.do("location", at)
    page.client(url)

    assert page.take("socket") == [[socket, ["eventd.v1.json"]]]


def test_it_tells_when_it_is_connected_and_when_not_any_more(page: Page) -> None:
    page.connect()
    assert page.take("connected") == [[None]]

    page.do("drop", 1001, "going")
    page.do("fire")
    page.do("drop", 1006, "")
    gone = page.take("disconnected")
    assert [(each["error"], each["code"], each["message"]) for [each] in gone] == [("Disconnected", 1001, "going")]

    page.do("fire")
    page.do("open")
    assert page.take("connected") == [[None]]


def test_a_first_attempt_that_fails_is_told(page: Page) -> None:
    page.client()
    page.do("drop", 1006, "")

    assert [each["code"] for [each] in page.take("disconnected")] == [1006]


# Publishing.


def test_an_ack_is_what_a_publish_gives(page: Page) -> None:
    page.connect()
    page.publish("p", 1, 2)
    assert page.sent("publish") == [{"op": "publish", "id": 1, "events": [event(1), event(2)]}]
    assert page.take("resolved") == []

    page.hear("ack", id=1, offsets=[4, 5], durability="disk")
    assert page.take("resolved") == [["p", {"offsets": [4, 5], "durability": "disk"}]]


def test_an_event_gets_what_it_lacks_and_the_callers_stays_as_it_is(page: Page) -> None:
    page.connect(source="/page")
    page.do("publish", "p", {"type": "com.t", "data": None, "id": None})
    [publish] = page.sent("publish")
    [sent] = publish["events"]

    assert UUID.fullmatch(sent["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", sent["time"])
    assert (sent["source"], sent["specversion"], sent["type"], sent["data"]) == ("/page", "1.0", "com.t", None)


def test_the_source_is_the_page_without_what_may_be_secret(page: Page) -> None:
    page.do("location", "https://hub.test/app?token=1#x?y")
    page.connect()
    page.do("publish", "p", {"type": "com.t"})

    assert page.sent("publish")[0]["events"][0]["source"] == "https://hub.test/app"


def test_a_page_without_a_secure_context_makes_ids_too(page: Page) -> None:
    page.do("insecure")
    page.connect()
    for name in ("one", "other"):
        page.do("publish", name, {"type": "com.t"})
    one, other = (publish["events"][0]["id"] for publish in page.sent("publish"))

    assert UUID.fullmatch(one)
    assert UUID.fullmatch(other)
    assert one != other


@pytest.mark.parametrize("kind", ["$bytes", "$buffer"])
def test_binary_data_goes_in_base64_and_comes_back(page: Page, kind: str) -> None:
    octets = [each % 256 for each in range(20_000)]
    page.connect()
    page.do("publish", "p", {"type": "com.t", "data": {kind: octets}})
    [sent] = page.sent("publish")[0]["events"]

    assert "data" not in sent
    assert base64.b64decode(sent["data_base64"], validate=True) == bytes(octets)
    page.do("bytes", sent)
    page.do("bytes", event(1, data="text"))
    assert page.take("bytes") == [[octets], [None]]


def test_a_nack_refuses_and_says_why(page: Page) -> None:
    page.connect()
    page.publish("p")
    wrong = {"index": 0, "attribute": "data.celsius", "message": "is missing"}
    page.hear("nack", id=1, errors=[wrong])
    [[name, error]] = page.take("rejected")

    assert (name, error["error"], error["message"]) == ("p", "Nacked", "data.celsius: is missing")
    assert error["errors"] == [wrong]


def test_what_cannot_be_written_is_refused_at_once(page: Page) -> None:
    page.connect()
    page.do("publish", "p", None)

    assert [error["error"] for _, error in page.take("rejected")] == ["TypeError"]
    assert page.sent("publish") == []


def test_a_nack_with_retry_after_is_tried_again_before_what_came_later(page: Page) -> None:
    page.connect()
    for number in (1, 2):
        page.publish(f"p{number}", number)
    first, second = page.texts()
    for id in (1, 2):
        page.hear("nack", id=id, errors=[{"message": "the disk is full"}], retry_after=5)
    page.publish("p3", 3)

    assert (page.sent("publish"), page.take("rejected")) == ([], [])
    assert page.pauses() == [5000]
    page.do("fire")
    assert page.texts()[:2] == [first, second]
    for id in (1, 2, 3):
        page.hear("ack", id=id, offsets=[id, id], durability="disk")
    assert [name for name, _ in page.take("resolved")] == ["p1", "p2", "p3"]


def test_behind_one_that_is_tried_again_nothing_is_sent_before_all_is_answered(page: Page) -> None:
    page.connect()
    for number in (1, 2, 3):
        page.publish(f"p{number}", number)
    first, second, _ = page.texts()
    page.hear("nack", id=1, errors=[], retry_after=5)
    page.publish("p4", 4)
    page.do("fire")
    assert page.texts() == []
    page.hear("nack", id=2, errors=[], retry_after=5)
    page.do("fire")
    assert page.texts() == []
    page.hear("ack", id=3, offsets=[0, 0], durability="disk")
    assert page.texts()[:2] == [first, second]


def test_at_most_a_window_of_events_is_under_way(page: Page) -> None:
    page.connect(window=3)
    page.publish("p1", 1, 2)
    page.publish("p2", 3, 4)
    page.publish("p3", 5)
    assert [publish["id"] for publish in page.sent("publish")] == [1]

    page.hear("ack", id=1, offsets=[0, 1], durability="disk")
    assert [publish["id"] for publish in page.sent("publish")] == [2, 3]


def test_a_publish_larger_than_the_window_goes_alone(page: Page) -> None:
    page.connect(window=2)
    page.publish("p1")
    page.publish("p2", 2, 3, 4)
    page.publish("p3")
    assert [publish["id"] for publish in page.sent("publish")] == [1]

    page.hear("ack", id=1, offsets=[0, 0], durability="disk")
    assert [publish["id"] for publish in page.sent("publish")] == [2]


def test_what_has_no_answer_is_sent_again_in_order_as_the_same_bytes(page: Page) -> None:
    page.connect(window=3)
    for number in range(1, 6):
        page.do("publish", f"p{number}", {"type": "com.t"})
    page.hear("ack", id=2, offsets=[0, 0], durability="disk")
    before = page.texts()
    page.reconnect()
    again = page.texts()

    assert [json.loads(text)["id"] for text in before] == [1, 2, 3, 4]
    assert again == [before[0], before[2], before[3]]
    for id in (1, 3, 4):
        page.hear("ack", id=id, offsets=[id, id], durability="disk")
    assert [json.loads(text)["id"] for text in page.texts()] == [5]


def test_without_a_connection_events_wait(page: Page) -> None:
    page.client()
    page.publish("p1", 1)
    page.publish("p2", 2)
    assert page.sent("publish") == []

    page.do("open")
    assert [publish["id"] for publish in page.sent("publish")] == [1, 2]


def test_on_a_connection_that_is_lost_nothing_is_said(live: Page) -> None:
    live.do("drop", 1006, "")
    live.publish("p")
    assert live.texts() == []

    live.do("fire")
    live.publish("p")
    assert live.texts() == []


def test_a_full_buffer_waits(page: Page) -> None:
    page.client(buffer=2)
    for number in range(1, 5):
        page.publish(f"p{number}", number)
    page.do("open")

    assert [publish["id"] for publish in page.sent("publish")] == [1, 2, 3, 4]
    assert page.take("rejected") == []


def test_a_full_buffer_throws(page: Page) -> None:
    page.client(buffer=2, whenFull="throw")
    for number in range(1, 5):
        page.publish(f"p{number}", number)
    page.do("open")

    assert {name: error["error"] for name, error in page.take("rejected")} == {"p3": "BufferFull", "p4": "BufferFull"}
    assert [publish["id"] for publish in page.sent("publish")] == [1, 2]


def test_a_full_buffer_drops_the_oldest_that_were_never_sent(page: Page) -> None:
    page.connect(buffer=2, window=1, whenFull="drop-oldest")
    page.publish("sent", 0)
    page.do("drop", 1006, "")
    for number in range(1, 5):
        page.publish(f"p{number}", number)
    page.sent("publish")
    page.do("fire")
    page.do("open")

    assert {name: error["error"] for name, error in page.take("rejected")} == {"p1": "BufferFull", "p2": "BufferFull"}
    for id in (1, 4, 5):
        page.hear("ack", id=id, offsets=[id, id], durability="disk")
    assert [name for name, _ in page.take("resolved")] == ["sent", "p3", "p4"]


def test_what_is_sent_at_once_needs_no_buffer(page: Page) -> None:
    page.connect(buffer=2, whenFull="throw")
    page.publish("p", 1, 2, 3)

    assert len(page.sent("publish")) == 1


def test_an_unknown_policy_is_refused(page: Page) -> None:
    page.client(whenFull="block")

    assert [error["error"] for [error] in page.take("thrown")] == ["TypeError"]


@pytest.mark.parametrize("how", ["error", "a reason", "a code"])
def test_a_publish_that_the_server_cannot_take_is_found_and_refused(page: Page, how: str) -> None:
    def blame() -> None:
        if how == "error":
            page.hear("error", code="too_large", message="more than it takes")
        page.reconnect(1000 if how == "error" else 1009, "more than it takes" if how == "a reason" else "")

    page.connect()
    for number in (1, 2):
        page.publish(f"p{number}", number)
    page.texts()
    blame()
    assert [publish["id"] for publish in page.sent("publish")] == [1]
    page.hear("ack", id=1, offsets=[0, 0], durability="disk")
    assert [publish["id"] for publish in page.sent("publish")] == [2]
    blame()

    assert [(name, error["error"]) for name, error in page.take("rejected")] == [("p2", "Nacked")]
    assert page.sent("publish") == []


# Coming back.


@pytest.mark.parametrize("chance, share", [(0.0, 0.5), (1.0, 1.0)])
def test_the_pauses_double_and_half_of_each_is_chance(page: Page, chance: float, share: float) -> None:
    page.do("chance", chance)
    page.client(backoff={"first": 100, "most": 1000})
    pauses = []
    for _ in range(6):
        page.do("drop", 1006, "")
        pauses += page.pauses()
        page.do("fire")

    assert pauses == [share * whole for whole in (100, 200, 400, 800, 1000, 1000)]


def test_the_pauses_are_from_a_tenth_to_thirty_seconds_where_nothing_else_is_asked_for(page: Page) -> None:
    page.do("chance", 1)
    page.client()
    pauses = []
    for _ in range(11):
        page.do("drop", 1006, "")
        pauses += page.pauses()
        page.do("fire")

    assert (pauses[0], pauses[-1]) == (100, 30000)


def test_the_pauses_begin_anew_behind_a_connection_that_was_of_use(page: Page) -> None:
    page.do("chance", 1)
    page.client()
    for _ in range(4):
        page.do("drop", 1006, "")
        page.do("fire")
    page.do("open")
    page.publish("p")
    page.hear("ack", id=1, offsets=[0, 0], durability="disk")
    page.do("drop", 1006, "")

    assert page.pauses() == [100]


def test_the_pauses_begin_anew_behind_a_connection_that_lasted(page: Page) -> None:
    page.do("chance", 1)
    page.client()
    for _ in range(4):
        page.do("drop", 1006, "")
        page.do("fire")
    page.do("open")
    page.do("later", 30001)
    page.do("drop", 1006, "")

    assert page.pauses() == [100]


def test_what_one_connection_was_told_holds_for_no_other(page: Page) -> None:
    page.do("chance", 1)
    page.connect()
    page.hear("bye", reason="shutdown", retry_after=5)
    page.reconnect()
    for pause in (100, 200):
        page.do("drop", 1006, "")
        assert page.pauses() == [pause]
        page.do("fire")
    page.do("open")
    page.hear("error", code="unknown_op", message="unknown op 'subscribe'")
    page.reconnect()
    page.publish("p")
    page.hear("ack", id=1, offsets=[0, 0], durability="disk")
    page.reconnect()
    page.do("drop", 1006, "")
    assert page.pauses() == [200]


def test_the_pauses_go_on_growing_while_the_server_finds_fault(page: Page) -> None:
    page.do("chance", 1)
    page.client()
    pauses = []
    for _ in range(3):
        page.do("open")
        page.hear("error", code="unknown_op", message="unknown op 'subscribe'")
        page.do("drop", 1007, "")
        pauses += page.pauses()
        page.do("fire")

    assert pauses == [100, 200, 400]


@pytest.mark.parametrize("retry_after, pause", [(0, 0), (7.5, 7500), (1e9, 3600_000)])
def test_it_comes_back_when_bye_says(page: Page, retry_after: float, pause: float) -> None:
    page.connect()
    page.hear("bye", reason="shutdown", retry_after=retry_after)
    page.publish("p")
    assert page.sent("publish") == []

    page.do("drop", 1001, "")
    assert page.pauses() == [pause]
    page.do("fire")
    page.do("open")
    assert len(page.sent("publish")) == 1


def test_a_leaving_server_still_answers(page: Page) -> None:
    page.connect()
    page.publish("p")
    page.hear("bye", reason="shutdown", retry_after=1)
    page.hear("ack", id=1, offsets=[0, 0], durability="disk")

    assert [name for name, _ in page.take("resolved")] == ["p"]


def test_a_browser_that_is_online_again_tries_at_once(page: Page) -> None:
    page.connect()
    page.do("online")
    assert len(page.take("socket")) == 1

    page.do("drop", 1006, "")
    page.do("online")
    assert len(page.take("socket")) == 1
    assert page.pauses() == []


@pytest.mark.parametrize("when", ["before it is open", "connected", "lost"])
def test_a_closed_client_ends_all_and_comes_back_no_more(page: Page, when: str) -> None:
    page.client()
    if when != "before it is open":
        page.do("open")
    page.subscribe()
    page.do("next", "s")
    page.publish("p")
    page.do("presence", "q", "com.>")
    if when == "connected":
        page.hear("nack", id=2, errors=[], retry_after=5)
    if when == "lost":
        page.do("drop", 1006, "")
        page.take("disconnected")
    for _ in range(2):
        page.do("closeClient")

    assert [each["code"] for [each] in page.take("disconnected")] == ([] if when == "lost" else [1000])
    assert {name: error["error"] for name, error in page.take("rejected")} == {"p": "Closed", "q": "Closed"}
    assert page.take("resolved") == [["s", {"done": True}]]
    assert page.take("hung up") == [[1000]]
    page.do("open")
    page.do("drop", 1000, "")
    page.do("online")
    assert (page.take("connected")[1:], page.take("disconnected")) == ([], [])
    assert page.pauses() == []
    page.do("publish", "p", event(1))
    page.do("presence", "q", "com.>")
    assert [error["error"] for _, error in page.take("rejected")] == ["Closed", "Closed"]
    page.subscribe()
    assert [error["error"] for [error] in page.take("thrown")] == ["Closed"]


# Messages that make no sense, and those that are out of turn.


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "null", "[]", '"ack"', "{}", '{"op": 1}', '{"op": "toString"}', '{"op": "later"}',
        '{"op": "publish", "id": 1, "events": []}',
        '{"op": "ack", "id": 1}',
        '{"op": "ack", "id": 1, "offsets": [-1, 0], "durability": "disk"}',
        '{"op": "nack", "id": 1, "errors": null}',
        '{"op": "nack", "id": 1, "errors": [null]}',
        '{"op": "nack", "id": 1, "errors": [], "retry_after": -1}',
        '{"op": "subscribed", "id": 2, "sid": "7", "epoch": "e", "offset": 0, "end": 0, "recovered": true}',
        '{"op": "subscribed", "id": 2, "sid": 7, "epoch": "e", "offset": 0.5, "end": 0, "recovered": true}',
        '{"op": "subscribed", "id": 2, "sid": 7, "epoch": "e", "offset": 0, "end": 0, "recovered": "yes"}',
        '{"op": "events", "sid": 7, "events": [1], "offset": 2}',
        '{"op": "events", "sid": 7, "events": [{"eventdoffset": "1"}], "offset": 2}',
        '{"op": "error", "id": 1}',
        '{"op": "bye", "retry_after": "soon"}',
    ],
)  # fmt: skip
def test_a_message_that_makes_no_sense_costs_the_connection_and_nothing_else(page: Page, text: str) -> None:
    page.connect()
    page.publish("p")
    page.subscribe()
    page.do("hear", text)

    page.do("drop", 4002, "")
    assert page.take("hung up") == [[4002]]
    assert [each["code"] for [each] in page.take("disconnected")] == [4002]
    assert len(page.pauses()) == 1
    page.texts()
    page.do("fire")
    page.do("open")
    assert [json.loads(text)["op"] for text in page.texts()] == ["subscribe", "publish"]


OUT_OF_TURN: dict[str, list[Message]] = {
    "an answer to nothing": [{"op": "ack", "id": 9, "offsets": None, "durability": "memory"}],
    "a second answer": [{"op": "ack", "id": 1, "offsets": None, "durability": "memory"}] * 2,
    "an error for a publish": [{"op": "error", "id": 1, "code": "x", "message": "x"}],
    "events for nobody": [{"op": "events", "sid": 8, "events": [], "offset": 0}],
    "subscribed for nobody": [
        {"op": "subscribed", "id": 8, "sid": 8, "epoch": "e", "offset": 0, "end": 0, "recovered": True},
    ],
    "unsubscribed unasked": [
        {"op": "subscribed", "id": 2, "sid": 8, "epoch": "e", "offset": 0, "end": 0, "recovered": True},
        {"op": "unsubscribed", "id": None, "sid": 8},
    ],
    "a subscription for presence": [
        {"op": "subscribed", "id": 3, "sid": 8, "epoch": "e", "offset": 0, "end": 0, "recovered": True},
    ],
    "presence twice": [{"op": "present", "id": 3, "subscriptions": []}] * 2,
    "presence for a subscription": [{"op": "present", "id": 2, "subscriptions": []}],
    "subscribed behind bye": [
        {"op": "bye", "reason": "shutdown", "retry_after": 1},
        {"op": "subscribed", "id": 2, "sid": 8, "epoch": "e", "offset": 0, "end": 0, "recovered": True},
    ],
    "events that were there": [
        {"op": "subscribed", "id": 2, "sid": 8, "epoch": "e", "offset": 5, "end": 6, "recovered": True},
        {"op": "events", "sid": 8, "events": [event(4, eventdoffset=4)], "offset": 6},
    ],
    "a place before its events": [
        {"op": "subscribed", "id": 2, "sid": 8, "epoch": "e", "offset": 5, "end": 6, "recovered": True},
        {"op": "events", "sid": 8, "events": [event(5, eventdoffset=5)], "offset": 5},
    ],
}  # fmt: skip


@pytest.mark.parametrize("told", OUT_OF_TURN)
def test_what_is_out_of_turn_costs_the_connection(page: Page, told: str) -> None:
    page.connect()
    page.publish("p")
    page.subscribe()
    page.do("presence", "q", "com.>")
    *before, last = OUT_OF_TURN[told]
    for message in before:
        page.hear(**message)
    assert page.take("hung up") == []
    page.hear(**last)

    assert page.take("hung up") == [[4002]]


def test_of_a_message_that_is_out_of_turn_nothing_is_taken(live: Page) -> None:
    live.do("loop", "s")
    live.hear("events", sid=7, events=[event(10, eventdoffset=10), event(9, eventdoffset=9)], offset=11)
    live.do("fire")
    live.do("open")
    assert live.sent("subscribe")[0]["from"] == 10

    live.subscribed(sid=3, offset=10)
    live.events(10, sid=3)
    assert ids(live.take("yielded")) == [10]


def test_members_that_are_not_known_are_ignored(page: Page) -> None:
    page.connect()
    page.publish("p")
    page.hear("ack", id=1, offsets=[0, 0], durability="disk", later="something")

    assert len(page.take("resolved")) == 1


# Subscribing.


def test_what_is_asked_for_goes_as_it_is(page: Page) -> None:
    page.connect()
    options = {"filters": [{"exact": {"source": "/s"}}], "from": 5, "epoch": "e0", "credit": 20}
    page.do("subscribe", "s", ["com.>", "org.*"], options)
    page.do("subscribe", "t", "com.t", {})

    assert page.sent("subscribe") == [
        {"op": "subscribe", "id": 1, "types": ["com.>", "org.*"], **options},
        {"op": "subscribe", "id": 2, "types": ["com.t"], "credit": 1000},
    ]


def test_events_are_iterated_over_and_move_the_place(live: Page) -> None:
    live.do("next", "s")
    assert live.place() == {"offset": 10, "epoch": EPOCH, "end": 10, "recovered": True}

    live.events(11, 13, offset=20)
    assert live.take("resolved") == [["s", {"value": event(11, eventdoffset=11), "done": False}]]
    assert live.place()["offset"] == 12
    live.do("next", "s")
    assert live.place()["offset"] == 20


def test_a_message_without_events_moves_the_place(live: Page) -> None:
    live.hear("events", sid=7, events=[], offset=15)
    assert live.place()["offset"] == 15

    live.events(15)
    live.hear("events", sid=7, events=[], offset=30)
    assert live.place()["offset"] == 15
    live.do("next", "s")
    assert live.place()["offset"] == 30


def test_volatile_events_have_no_place(live: Page) -> None:
    live.do("loop", "s")
    live.hear("events", sid=7, events=[event(1), event(10, eventdoffset=10), event(2)], offset=11)
    live.hear("events", sid=7, events=[event(3)], offset=11)

    assert ids(live.take("yielded")) == [1, 10, 2, 3]
    assert live.place()["offset"] == 11


def test_events_are_pushed_to_listeners(live: Page) -> None:
    live.events(10)
    live.do("listen", "s", "event")
    assert [detail["id"] for _, detail in live.take("event")] == ["10"]

    live.events(11)
    assert [detail["id"] for _, detail in live.take("event")] == ["11"]
    assert live.place()["offset"] == 12


def test_events_are_either_iterated_over_or_pushed(live: Page) -> None:
    live.do("next", "s")
    live.do("listen", "s", "event")
    assert [error["error"] for [error] in live.take("thrown")] == ["TypeError"]

    live.events(10)
    live.do("listen", "s", "event")
    live.take("resolved")
    live.do("next", "s")
    assert [error["error"] for _, error in live.take("rejected")] == ["TypeError"]


def test_it_goes_on_where_it_was(live: Page) -> None:
    live.do("loop", "s")
    live.events(10, 11, offset=14)
    live.reconnect()

    assert live.sent("subscribe") == [
        {"op": "subscribe", "id": 1, "types": ["com.>"], "from": 14, "epoch": EPOCH, "credit": 1000}
    ]
    live.subscribed(sid=3, offset=14)
    live.events(14, sid=3)
    assert ids(live.take("yielded")) == [10, 11, 14]


def test_what_came_and_was_not_looked_at_outlives_the_connection(live: Page) -> None:
    live.events(10, 11)
    live.reconnect()
    [again] = live.sent("subscribe")
    live.subscribed(sid=3, offset=12)
    live.events(12, sid=3)
    live.do("loop", "s")

    assert (again["from"], again["credit"]) == (12, 998)
    assert ids(live.take("yielded")) == [10, 11, 12]


def test_one_that_was_never_answered_is_asked_for_again(page: Page) -> None:
    page.connect()
    page.subscribe(**{"from": "earliest"})
    [before] = page.sent("subscribe")
    page.reconnect()

    assert page.sent("subscribe") == [before]


def test_a_gap_is_thrown_once_at_its_place(live: Page) -> None:
    live.events(10)
    live.reconnect()
    live.subscribed(sid=3, offset=20, recovered=False)
    live.events(20, sid=3)
    live.do("loop", "s")

    assert ids(live.take("yielded")) == [10]
    [[_, gap]] = live.take("looped")
    assert (gap["error"], gap["start"], gap["end"], gap["epoch"]) == ("Gap", 11, 20, EPOCH)
    assert live.place()["offset"] == 20
    live.do("loop", "s")
    assert ids(live.take("yielded")) == [20]


def test_a_place_of_another_connection_means_nothing(live: Page) -> None:
    live.reconnect()
    live.events(10)

    assert live.take("hung up") == [[4002]]


def test_a_gap_of_another_sequence_has_no_known_start_and_changes_the_epoch_at_its_place(live: Page) -> None:
    live.events(10)
    live.reconnect()
    live.subscribed(sid=3, offset=2, epoch="e2", recovered=False)
    assert (live.place()["offset"], live.place()["epoch"], live.place()["recovered"]) == (10, EPOCH, False)

    live.do("next", "s")
    assert (live.place()["offset"], live.place()["epoch"]) == (11, EPOCH)
    live.do("next", "s")
    [[_, gap]] = live.take("rejected")
    assert (gap["start"], gap["end"], gap["epoch"]) == (None, 2, "e2")
    assert (live.place()["offset"], live.place()["epoch"]) == (2, "e2")


def test_a_running_subscription_that_loses_events_says_so(live: Page) -> None:
    live.do("loop", "s")
    live.events(10)
    live.subscribed(offset=15, recovered=False)

    [[_, gap]] = live.take("looped")
    assert (gap["start"], gap["end"]) == (11, 15)


@pytest.mark.parametrize(
    "asked, start",
    [
        ({"from": 3, "epoch": EPOCH}, 3), ({"from": 3}, 3), ({"from": 3, "epoch": "e0"}, None), ({"from": 9}, None),
        ({"from": "2020-01-01T00:00:00Z"}, None),
    ],
)  # fmt: skip
def test_a_place_from_before_that_cannot_be_had_is_a_gap(page: Page, asked: Message, start: int | None) -> None:
    page.connect()
    page.subscribe(**asked)
    page.do("next", "s")
    page.subscribed(offset=8, recovered=False)

    [[_, gap]] = page.take("rejected")
    assert (gap["start"], gap["end"]) == (start, 8)


def test_on_gap_is_called_instead_at_the_gaps_place(page: Page) -> None:
    page.connect()
    page.subscribe(onGap=True)
    page.subscribed()
    page.events(10)
    page.subscribed(offset=15, recovered=False)
    page.events(15)
    assert page.take("onGap") == []

    page.do("loop", "s")
    assert ids(page.take("yielded")) == [10, 15]
    assert [(gap["start"], gap["end"]) for _, gap in page.take("onGap")] == [(11, 15)]
    assert page.take("looped") == []


def test_a_gap_of_a_subscription_that_is_listened_to_is_pushed(live: Page) -> None:
    live.do("listen", "s", "event", "gap")
    live.subscribed(offset=15, recovered=False)

    assert [(gap["start"], gap["end"]) for _, gap in live.take("gap")] == [(10, 15)]


def test_a_gap_that_nobody_listens_to_is_not_passed_over(live: Page) -> None:
    live.do("listen", "s", "event")
    live.subscribed(offset=15, recovered=False)

    assert [error["error"] for [error] in live.take("unhandled")] == ["Gap"]


def test_credit_is_granted_again_for_what_was_handed_out(page: Page) -> None:
    page.connect()
    page.subscribe(credit=4)
    page.subscribed()
    page.events(10, 11, 12, 13)
    assert page.sent("credit") == []

    page.do("next", "s")
    assert page.sent("credit") == []
    page.do("next", "s")
    assert page.sent("credit") == [{"op": "credit", "sid": 7, "n": 2}]
    page.do("loop", "s")
    page.events(14, 15)
    assert page.sent("credit") == [{"op": "credit", "sid": 7, "n": 2}, {"op": "credit", "sid": 7, "n": 2}]


def test_credit_is_not_granted_for_each_event(page: Page) -> None:
    page.connect()
    page.subscribe(credit=4)
    page.subscribed()
    page.do("loop", "s")
    page.events(10)
    assert page.sent("credit") == []

    # A new subscription has new credit.
    page.reconnect()
    page.subscribed(offset=11)
    page.events(11)
    assert page.sent("credit") == []


def test_credit_for_what_is_handed_out_before_the_answer_is_granted_with_it(page: Page) -> None:
    page.connect()
    page.subscribe(credit=2)
    page.subscribed()
    page.events(10, 11)
    page.sent("subscribe")
    page.reconnect()
    page.do("loop", "s")
    assert page.sent("subscribe")[0]["credit"] == 0
    assert page.sent("credit") == []

    page.subscribed(sid=3, offset=12)
    assert page.sent("credit") == [{"op": "credit", "sid": 3, "n": 2}]


@pytest.mark.parametrize("credit", [0, -1, 1.5, "9"])
def test_credit_is_a_number_of_events(page: Page, credit: Any) -> None:
    page.connect()
    page.subscribe(credit=credit)

    assert [error["error"] for [error] in page.take("thrown")] == ["RangeError"]
    assert page.sent("subscribe") == []


@pytest.mark.parametrize("how", ["id", "sid"])
def test_a_subscription_that_the_server_ends_hands_out_what_it_has_and_says_why(live: Page, how: str) -> None:
    live.events(10)
    live.hear("error", **{how: 1 if how == "id" else 7}, code="too_slow", message="no")
    live.do("loop", "s")
    live.do("loop", "s")

    assert ids(live.take("yielded")) == [10]
    [[_, error], [_]] = live.take("looped")
    assert (error["error"], error["code"], error["message"]) == ("Refused", "too_slow", "no")
    live.reconnect()
    assert live.sent("subscribe") == []


def test_a_subscription_that_is_listened_to_is_told_its_end(page: Page) -> None:
    page.connect()
    page.subscribe()
    page.do("listen", "s", "event", "closed")
    page.hear("error", id=1, code="invalid_subscription", message="no such dialect")

    assert [(name, error["code"]) for name, error in page.take("closed")] == [("s", "invalid_subscription")]


def test_an_end_that_nobody_listens_to_is_not_passed_over(page: Page) -> None:
    page.connect()
    page.subscribe()
    page.do("listen", "s", "event")
    page.hear("error", id=1, code="invalid_subscription", message="no such dialect")

    assert [error["error"] for [error] in page.take("unhandled")] == ["Refused"]


def test_closing_unsubscribes_and_ends_the_iteration(live: Page) -> None:
    live.do("loop", "s")
    live.do("close", "s")
    assert live.take("looped") == [["s"]]
    [asked] = live.sent("unsubscribe")
    assert asked["sid"] == 7

    live.events(10)
    live.subscribed(offset=15, recovered=False)
    live.hear("error", sid=7, code="too_slow", message="no")
    assert live.take("resolved") == []
    live.hear("unsubscribed", id=asked["id"], sid=7)
    assert live.take("resolved") == [["close s", None]]
    assert live.take("yielded") == []
    live.reconnect()
    assert live.sent("subscribe") == []


def test_closing_hands_out_nothing_more(live: Page) -> None:
    live.events(10)
    live.do("listen", "s", "closed")
    for _ in range(2):
        live.do("close", "s")
    live.do("loop", "s")

    assert (live.take("yielded"), live.take("looped")) == ([], [["s"]])
    assert live.take("closed") == [["s", None]]


def test_behind_unsubscribed_nothing_may_come(live: Page) -> None:
    live.do("close", "s")
    live.hear("unsubscribed", id=2, sid=7)
    live.events(10)

    assert live.take("hung up") == [[4002]]


def test_one_that_is_closed_before_its_answer_unsubscribes_behind_it(page: Page) -> None:
    page.connect()
    page.subscribe()
    page.do("close", "s")
    assert page.sent("unsubscribe") == []

    page.subscribed()
    assert [asked["sid"] for asked in page.sent("unsubscribe")] == [7]


@pytest.mark.parametrize("when", ["never connected", "lost", "lost behind unsubscribe"])
def test_one_that_is_closed_without_a_connection_is_gone(page: Page, when: str) -> None:
    page.client()
    if when == "never connected":
        page.subscribe()
        page.do("close", "s")
    else:
        page.do("open")
        page.subscribe()
        page.subscribed()
        if when == "lost":
            page.do("drop", 1006, "")
            page.do("close", "s")
        else:
            page.do("close", "s")
            page.do("drop", 1006, "")
        page.do("fire")
    page.sent("subscribe")
    page.do("open")

    assert page.take("resolved") == [["close s", None]]
    assert page.sent("subscribe") == []


def test_subscriptions_are_there_before_what_is_published_is_sent(page: Page) -> None:
    page.client()
    page.publish("p")
    page.subscribe()
    page.do("open")

    assert [json.loads(text)["op"] for text in page.texts()] == ["subscribe", "publish"]


@pytest.mark.parametrize("end", ["error", "close", "client"])
def test_one_that_has_ended_may_be_closed(live: Page, end: str) -> None:
    if end == "error":
        live.hear("error", sid=7, code="too_slow", message="no")
    elif end == "close":
        live.do("close", "s")
        live.hear("unsubscribed", id=2, sid=7)
    else:
        live.do("closeClient")
    live.sent("unsubscribe")
    live.take("resolved")
    live.do("close", "s")

    assert live.take("resolved") == [["close s", None]]
    assert live.sent("unsubscribe") == []


# Durable subscriptions.


@pytest.fixture
def durable(page: Page) -> Page:
    """A page whose durable subscription ``s`` holds the events from 10 to 19, and may hold 20."""
    page.connect()
    page.subscribe(name="billing", credit=20)
    page.subscribed()
    page.events(*range(10, 20))
    return page


def test_what_is_settled_is_told_together_as_ranges(durable: Page) -> None:
    durable.do("settle", "s", [10, 12, event(1, eventdoffset=11), 19])
    durable.do("settle", "s", event(1, eventdoffset=15))
    durable.do("settle", "s", 17, "retry", 2.5)
    durable.do("settle", "s", 18, "reject")
    assert durable.sent("settle") == []
    assert durable.pauses() == [20]

    durable.do("fire")
    assert durable.sent("settle") == [
        {"op": "settle", "sid": 7, "offsets": [[10, 12], 15, 19], "outcome": "done"},
        {"op": "settle", "sid": 7, "offsets": [17], "outcome": "retry", "after": 2.5},
        {"op": "settle", "sid": 7, "offsets": [18], "outcome": "reject"},
    ]
    assert durable.sent("credit") == [{"op": "credit", "sid": 7, "n": 7}]


def test_much_that_is_settled_is_told_at_once(durable: Page) -> None:
    durable.do("settle", "s", 19)
    durable.do("settle", "s", list(range(10, 19)))
    assert durable.sent("settle") == [{"op": "settle", "sid": 7, "offsets": [[10, 19]], "outcome": "done"}]
    assert durable.sent("credit") == [{"op": "credit", "sid": 7, "n": 10}]
    assert durable.pauses() == []

    durable.events(20)
    durable.do("settle", "s", 20)
    assert durable.pauses() == [20]


def test_what_is_handed_out_and_not_settled_grants_no_credit(durable: Page) -> None:
    for _ in range(10):
        durable.do("next", "s")
    durable.do("settle", "s", 10)
    durable.do("fire")

    assert durable.sent("credit") == [{"op": "credit", "sid": 7, "n": 1}]


def test_who_waits_for_more_tells_what_is_settled_first(durable: Page) -> None:
    durable.do("settle", "s", 10)
    for _ in range(10):
        durable.do("next", "s")
    assert durable.sent("settle") == []

    durable.do("next", "s")
    assert len(durable.sent("settle")) == 1


def test_only_what_is_held_is_settled(durable: Page) -> None:
    for _ in range(2):
        durable.do("settle", "s", [10, 9, 99])
        if durable.pauses():
            durable.do("fire")

    assert [told["offsets"] for told in durable.sent("settle")] == [[10]]
    assert [told["n"] for told in durable.sent("credit")] == [1]


def test_what_is_not_settled_comes_again_behind_a_loss(durable: Page) -> None:
    durable.do("next", "s")
    durable.do("settle", "s", 10)
    durable.sent("subscribe")
    durable.reconnect()
    assert durable.sent("subscribe") == [
        {"op": "subscribe", "id": 1, "types": ["com.>"], "name": "billing", "credit": 20},
    ]
    durable.take("resolved")
    durable.subscribed(sid=3, offset=10)
    durable.do("settle", "s", 11)
    assert durable.pauses() == []
    durable.events(*range(10, 20), sid=3)
    durable.events(5, sid=3, offset=20)
    durable.do("settle", "s", 10)
    durable.do("fire")

    assert durable.sent("settle") == [{"op": "settle", "sid": 3, "offsets": [10], "outcome": "done"}]
    durable.do("loop", "s")
    assert ids(durable.take("yielded")) == [*range(10, 20), 5]


def test_what_is_settled_is_told_before_the_end(durable: Page) -> None:
    durable.do("settle", "s", 10)
    durable.do("close", "s")

    assert [json.loads(text)["op"] for text in durable.texts()] == ["subscribe", "settle", "credit", "unsubscribe"]


def test_without_credit_the_server_bounds_what_is_held(page: Page) -> None:
    page.connect()
    page.subscribe(name="billing")
    page.subscribed()
    page.events(10)
    page.do("settle", "s", 10)
    page.do("fire")

    assert "credit" not in page.sent("subscribe")[0]
    assert (len(page.sent("settle")), page.sent("credit")) == (1, [])


@pytest.mark.parametrize("what", [[10, "lost"], [10, "retry", -1], [10, "retry", "soon"]])
def test_an_outcome_that_makes_no_sense_is_refused(durable: Page, what: list[Any]) -> None:
    durable.do("settle", "s", *what)

    assert [error["error"] for [error] in durable.take("thrown")] == ["TypeError"]


def test_only_durable_subscriptions_are_settled(live: Page) -> None:
    live.do("settle", "s", 10)

    assert [error["error"] for [error] in live.take("thrown")] == ["TypeError"]


def test_what_has_no_place_is_not_settled(durable: Page) -> None:
    durable.hear("events", sid=7, events=[event(1)], offset=20)
    durable.do("settle", "s", event(1))

    assert durable.pauses() == []


def test_behind_the_end_nothing_is_settled(durable: Page) -> None:
    durable.do("close", "s")
    durable.do("settle", "s", list(range(10, 20)))

    assert durable.sent("settle") == []


def test_a_member_of_a_server_that_leaves_settles_no_more(durable: Page) -> None:
    durable.hear("bye", reason="shutdown", retry_after=1)
    durable.do("settle", "s", list(range(10, 20)))

    assert durable.sent("settle") == []


# Presence.


def test_presence_is_asked_for_and_asked_again_behind_a_loss(page: Page) -> None:
    page.connect()
    page.do("presence", "q", ["com.>"])
    asked = {"op": "presence", "id": 1, "types": ["com.>"]}
    assert page.sent("presence") == [asked]

    page.reconnect()
    assert page.sent("presence") == [asked]
    page.hear("present", id=1, subscriptions=[{"types": ["com.t"], "name": None}])
    assert page.take("resolved") == [["q", [{"types": ["com.t"], "name": None}]]]


def test_presence_that_is_refused(page: Page) -> None:
    page.connect()
    page.do("presence", "q", "com..t")
    page.hear("error", id=1, code="invalid_subscription", message="no pattern")

    assert [(name, error["code"]) for name, error in page.take("rejected")] == [("q", "invalid_subscription")]
