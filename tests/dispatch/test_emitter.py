"""What sources emit is delivered before the call returns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from eventd import green
from eventd.calls.collector import Collector
from eventd.dispatch.emitter import Deliver, DoorEmitter
from eventd.errors import EventdError, InvalidEvent, JournalUnavailable, Stopping
from eventd.event import Block, Draft, Event
from eventd.formats.blocks import decode
from tests.dispatch.support import block_of
from tests.dispatch.world import on_hub


def events_of(drafts: list[Draft]) -> list[Event]:
    return [event for draft in drafts for event in decode(block_of(0, draft))]


class Front:
    """A front door that remembers in which thread it was called, and answers later."""

    def __init__(self, *answers: EventdError | None) -> None:
        self.answers = list(answers)
        self.threads: list[str] = []
        self.blocks: list[Block] = []

    def submit(self, draft: Draft, done: Callable[[int, EventdError | None], None]) -> None:
        self.threads.append(threading.current_thread().name)
        error = self.answers.pop(0) if self.answers else None
        if error is None:
            self.blocks.append(block_of(0, draft))
        green.hub().call_soon(lambda: done(7, error))


@on_hub
def test_a_green_thread_gets_the_offset_when_it_is_durable() -> None:
    bridge, front = green.Bridge(), Front()
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    collector("a")

    assert Deliver(front.submit, bridge)(collector.close()[0]) == 7
    bridge.close()


@on_hub
def test_a_native_thread_reaches_the_door_on_the_hub() -> None:
    bridge, front = green.Bridge(), Front()
    emit = DoorEmitter("eventd://n/source/x", {}, Deliver(front.submit, bridge), threading.Event())
    worker = bridge.thread("clock")

    worker.call(emit, "a", 1)

    assert front.threads == [threading.current_thread().name]
    assert emit.emitted == 1
    assert decode(front.blocks[0])[0].data == 1
    worker.stop()
    bridge.close()


@on_hub
def test_a_source_is_held_back_while_the_journal_is_unavailable() -> None:
    bridge = green.Bridge()
    front = Front(JournalUnavailable("full", retry_after=0.001), JournalUnavailable("full", retry_after=0.001))
    emit = DoorEmitter("eventd://n/source/x", {}, Deliver(front.submit, bridge), green.Signal())

    emit("a")

    assert (len(front.threads), emit.emitted) == (3, 1)
    bridge.close()


@pytest.mark.parametrize(
    ("answer", "stopped", "raised"),
    [
        (Stopping("bye"), False, Stopping),
        (JournalUnavailable("full", retry_after=9.0), True, Stopping),
        (InvalidEvent("no", attribute="id"), False, InvalidEvent),
    ],
)
def test_a_source_is_told_what_trying_again_does_not_help(answer: Any, stopped: bool, raised: Any) -> None:
    @on_hub
    def body() -> None:
        bridge, stop = green.Bridge(), green.Signal()
        if stopped:
            stop.set()
        emit = DoorEmitter("eventd://n/source/x", {}, Deliver(Front(answer).submit, bridge), stop)

        with pytest.raises(raised):
            emit("a")
        assert emit.emitted == 0
        bridge.close()

    body()
