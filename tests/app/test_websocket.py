from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventd import Callback, Event, WebSocket
from eventd.client import Closed, Nacked, Refused
from eventd.client.teller import Teller
from tests.app.support import event, loop_of, started
from tests.client.world import World
from tests.support.wait import until


@pytest.fixture
def world() -> Iterator[World]:
    with World() as running:
        yield running


class Kept(Callback):
    """Keeps what it is called with; ``then`` is called with each message."""

    def __init__(self, then: Callable[[WebSocket, Event], Any] = lambda websocket, message: None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self._then = then

    def _keep(self, *call: Any) -> None:
        self.calls.append(call)
        self.threads.add(threading.current_thread().name)

    def on_connect(self, websocket: WebSocket, resources: list[str]) -> None:
        self._keep("connect", resources)

    def on_disconnect(self, websocket: WebSocket, resources: list[str]) -> None:
        self._keep("disconnect", resources)

    def on_message(self, websocket: WebSocket, resource: str, message: Event) -> None:
        self._keep("message", resource, message.id)
        self._then(websocket, message)

    def on_error(self, websocket: WebSocket, resource: str, error: Exception) -> None:
        self._keep("error", resource, error)

    def of(self, kind: str) -> list[Any]:
        return [call[1:] for call in self.calls if call[0] == kind]

    @property
    def ids(self) -> list[str]:
        return [call[1] for call in self.of("message")]


def test_it_tells_of_the_connection_the_messages_and_the_end(world: World) -> None:
    world.log += [event(1)]
    kept = Kept()
    with WebSocket(world.url, "Event Data", callbacks=kept, start="earliest") as websocket:
        until(lambda: kept.of("message"))
        assert websocket.connected

    assert kept.calls == [("connect", ["Event Data"]), ("message", "Event Data", "1"), ("disconnect", ["Event Data"])]
    assert kept.threads == {"eventd-websocket"}
    assert not websocket.connected


def test_four_functions_do_as_well(world: World) -> None:
    calls: list[str] = []
    functions = [lambda *args, name=name: calls.append(name) for name in ("connect", "disconnect", "message", "error")]
    world.log += [event(1)]
    with WebSocket(world.url, ">", functions, start="earliest"):
        until(lambda: len(calls) == 2)

    assert calls == ["connect", "message", "disconnect"]


def test_a_callback_may_send_and_wait_for_the_answer(world: World) -> None:
    answers: list[Any] = []

    def answer(websocket: WebSocket, message: Event) -> None:
        if message.type == "question":
            answers.append(websocket.send(Event("answer", id="2")))

    kept = Kept(answer)
    world.log += [event(1, type="question")]
    with WebSocket(world.url, ">", kept, start="earliest"):
        until(lambda: len(kept.ids) == 2)

    assert (answers[0].first, answers[0].durability) == (1, "disk")
    assert kept.ids == ["1", "2"]


def test_a_refused_event_is_told_to_who_sent_it(world: World) -> None:
    world.rules["publish"] = lambda talk, told: talk.say("nack", id=told["id"], errors=[])
    with WebSocket(world.url) as websocket, pytest.raises(Nacked):
        websocket.send(Event("a"))


def test_each_resource_has_its_own_subscription_and_name(world: World) -> None:
    world.log += [event(1)]
    kept = Kept()
    names = {"readings": "a.>", "the rest": ["b", "c"]}
    with WebSocket(world.url, names, kept, start="earliest") as websocket:
        until(lambda: len(kept.ids) == 2)
        asked = sorted(told["types"] for told in world.talk.ops("subscribe"))

    assert asked == [["a.>"], ["b", "c"]]
    assert websocket.resources == ["readings", "the rest"]
    assert sorted(call[0] for call in kept.of("message")) == ["readings", "the rest"]


def test_it_comes_back_and_goes_on_where_it_was(world: World) -> None:
    kept = Kept()
    with WebSocket(world.url, callbacks=kept, start="earliest") as websocket:
        websocket.send(Event("a", id="1"))
        until(lambda: kept.ids == ["1"])
        world.cut()
        websocket.send(Event("a", id="2"))
        until(lambda: kept.ids == ["1", "2"])

    assert [call[0] for call in kept.calls] == [
        "connect", "message", "disconnect", "connect", "message", "disconnect",
    ]  # fmt: skip


def test_started_again_it_goes_on_behind_what_it_has_handled(world: World) -> None:
    world.log += [event(number) for number in range(100)]
    kept = Kept(lambda websocket, message: message.id == "4" and websocket.stop())
    websocket = WebSocket(world.url, callbacks=kept, start="earliest")
    websocket.start()
    until(lambda: kept.of("disconnect"))
    assert websocket.stop()
    assert kept.ids == ["0", "1", "2", "3", "4"]
    with websocket:
        until(lambda: len(kept.ids) >= 100)

    assert kept.ids == [str(number) for number in range(100)]


def test_what_a_callback_raises_is_told_and_stops_nothing(world: World) -> None:
    def fails(websocket: WebSocket, message: Event) -> None:
        raise SystemExit(3) if message.id == "1" else ZeroDivisionError(message.id)

    kept = Kept(fails)
    world.log += [event(number) for number in range(3)]
    with WebSocket(world.url, "Event Data", kept, start="earliest"):
        until(lambda: len(kept.of("error")) == 3)

    assert [resource for resource, _ in kept.of("error")] == ["Event Data"] * 3
    assert [type(error) for _, error in kept.of("error")] == [ZeroDivisionError, RuntimeError, ZeroDivisionError]
    assert "SystemExit" in str(kept.of("error")[1][1])


def test_an_on_connect_that_raises_is_told_for_no_resource(world: World) -> None:
    class Failing(Kept):
        def on_connect(self, websocket: WebSocket, resources: list[str]) -> None:
            raise ZeroDivisionError

    kept = Failing()
    with WebSocket(world.url, callbacks=kept):
        until(lambda: kept.of("error"))

    assert [resource for resource, _ in kept.of("error")] == [""]


def test_an_on_error_that_raises_goes_to_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Kept):
        def on_error(self, websocket: WebSocket, resource: str, error: Exception) -> None:
            raise RuntimeError("not even that")

    kept = Failing(lambda websocket, message: {}[message.id])
    world.log += [event(1), event(2)]
    with WebSocket(world.url, callbacks=kept, start="earliest"):
        until(lambda: kept.ids == ["1", "2"])
        until(lambda: caplog.text.count("RuntimeError: not even that") == 2)

    assert "KeyError" in caplog.text


