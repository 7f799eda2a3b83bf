"""What plugins emit during a call is kept for the one who called."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from eventd.calls.collector import DRAFT_BYTES, MOST_EMITTED, Collector, source_of
from eventd.errors import InvalidEvent, PluginError
from eventd.event import Draft, Event
from eventd.formats.blocks import decode
from tests.dispatch.support import block_of


def events_of(drafts: list[Draft]) -> list[Event]:
    return [event for draft in drafts for event in decode(block_of(0, draft))]


def test_a_source_names_node_and_plugin() -> None:
    assert source_of("host 1", "handler:a b") == "eventd://host%201/handler/a%20b"


def test_a_collector_keeps_what_is_emitted_while_it_is_open() -> None:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    collector("a", {"n": 1}, subject="s", colour="red")
    collector.emit(Event("b", None), Event("c"))

    first, second, third = events_of(collector.close())

    assert (first.type, first.data, first.subject, first.attributes["colour"]) == ("a", {"n": 1}, "s", "red")
    assert first.source == "eventd://n/handler/x"
    assert (second.type, second.data) == ("b", None)
    assert third.type == "c"
    assert len({event.id for event in (first, second, third)}) == 3


def test_a_collector_forgets_what_was_emitted_since_a_mark() -> None:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    collector("a")
    mark = collector.mark()
    collector("b")
    collector.rewind(mark)
    collector("c")

    assert [event.type for event in events_of(collector.close())] == ["a", "c"]


def test_emitting_outside_of_the_call_is_refused() -> None:
    collector = Collector("eventd://n/handler/x", {})

    with pytest.raises(RuntimeError, match="outside"):
        collector("a")
    collector.open()
    collector.close()
    with pytest.raises(RuntimeError, match="outside"):
        collector("a")


def test_several_events_are_emitted_together_or_not_at_all() -> None:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()

    with pytest.raises(InvalidEvent):
        collector.emit(Event("a"), Event(""))
    collector.emit()

    assert collector.close() == []


def test_ids_of_several_threads_differ(tmp_path: Path) -> None:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    threads = [threading.Thread(target=lambda: [collector("a") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({event.id for event in events_of(collector.close())}) == 800


def test_a_loop_that_emits_for_ever_ends_before_the_memory_does() -> None:
    collector = Collector("eventd://n/handler/x", {})
    collector.open()
    mark = collector.mark()

    with pytest.raises(PluginError, match="64 MiB"):
        for _ in range(MOST_EMITTED // (1 << 20) + 1):
            collector("a", "x" * (1 << 20))
    with pytest.raises(PluginError, match="64 MiB"):
        collector("a", "x" * (MOST_EMITTED + 1))
    collector.rewind(mark)
    collector("a", "x" * (MOST_EMITTED // 2 - DRAFT_BYTES))

    assert len(collector.close()) == 1
