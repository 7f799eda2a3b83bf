"""What delivery promises, against plain models: random keys, failures, sizes of batches, and crashes at any commit.

A crash is made by a journal that takes some units and none after them: what a consumer
believed it had done is gone, and the next run begins at what is durable.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventd.errors import JournalUnavailable
from eventd.event import Batch, Event
from eventd.formats.blocks import decode
from eventd.journal import Unit
from eventd.plugin.contract import Emitter, Handler, Reject, Retry, State
from tests.dispatch.support import draft, forward_draft
from tests.dispatch.world import World, on_hub, wait

SETTINGS = "start = earliest\nretry_first = 0.5ms\nretry_most = 1ms\nattempts = 3\n"


class Fate(msgspec.Struct):
    """What becomes of an event: how often it fails in each run, and in which way."""

    fails: int = 0
    way: str = "raise"


class Observer:
    """Somebody outside of eventd, who writes down what handlers do, run by run."""

    def __init__(self, fates: list[tuple[int, Fate]]) -> None:
        self.keys = [key for key, _ in fates]
        self.fates = [fate for _, fate in fates]
        self.tries: Counter[int] = Counter()
        #: What was handed out for the first time, and what succeeded, in order.
        self.first: list[list[int]] = []
        self.done: list[list[int]] = []

    def begin(self) -> None:
        self.tries.clear()
        self.first.append([])
        self.done.append([])

    def handed(self, numbers: list[int]) -> None:
        self.first[-1] += [number for number in numbers if number not in self.first[-1]]

    def attempt(self, number: int) -> None:
        self.tries[number] += 1
        fate = self.fates[number]
        if self.tries[number] <= fate.fails:
            raise {"raise": ValueError("no"), "retry": Retry(0.0005), "reject": Reject("never")}[fate.way]

    def in_order(self, *, ordered: bool) -> None:
        for first, done in zip(self.first, self.done, strict=True):
            for key in set(self.keys) if ordered else ():
                of_key = [number for number in done if self.keys[number] == key]
                assert all(one < other for one, other in pairwise(of_key))
            assert ordered or all(one < other for one, other in pairwise(first))


def handler_of(seen: Observer) -> type[Handler]:
    class Counts(Handler):
        types = ("a",)

        def __init__(self, state: State, emit: Emitter) -> None:
            self.state, self.emit = state, emit

        def handle(self, batch: Batch) -> None:
            done = []
            seen.handed([event.data["n"] for event in batch])
            for event in batch:
                self.state.add(f"key/{event.data['k']}")
                self.emit("b", {"n": event.data["n"]})
                seen.attempt(event.data["n"])
                done.append(event.data["n"])
            seen.done[-1] += done

    return Counts


def event_type_of(seen: Observer) -> type[Event]:
    class Counts(Event):
        type = "a"

        def execute(self, state: State, emit: Emitter) -> None:
            state.add(f"key/{self.data['k']}")
            emit("b", {"n": self.data["n"]})
            seen.handed([self.data["n"]])
            seen.attempt(self.data["n"])
            seen.done[-1].append(self.data["n"])

    return Counts


class Life:
    """One run of the daemon, until its work is done or the journal takes no more units of the consumer."""

    def __init__(self, path: Path, seen: Observer, kind: str, text: str) -> None:
        self.seen = seen
        self.ordered = "order_by" in text
        self.name = "handler:it" if kind == "handler" else "event_type:Counts"
        plugins: dict[str, Any] = (
            {"handlers": {"it": handler_of(seen)}} if kind == "handler" else {"event_types": [event_type_of(seen)]}
        )
        self.world = World(path, **plugins, text=f"[{self.name}]\n{SETTINGS}{text}")
        self.left = -1
        self._submit = self.world.journal.submit
        self.world.journal.submit = self.submit  # type: ignore[method-assign]  # the crash

    def submit(self, unit: Unit, done: Callable[[Any], None]) -> None:
        if unit.moves and self.left == 0:
            self.world.crashed = True
            self.world.bridge.post(done, JournalUnavailable("crashed", retry_after=3600.0))
            return
        self.left -= bool(unit.moves)
        self._submit(unit, done)

    def run(self, units: int, cuts: list[int]) -> bool:
        """Whether it came to the end of its work."""
        self.seen.begin()
        self.left = units
        with self.world as world:
            if len(self.seen.done) == 1:
                self.publish(cuts)
            wait(self.over)
            world.dispatcher.stop(2.0)
            if not world.crashed:
                self.check()
        return not world.crashed

    def over(self) -> bool:
        world, status = self.world, self.world.status(self.name)
        assert status.settled + status.dead + status.passed + status.pending == world.journal.end - status.since
        record = world.journal.consumers.get(self.name)
        assert record is None or record.settled + record.dead + record.passed == record.done - record.since
        return world.crashed or status.pending == 0

    def publish(self, cuts: list[int]) -> None:
        events = [{"n": number, "k": key} for number, key in enumerate(self.seen.keys)]
        edges = sorted({0, len(events), *[cut % len(events) for cut in cuts]})
        for index, (begin, end) in enumerate(pairwise(edges)):
            part = events[begin:end]
            self.world.publish(forward_draft("a", part) if index % 2 else draft(*[Event("a", data) for data in part]))
            self.world.publish(draft(Event("other", 1)))

    def check(self) -> None:
        journal, seen = self.world.journal, self.seen
        dead = [msgspec.json.decode(letter.event)["data"]["n"] for letter in self.world.dead()]
        settled = sorted(set(range(len(seen.keys))) - set(dead))
        assert len(dead) == len(set(dead))
        assert set(settled) <= {number for run in seen.done for number in run}

        emitted = [event.data["n"] for event in everything(self.world) if event.type == "b"]
        assert sorted(emitted) == settled
        state = {key: msgspec.msgpack.decode(value) for key, value in journal.state(self.name).range()}
        assert state == Counter(f"key/{seen.keys[number]}" for number in settled)

        record = journal.consumers[self.name]
        assert (record.settled, record.dead) == (len(settled), len(dead))
        # What it emitted last may have come after it had stopped.
        assert journal.end - len(emitted) <= record.done <= journal.end
        seen.in_order(ordered=self.ordered)


def everything(world: World) -> list[Event]:
    found: list[Event] = []
    while blocks := world.journal.read(found[-1].offset + 1 if found else 0):
        found += [event for block in blocks for event in decode(block)]
    return found


FATES = st.builds(Fate, st.integers(0, 4), st.sampled_from(["raise", "retry", "reject"]))
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.just(Fate()) | FATES), min_size=1, max_size=30)


@pytest.mark.parametrize("order", ["", "order_by = data.k\n"])
@pytest.mark.parametrize("kind", ["handler", "event_type"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, st.integers(1, 8), st.lists(st.integers(0, 30), max_size=4), st.lists(st.integers(0, 6), max_size=4))
def test_each_event_is_handled_and_counts_once_whatever_fails_or_crashes(
    kind: str, order: str, events: list[tuple[int, Fate]], size: int, cuts: list[int], crashes: list[int]
) -> None:
    @on_hub
    def body() -> None:
        seen = Observer(events)
        with tempfile.TemporaryDirectory() as directory:
            path, text = Path(directory), f"{order}batch_size = {size}\n"
            for units in [*crashes, 1 << 60]:
                if Life(path, seen, kind, text).run(units, cuts):
                    return

    body()