def test_a_refused_subscription_is_told(world: World) -> None:
    world.rules["subscribe"] = lambda talk, told: talk.say("error", id=told["id"], code="conflict", message="no")
    kept = Kept()
    with WebSocket(world.url, callbacks=kept):
        until(lambda: kept.of("error"))

    assert [type(error) for _, error in kept.of("error")] == [Refused]


def test_a_durable_message_is_settled_when_it_was_handled_and_comes_again_when_it_was_not(world: World) -> None:
    def fails(websocket: WebSocket, message: Event) -> None:
        if message.id == "1":
            raise ZeroDivisionError

    world.log += [event(number) for number in range(3)]
    with WebSocket(world.url, ">", Kept(fails), name="mine", start="earliest"):
        until(lambda: len(world.talk.ops("settle")) == 2)
        [asked] = world.talk.ops("subscribe")
        told = {one["outcome"]: one["offsets"] for one in world.talk.ops("settle")}

    assert asked["name"] == "mine"
    assert told == {"done": [0, 2], "retry": [1]}


def test_several_durable_resources_have_names_of_their_own(world: World) -> None:
    with WebSocket(world.url, ["a", "b"], name="mine"):
        until(lambda: len(world.talk.ops("subscribe")) == 2)

    assert sorted(told["name"] for told in world.talk.ops("subscribe")) == ["mine/a", "mine/b"]


