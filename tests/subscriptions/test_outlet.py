"""What a subscription needs of its connection is all that it uses of it: any connection that has it will do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eventd.protocol.asks import Subscribe
from eventd.protocol.native import JSON, MSGPACK, Codec
from eventd.subscriptions.outlet import Outlet, Writable
from tests.subscriptions.world import World, decoded, on_hub, wait


class Paper:
    """A stream that keeps what is written."""

    buffered = 0
    closed = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def write_now(self, data: bytes) -> None:
        self.written.append(data)

    def drain(self, timeout: float | None = None) -> bool:
        return True


class Bare:
    """A connection with no more than is asked for."""

    deflate = 0
    number = 1
    client = "test"

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.paper = Paper()
        self.stream: Writable = self.paper

    def send(self, message: bytes) -> None:
        self.paper.write(message)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events that were written, each message a frame of its own with a short header."""
        events: list[dict[str, Any]] = []
        for data in self.paper.written:
            header = {126: 4, 127: 10}.get(data[1] & 127, 2)
            events += decoded(data[header:], text=self.codec.text)["events"]
        return events


@on_hub
@pytest.mark.parametrize("codec", [JSON, MSGPACK])
@pytest.mark.parametrize("name", [None, "it"])
def test_a_connection_that_has_what_is_asked_for_will_do(tmp_path: Path, codec: Codec, name: str | None) -> None:
    bare = Bare(codec)
    outlet: Outlet = bare
    with World(tmp_path) as world:
        world.publish(3)
        opened = world.subscriptions.subscribe(b"1", Subscribe(["a.*"], start="earliest", name=name), outlet, ())
        opened.subscription.begin()
        wait(lambda: len(bare.events) == 3)
        world.publish(2)
        wait(lambda: [event["eventdoffset"] for event in bare.events] == list(range(5)))
        opened.subscription.close()
