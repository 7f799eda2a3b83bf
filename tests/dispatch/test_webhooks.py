"""Webhooks turn requests into events, and answer when those are durable."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from eventd.errors import (
    ClientError,
    EventdError,
    InvalidEvent,
    JournalUnavailable,
    NotAllowed,
    PluginError,
    Unavailable,
)
from eventd.formats.blocks import decode
from eventd.plugin.contract import Emitter, Reject, Request, Response, Retry, Webhook
from tests.dispatch.world import World, on_hub
from tests.green.support import watched

PATH = "/hooks/it"


class Hook(Webhook):
    path = PATH
    outcome: Any = None

    def receive(self, request: Request, emit: Emitter) -> Response | None:
        emit("hook.one", {"body": request.body})
        emit("hook.two")
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome  # type: ignore[no-any-return]  # whatever the test wants


def hook(outcome: Any = None, run: str = "green") -> type[Hook]:
    return type("It", (Hook,), {"outcome": outcome, "run": run})


def ask(world: World, body: bytes = b"x") -> Response:
    return world.dispatcher.webhooks.routes()[PATH](Request(method="POST", path=PATH, target=PATH, body=body))


@pytest.mark.parametrize("run", ["green", "thread"])
def test_a_request_is_answered_when_its_events_are_durable(tmp_path: Path, run: str) -> None:
    @on_hub
    def body() -> None:
        with World(tmp_path, sources={"it": hook(run=run)}) as world:
            assert ask(world, b"payload").status == 204
            (block,) = world.journal.read(0)
            one, two = decode(block)
            assert (one.type, one.data, two.type) == ("hook.one", {"body": b"payload"}, "hook.two")
            assert one.source == "eventd://test-node/webhook/it"

    body()


@on_hub
def test_a_response_of_the_plugins_own_is_given(tmp_path: Path) -> None:
    with World(tmp_path, sources={"it": hook(Response(200, b"pong"))}) as world:
        assert ask(world).body == b"pong"
        assert world.journal.end == 2


@pytest.mark.parametrize(
    ("outcome", "raised", "status"),
    [
        (NotAllowed("wrong signature"), NotAllowed, 403),
        (InvalidEvent("no", attribute="data"), InvalidEvent, 400),
        (Retry(3.0, "busy"), Unavailable, 503),
        (Reject("not for us"), ClientError, 400),
        (ValueError("a fault"), PluginError, 500),
        (SystemExit(1), PluginError, 500),
        ("nonsense", PluginError, 500),
    ],
)
def test_what_it_raises_is_answered_and_nothing_is_stored(
    tmp_path: Path, outcome: Any, raised: Any, status: int
) -> None:
    @on_hub
    def body() -> None:
        with World(tmp_path, sources={"it": hook(outcome)}) as world:
            with pytest.raises(raised) as caught:
                ask(world)

            assert isinstance(caught.value, EventdError)
            assert caught.value.http_status == status
            assert world.journal.end == 0

    body()


@on_hub
def test_retry_tells_when(tmp_path: Path) -> None:
    with World(tmp_path, sources={"it": hook(Retry(3.0))}) as world:
        with pytest.raises(Unavailable) as caught:
            ask(world)

        assert caught.value.retry_after == 3.0


@on_hub
def test_a_full_disk_is_told_to_the_sender(tmp_path: Path) -> None:
    with World(tmp_path, sources={"it": hook()}) as world:
        world.refusal = JournalUnavailable("full")
        with pytest.raises(JournalUnavailable):
            ask(world)


@on_hub
def test_one_that_cannot_start_is_started_by_the_next_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[int] = []

    class Late(Hook):
        def start(self) -> None:
            attempts.append(1)
            if len(attempts) < 3:
                raise OSError("not yet")

        def stop(self) -> None:
            raise OSError("not either")

    with World(tmp_path, sources={"it": Late}) as world:
        with pytest.raises(PluginError):
            ask(world)
        assert ask(world).status == 204

    assert "webhook:it cannot be started" in caplog.text
    assert "webhook:it failed while it was stopped" in caplog.text


@on_hub
def test_one_that_stalls_is_moved_or_disabled_as_its_section_says(tmp_path: Path) -> None:
    class Stalls(Hook):
        def receive(self, request: Request, emit: Emitter) -> Response | None:
            time.sleep(0.05)
            return Response(200, body=threading.current_thread().name.encode())

    with watched(0.02), World(tmp_path, sources={"it": Stalls}) as world:
        assert [ask(world).body, ask(world).body] == [b"MainThread", b"webhook:it"]
    text = "[source:it]\non_stall = disable\n"
    with watched(0.02), World(tmp_path, sources={"it": Stalls}, text=text) as world:
        assert ask(world).status == 200
        with pytest.raises(Unavailable, match="webhook:it is disabled"):
            ask(world)


@on_hub
def test_one_that_is_broken_off_has_failed_and_its_sender_is_not_to_blame(tmp_path: Path) -> None:
    class Stalls(Hook):
        def receive(self, request: Request, emit: Emitter) -> Response | None:
            re.match(r"(a+)+$", "a" * 64 + "b")
            return None

    with watched(0.02, 0.05), World(tmp_path, sources={"it": Stalls}) as world:
        with pytest.raises(PluginError):
            ask(world)
        assert world.journal.end == 0