def test_the_token_and_headers_go_with_it(world: World) -> None:
    asked: list[Any] = []
    world.door = lambda connection, request: asked.append(request.headers)
    with WebSocket(world.url, token="s3cret", headers={"X-Mine": "1"}):
        until(lambda: asked)

    assert (asked[0]["Authorization"], asked[0]["X-Mine"]) == ("Bearer s3cret", "1")


def test_a_callback_that_waits_for_an_answer_does_not_hold_up_the_end(world: World) -> None:
    errors: list[Any] = []

    def send(websocket: WebSocket, message: Event) -> None:
        try:
            websocket.send(Event("a"))
        except Closed as error:
            errors.append(error)

    world.rules["publish"] = lambda talk, told: None
    world.log += [event(1)]
    websocket = WebSocket(world.url, callbacks=Kept(send), start="earliest")
    websocket.start()
    until(lambda: world.talk.ops("publish"))

    assert websocket.stop(0.05)
    assert len(errors) == 1


def test_a_callback_that_hangs_is_told() -> None:
    go = threading.Event()
    with World() as world:
        world.log += [event(1)]
        kept = Kept(lambda websocket, message: go.wait())
        websocket = WebSocket(world.url, callbacks=kept, start="earliest")
        websocket.start()
        until(lambda: kept.ids)
        assert not websocket.stop(0.05)
        with pytest.raises(RuntimeError, match="started already"):
            websocket.start()
        go.set()
        assert websocket.stop()


def test_what_is_not_started_sends_nothing_and_stops() -> None:
    websocket = WebSocket("ws://localhost")
    with pytest.raises(RuntimeError, match="is not started"):
        websocket.send(Event("a"))
    assert websocket.stop()
    assert not websocket.connected


@pytest.mark.parametrize(
    "arguments", [("http://localhost",), ("ws://localhost", {}), ("ws://localhost", ["a.>"], [print])]
)
def test_what_cannot_be_used_is_refused_at_once(arguments: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        WebSocket(*arguments)


def test_a_loop_starts_and_stops_it_and_callbacks_publish_to_the_loop(world: World) -> None:
    seen: list[str] = []
    loop = loop_of(lambda handled: seen.append(handled.name))
    kept = Kept(lambda websocket, message: loop.publish(Event("from.callback")))
    websocket = loop.subscribe(WebSocket(world.url, callbacks=kept, start="earliest"))
    with pytest.raises(TypeError, match="given to itself"):
        loop.subscribe(websocket, name="other")
    world.log += [event(1)]
    with started(loop):
        until(lambda: seen)

    assert seen == ["from.callback"]
    assert [call[0] for call in kept.calls] == ["connect", "message", "disconnect"]


def test_a_connection_is_told_before_what_it_brought(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Teller, "tell", lambda self, states: None)
    world.log += [event(1)]
    kept = Kept()
    with WebSocket(world.url, callbacks=kept, start="earliest"):
        until(lambda: len(kept.calls) == 2)

    assert [call[0] for call in kept.calls] == ["connect", "message", "disconnect"]


def test_a_callback_stops_the_loop(world: World) -> None:
    loop = loop_of()
    loop.subscribe(WebSocket(world.url, callbacks=Kept(lambda websocket, message: loop.stop()), start="earliest"))
    world.log += [event(1)]
    loop.start()

    assert not loop.running


def test_a_loop_runs_although_nobody_answers() -> None:
    seen: list[str] = []
    loop = loop_of(lambda handled: seen.append(handled.name), WebSocket("ws://localhost:1"))
    with started(loop):
        loop.publish(Event("a"))
        until(lambda: seen)


def test_it_needs_no_eventlet() -> None:
    code = "import sys, eventd; eventd.WebSocket; eventd.Callback; print('eventlet' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "False\n"
