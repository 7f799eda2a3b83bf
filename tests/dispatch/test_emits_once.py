"""A handler's emits and its place go together, also where one event of a batch waits for its next attempt."""

from __future__ import annotations

from pathlib import Path

from eventd.event import Batch
from eventd.formats.blocks import decode
from eventd.plugin.contract import Emitter, Handler
from tests.dispatch.support import numbered
from tests.dispatch.world import World, on_hub, wait


@on_hub
def test_what_a_batch_emitted_is_not_emitted_again_when_it_stops_before_a_retry(tmp_path: Path) -> None:
    class Derives(Handler):
        types = ("a",)
        broken = True

        def __init__(self, emit: Emitter) -> None:
            self.emit = emit

        def handle(self, batch: Batch) -> None:
            for index, event in enumerate(batch):
                if event.data["n"] == 0 and self.broken:
                    batch.fail(index, ValueError("not yet"))
                else:
                    self.emit("b", {"n": event.data["n"]})

    text = "[handler:derives]\nstart = earliest\nretry_first = 1h\nretry_most = 1h\n"
    with World(tmp_path, {"derives": Derives}, text=text) as world:
        world.publish(numbered("a", range(3)))
        wait(lambda: world.status("handler:derives").state == "retrying")
    Derives.broken = False
    with World(tmp_path, {"derives": Derives}, text=text) as world:
        world.done("handler:derives")
        events = [event for block in world.journal.read(0) for event in decode(block)]
        emitted = sorted(event.data["n"] for event in events if event.type == "b")
    assert emitted == [0, 1, 2]
