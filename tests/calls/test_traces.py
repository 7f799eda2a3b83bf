"""What a call emitted and what it wrote are taken back together."""

from __future__ import annotations

import pytest

from eventd.calls.collector import Collector
from eventd.calls.state import StateView
from eventd.calls.traces import Traces
from tests.calls.test_state import Committed


def test_a_rewind_takes_back_both_kinds() -> None:
    collector, state = Collector("s", {}), StateView(Committed())
    traces = Traces(collector, state)
    traces.open()
    state.set("kept", 1)
    collector("a")
    mark = traces.mark()
    state.set("kept", 2)
    collector("b")
    traces.rewind(mark)

    assert [draft.types for draft in traces.close()] == [("a",)]
    assert state.get("kept") == 1
    with pytest.raises(RuntimeError, match="outside"):
        state.set("kept", 3)


def test_without_a_state_there_is_only_what_was_emitted() -> None:
    collector = Collector("s", {})
    traces = Traces(collector, None)
    traces.open()
    collector("a")
    traces.rewind()
    collector("b")

    assert [draft.types for draft in traces.close()] == [("b",)]
