"""What the formats cost an event, against their budgets: ``python -m bench.micro.formats``.

Each line is the best of several runs, so that what else the machine does counts least.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial

import msgspec
from msgspec.msgpack import Ext

from eventd.event import Block, Draft, Event
from eventd.formats import blocks, json_events, msgpack_events, rules
from eventd.formats.forward_entries import array_header, read_entries, read_packed
from eventd.formats.payloads import Fill
from eventd.formats.placed import placed
from eventd.routing import Router

__all__ = ["main"]

EVENTS = 1000
RUNS = 7

MEMBERS = {
    "specversion": "1.0",
    "id": "a1b2c3",
    "source": "/sensors/1",
    "type": "com.example.sensor.reading",
    "time": "2026-01-31T12:00:00.123456Z",
    "datacontenttype": "application/json",
    "data": {"celsius": 21.5, "sensor": "s1"},
}


class Reading(msgspec.Struct):
    """The payload of the event that is measured."""

    celsius: float
    sensor: str


SCHEMAS: dict[str, type] = {"com.example.sensor.reading": Reading}


def measure(name: str, budget: float, once: Callable[[], object], *, events: int = 1) -> None:
    """Print microseconds an event, and whether they are within the budget."""
    number = max(1, 20_000 // events)
    took = min(timeit.repeat(once, number=number, repeat=RUNS)) / (number * events) * 1e6
    print(f"{name:36} {took:8.3f} µs   budget {budget:5.2f}   {'ok' if took <= budget else 'OVER'}")


def block(draft: Draft) -> Block:
    """The draft as the journal would hand it out."""
    return Block(1, draft.count, draft.encoding, draft.types, 1, draft.body, draft.origin)


def measure_readers() -> None:
    """What a door pays."""
    json, packed = msgspec.json.encode(MEMBERS), msgspec.msgpack.encode(MEMBERS)
    extended = msgspec.json.encode({**MEMBERS, "traceparent": "00-4bf9-00f0-01"})
    attributes = {name: value for name, value in MEMBERS.items() if name != "data"}
    sparse, fill = b'{"type":"a.b","data":{"celsius":21.5}}', Fill("/here")
    batch = b"[" + b",".join([json] * EVENTS) + b"]"
    measure("rules.check", 1.5, lambda: rules.check(attributes))
    measure("JSON, one", 3, lambda: json_events.read_event(json, {}))
    measure("JSON, one with a declared payload", 3.5, lambda: json_events.read_event(json, SCHEMAS))
    measure("JSON, one with an extension", 6, lambda: json_events.read_event(extended, {}))
    measure("JSON, one with attributes to fill in", 6, lambda: json_events.read_event(sparse, {}, fill=fill))
    measure("JSON, batch", 3, lambda: json_events.read_batch(batch, {}), events=EVENTS)
    measure("msgpack, one", 3, lambda: msgpack_events.read_event(packed, {}))


def measure_blocks() -> None:
    """What a handler pays."""
    raws = [msgspec.json.encode(MEMBERS)] * EVENTS
    json = block(json_events.read_events(raws, {}))
    packed = block(msgpack_events.read_events([msgspec.msgpack.encode(MEMBERS)] * EVENTS, {}))
    emitted = [Event("a.b", {"x": 1}) for _ in range(EVENTS)]
    drafts = [json_events.read_event(raws[0], {})] * EVENTS
    measure("JSON block to events", 0.8, lambda: blocks.decode(json), events=EVENTS)
    measure("msgpack block to events", 0.8, lambda: blocks.decode(packed), events=EVENTS)
    measure("events to a draft", 6, lambda: blocks.draft_of(emitted, {}, "n"), events=EVENTS)
    measure("drafts joined", 0.5, lambda: blocks.merge(drafts), events=EVENTS)


def measure_forward() -> None:
    """What Forward entries cost at the door and in a handler."""
    entry = msgspec.msgpack.encode([Ext(0, b"\x65\0\0\0\0\0\0\1"), {"log": "hello world", "n": 1, "level": "info"}])
    body = entry * EVENTS
    array = array_header(EVENTS) + body
    draft, _ = read_entries("app.log", array, origin="/o", schemas={})
    assert draft is not None
    kept = block(draft)

    def hinted() -> object:
        return read_packed("app.log", body, size_hint=EVENTS, origin="/o", schemas={})

    def counted() -> object:
        return read_packed("app.log", body, origin="/o", schemas={})

    measure("Forward entries", 0.15, lambda: read_entries("app.log", array, origin="/o", schemas={}), events=EVENTS)
    measure("Forward packed, number told", 0.15, hinted, events=EVENTS)
    measure("Forward packed, number found", 0.3, counted, events=EVENTS)
    measure("Forward block to events", 0.45, lambda: blocks.decode(kept), events=EVENTS)
    for name, json in (("JSON", True), ("msgpack", False)):
        measure(f"Forward block to placed {name}", 3.5, partial(placed, kept, json=json), events=EVENTS)


def measure_routing() -> None:
    """What it costs to find who wants a type, among a thousand patterns."""
    router: Router[int] = Router()
    for number in range(1000):
        router.add(f"com.example.{number}.>", number)
    measure("routing", 0.2, lambda: router.match("com.example.500.reading"))


def main() -> None:
    """Print the table."""
    for part in (measure_readers, measure_blocks, measure_forward, measure_routing):
        part()


if __name__ == "__main__":
    main()
